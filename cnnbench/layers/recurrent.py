"""Recurrent layers and their cells; the gates of the last ones are convolutions.

A cell is one step: from (n, c) and its states to (n, units) and its new states. A layer runs
its cell over axis 1 of (n, steps, c). Initial states, masks and the direction of time do not
change the cost. `products` are the MACs on a state.
"""

from dataclasses import replace
from math import prod
from typing import Any

from cnnbench import units as texts
from cnnbench.errors import ShapeError
from cnnbench.graph import RULES, layer, ranked_layers
from cnnbench.layers._sizes import join, kernel_sizes, positive, slide, split, taps_inside
from cnnbench.layers.activation import activated
from cnnbench.rule import WHOLE, Rule, Shape, Weight


def over_time(cell: Rule, steps: int, return_sequences: bool, return_state: bool) -> Rule:
    """A cell run for a number of steps, and its last states if they are returned."""
    n, *values = cell.shape
    return replace(
        cell.times(steps),
        shape=(n, steps, *values) if return_sequences else cell.shape,
        others=cell.others if return_state else (),
        kept=steps * (cell.scratch if cell.kept is None else cell.kept),
    )


def step_of(x: Shape, rank: int | None = None) -> Shape:
    """The shape of one step of a sequence of `rank` axes."""
    if len(x) < 3 or (rank is not None and len(x) != rank):
        expected = "(n, steps, c)" if rank in (None, 3) else f"{rank} axes, (n, steps, ...)"
        raise ShapeError(f"expected a sequence of shape {expected}; got {texts.shape(x)}")
    return (x[0], *x[2:])


def _gates(x: Shape, units: int, gates: int, use_bias: bool, rows: int = 1) -> Rule:
    """What all cells share: products of input and state for each gate, their sum, and the bias.

    Activations and what combines the gates are not part of it. Each gate has `rows` biases.
    """
    if len(x) != 2:
        raise ShapeError(f"expected one step of shape (n, c); got {texts.shape(x)}")
    positive(units, "units")
    n, c = x
    width = gates * units
    weights = [Weight("kernel", (c, width)), Weight("recurrent_kernel", (units, width))]
    biases = rows * int(bool(use_bias))
    if biases:
        weights.append(Weight("bias", (rows, width) if rows > 1 else (width,)))
    recurrent = n * units * width
    return Rule(
        (n, units),
        weights=tuple(weights),
        macs=n * c * width + recurrent,
        elementwise=n * width * (1 + biases),
        scratch=n * width,
        products=recurrent,
        backward=n * width * biases,
        window=WHOLE,
    )


def _cell(gates: Rule, states: int, elementwise: int, backward: int) -> Rule:
    """The gates of a cell, what combines them, and its states, each as large as its output."""
    return replace(
        gates,
        elementwise=gates.elementwise + elementwise,
        others=(gates.shape,) * states,
        scratch=gates.scratch + states * prod(gates.shape),
        backward=gates.backward + backward,
    )


@layer("SimpleRNNCell")
def simple_rnn_cell(
    x: Shape, units: int, activation: str | None = "tanh", use_bias: bool = True
) -> Rule:
    """One step of h = activation(x W + h U + b): per unit two sums and the activation.

    Backward: the activation, the sum for b, and the sum of the two gradients of h.
    """
    gates = _gates(x, units, 1, use_bias)
    _, forward, backward = activated(activation, gates.shape)
    return _cell(gates, 1, forward, backward + x[0] * units)


@layer("LSTMCell")
def lstm_cell(
    x: Shape,
    units: int,
    activation: str | None = "tanh",
    recurrent_activation: str | None = "sigmoid",
    use_bias: bool = True,
) -> Rule:
    """One step with four gates, x W + h U + b: 4 * units * (c + units + 1) parameters.

    See `lstm_elementwise` for the rest (Hochreiter and Schmidhuber, 1997; Gers et al., 2000).
    """
    gates = _gates(x, units, 4, use_bias)
    return _cell(gates, 2, *lstm_elementwise(gates.shape, activation, recurrent_activation))


