"""LSTMs whose gates are convolutions of images, volumes or signals."""

from math import prod
from typing import Any

from cnnbench.graph import ranked_layers
from cnnbench.layers._sizes import (
    join,
    positive,
    sizes,
    slide,
    split,
    strided_or_dilated,
    taps_inside,
)
from cnnbench.layers.recurrent import lstm_elementwise, over_time, step_of
from cnnbench.rule import WHOLE, Rule, Shape, Weight


def _conv_lstm(
    rank: int,
    x: Shape,
    filters: int,
    kernel_size: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
    activation: str | None = "tanh",
    recurrent_activation: str | None = "sigmoid",
    use_bias: bool = True,
    return_sequences: bool = False,
    return_state: bool = False,
) -> Rule:
    """An LSTM on images, (n, steps, h, w, c): 4 * filters * (kh * kw * (c + filters) + 1) weights.

    The input's convolution has the stride, padding and dilation given; the state's, on its
    output, is "same" with stride 1 (Shi et al., 1506.04214; Keras has no peepholes).
    """
    n, spatial, c = split(step_of(x, rank + 3), rank, data_format)
    size, step = sizes(kernel_size, rank, "kernel_size"), sizes(strides, rank, "strides")
    dilation = sizes(dilation_rate, rank, "dilation_rate")
    positive(filters, "filters")
    strided_or_dilated(step, dilation)
    positions, first, _ = slide(spatial, size, step, dilation, padding)
    state = join(n, positions, filters, data_format)
    width = 4 * filters
    outputs = n * prod(positions) * width
    recurrent = outputs * prod(size) * filters
    ones = (1,) * rank
    if padding == "valid":
        first = prod(positions) * prod(size)  # all
    again = taps_inside(positions, size, ones, ones, "same")
    inside = None
    if first is not None and again is not None:
        inside = n * width * (first * c + again * filters)
    biases = int(bool(use_bias))
    kernels = (
        Weight("kernel", (*size, c, width)),
        Weight("recurrent_kernel", (*size, filters, width)),
    )
    forward, backward = lstm_elementwise(state, activation, recurrent_activation)
    cell = Rule(
        state,
        weights=(*kernels, Weight("bias", (width,))) if use_bias else kernels,
        macs=outputs * prod(size) * c + recurrent,
        elementwise=outputs * (1 + biases) + forward,
        inside=inside,
        others=(state, state),
        scratch=outputs + 2 * prod(state),
        products=recurrent,
        backward=outputs * biases + backward,
        window=WHOLE,
    )
    return over_time(cell, x[1], return_sequences, return_state)


conv_lstm1d, conv_lstm2d, conv_lstm3d = ranked_layers("ConvLSTM{}D", _conv_lstm)