def lstm_elementwise(
    state: Shape, activation: str | None, recurrent_activation: str | None
) -> tuple[int, int]:
    """Elementwise operations of an LSTM on its gates, forward and backward.

    c = f * c + i * activation(g); h = o * activation(c), with i, f and o after the recurrent
    activation: for each value of the state 3 recurrent activations, 2 activations and 4 more.
    Backward: the gradients of the activations, a product for each of the two factors of
    f * c, i * g and o * h (6), and the sums of the two gradients of h and of c (2).
    """
    values = prod(state)
    _, gate, gate_back = activated(recurrent_activation, state)
    _, own, own_back = activated(activation, state)
    return 3 * gate + 2 * own + 4 * values, 3 * gate_back + 2 * own_back + 8 * values


@layer("GRUCell")
def gru_cell(
    x: Shape,
    units: int,
    activation: str | None = "tanh",
    recurrent_activation: str | None = "sigmoid",
    use_bias: bool = True,
    reset_after: bool = True,
) -> Rule:
    """One step with three gates; with `reset_after` the state has a bias of its own.

    h = z * h + (1 - z) * activation(g), where g contains r * h or, with `reset_after`, r * (h U):
    per unit 2 recurrent activations, 1 activation and 5 more. Backward: the gradients of the
    activations, of z * h and (1 - z) * g (4), of r (2), and sums for h (2) (1406.1078).
    """
    gates = _gates(x, units, 3, use_bias, rows=2 if reset_after else 1)
    values = prod(gates.shape)
    _, gate, gate_back = activated(recurrent_activation, gates.shape)
    _, own, own_back = activated(activation, gates.shape)
    return _cell(gates, 1, 2 * gate + own + 5 * values, 2 * gate_back + own_back + 8 * values)


@layer("SimpleRNN")
def simple_rnn(
    x: Shape,
    units: int,
    activation: str | None = "tanh",
    use_bias: bool = True,
    return_sequences: bool = False,
    return_state: bool = False,
) -> Rule:
    """A `SimpleRNNCell` at each step."""
    cell = RULES["SimpleRNNCell"](step_of(x, 3), units, activation, use_bias)
    return over_time(cell, x[1], return_sequences, return_state)


@layer("LSTM")
def lstm(
    x: Shape,
    units: int,
    activation: str | None = "tanh",
    recurrent_activation: str | None = "sigmoid",
    use_bias: bool = True,
    return_sequences: bool = False,
    return_state: bool = False,
) -> Rule:
    """An `LSTMCell` at each step; its states are its output and the cell's memory."""
    cell = RULES["LSTMCell"](step_of(x, 3), units, activation, recurrent_activation, use_bias)
    return over_time(cell, x[1], return_sequences, return_state)


@layer("GRU")
def gru(
    x: Shape,
    units: int,
    activation: str | None = "tanh",
    recurrent_activation: str | None = "sigmoid",
    use_bias: bool = True,
    reset_after: bool = True,
    return_sequences: bool = False,
    return_state: bool = False,
) -> Rule:
    """A `GRUCell` at each step."""
    step, cell_rule = step_of(x, 3), RULES["GRUCell"]
    cell = cell_rule(step, units, activation, recurrent_activation, use_bias, reset_after)
    return over_time(cell, x[1], return_sequences, return_state)


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
    size, step, dilation = kernel_sizes(rank, kernel_size, strides, dilation_rate)
    positive(filters, "filters")
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
    gates = Rule(
        state,
        weights=(*kernels, Weight("bias", (width,))) if use_bias else kernels,
        macs=outputs * prod(size) * c + recurrent,
        elementwise=outputs * (1 + biases),
        inside=inside,
        scratch=outputs,
        products=recurrent,
        backward=outputs * biases,
        window=WHOLE,
    )
    cell = _cell(gates, 2, *lstm_elementwise(state, activation, recurrent_activation))
    return over_time(cell, x[1], return_sequences, return_state)


conv_lstm1d, conv_lstm2d, conv_lstm3d = ranked_layers("ConvLSTM{}D", _conv_lstm)
