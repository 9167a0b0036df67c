"""The tools that see the operations which a Keras layer is made of: TensorFlow's and XLA's.

A layer of Keras becomes one operation or twenty; each counts by a table of the tool. The rules
below are these sums, written out (keras 3.15.1, `keras/src/backend`, `keras/src/layers`).
"""

from __future__ import annotations

from math import prod

from cnnbench.analysis.conventions._rules import (
    CONVOLUTIONS,
    Preset,
    Step,
    macs,
    per_activation,
    per_input,
    per_output,
    work,
)
from cnnbench.layers._sizes import sizes, split


def _window(step: Step) -> tuple[int, ...]:
    return sizes(step.arguments["pool_size"], len(step.x) - 2, "pool_size")


def _positions(step: Step) -> tuple[int, ...]:
    """Spatial sizes of the output."""
    return split(step.out, len(step.out) - 2, step.arguments.get("data_format"))[1]


def _statistics(step: Step, per_value: int, per_row: int) -> int:
    """A normalisation that works out its own mean and variance.

    (x - mean) * inv * gamma + beta is computed as x * (inv * gamma) + (beta - mean * (inv *
    gamma)), where the brackets have a value for each pair of a statistic and a gamma.
    """
    scale, center = (int(bool(step.arguments[name])) for name in ("scale", "center"))
    layer = step.kind == "layer norm"
    pairs = step.inputs if layer else step.x[0] * step.channels
    shift = pairs if scale else step.rows
    return per_value * step.inputs + per_row * step.rows + (scale + center) * pairs + shift


# TensorFlow's profiler: a convolution or matrix product 2 a MAC, one operation an element for
# those in flops_registry.py, nothing for the others.


def _rounded_up(step: Step) -> int:
    """A dilated convolution runs as dense ones on slices, which are padded to one size."""
    rank = len(step.x) - 2
    dilation = sizes(step.arguments.get("dilation_rate", 1), rank, "dilation_rate")
    positions = _positions(step)
    padded = prod(-(-n // d) * d for n, d in zip(positions, dilation, strict=True))
    return 2 * step.macs * padded // prod(positions)


def _mirrored(step: Step) -> int:
    """Outputs over strides: the gradient of the convolution that the layer mirrors."""
    rank = len(step.x) - 2
    if rank == 3:  # its operation has no entry
        return 0
    strides = sizes(step.arguments["strides"], rank, "strides")
    outputs = step.macs * step.positions(step.out) // step.positions(step.x)
    return 2 * outputs // prod(strides)


def _no_3d(step: Step) -> int:
    return 0 if len(step.x) == 5 else prod(_window(step)) * step.outputs


TF_PROFILER = Preset(
    name="tf-profiler",
    unit="FLOPs",
    mac=2,
    summary=(
        "Twice the multiply-adds of convolutions and dense layers, biases, batch norm, pooling, "
        "additions and multiplications; no ReLU, sigmoid, tanh or global max pooling."
    ),
    source=(
        "tf.compat.v1.profiler, float_operation: tensorflow/python/profiler/internal/"
        "flops_registry.py and ops/nn_ops.py; tensorflow 2.21.0, keras 3.15.1"
    ),
    rules={
        **macs(2),
        "convolution": _rounded_up,
        # Keras compiles it with XLA where it is needed, out of the profiler's sight.
        "grouped convolution": lambda step: 0,
        "transposed convolution": _mirrored,
        "bias": per_output(1),
        # for each channel: add epsilon, root (2), times gamma, times mean, subtract from beta
        "batch norm": lambda step: (
            2 * step.inputs + (5 + bool(step.arguments["scale"])) * step.channels
        ),
        # mean (2), squared difference (2), multiply, add; epsilon, root (2), negate
        **dict.fromkeys(("layer norm", "group norm"), lambda step: _statistics(step, 6, 4)),
        "activation": per_activation(
            {"softmax": 5, "gelu": 4, "prelu": 4, "silu": 2, "swish": 2, "mish": 1}
            | {"hard_sigmoid": 2, "hard_silu": 3, "hard_swish": 3}
        ),
        **dict.fromkeys(("max pooling", "average pooling"), _no_3d),
        "global average pooling": per_input(1),
        **dict.fromkeys(("addition", "multiplication", "comparison"), work),
        "rescaling": per_input(2),
        # subtract, divide; the deviation is limited from below
        "standardisation": lambda step: step.inputs + step.work // 2,
        # copies are free, but not the length of each axis of the image after them
        "upsampling": lambda step: 0 if step.work else len(step.x) - 2,
    },
    products={
        "convolution": "a dilated convolution is rounded up to slices of one size",
        "grouped convolution": "a grouped convolution is not seen",
        "transposed convolution": "a transposed convolution counts outputs over strides",
    },
)


# XLA's HloCostAnalysis: a product 2 where its tap is inside the input, one operation an element
# for arithmetic and comparisons, nothing for exp, tanh and roots, which it counts apart.


def _inside(step: Step) -> int:
    # The zeros before a causal convolution are input by then.
    causal = step.arguments.get("padding") == "causal"
    return 2 * (step.macs if causal else step.inside)


def _averages(step: Step) -> int:
    """Additions and a division; with padding also how many values each window has."""
    window = _window(step)
    work = prod(window) * step.outputs
    if step.arguments["padding"] == "same":
        counted = zip(_positions(step), window, strict=True)
        work += (prod(window) - 1) * prod(n for n, size in counted if size > 1)
    return work


def _softmax(step: Step) -> int:
    if step.name in ("softmax", "log_softmax"):
        return 4 * step.inputs - step.rows  # maximum, subtract, sum, divide
    return step.work


XLA = Preset(
    name="xla",
    unit="FLOPs",
    mac=2,
    summary=(
        "Twice the multiply-adds whose tap is inside the input, and each arithmetic operation on "
        "an element, before fusion; exp, tanh and roots are not in this number."
    ),
    # Keras on JAX; the weights are arguments. Its sum is kept in float32, so that a large one is
    # off by about 1e-6 of it. A layer without a rule counts as in cnnbench.
    source=(
        "HloCostAnalysis, xla/service/hlo_cost_analysis.cc, by "
        'jax.jit(model).lower(...).cost_analysis()["flops"]; jaxlib 0.10.2, keras 3.15.1'
    ),
    rules={
        **dict.fromkeys((*CONVOLUTIONS, "dense"), _inside),
        "bias": per_output(1),
        # for each channel: add epsilon, times gamma, negate the mean, times it, plus beta
        "batch norm": lambda step: (
            2 * step.inputs
            + step.channels * (3 + bool(step.arguments["scale"]) + bool(step.arguments["center"]))
        ),
        # mean twice, variance (3), multiply, add; epsilon, negate, a check; three for the check
        **dict.fromkeys(("layer norm", "group norm"), lambda step: _statistics(step, 7, 3) + 3),
        "activation": per_activation(
            {"relu": 1, "relu6": 2, "leaky_relu": 3, "prelu": 6, "elu": 5, "celu": 5, "selu": 6}
            | {"sigmoid": 3, "hard_sigmoid": 4, "hard_silu": 5, "hard_swish": 5, "softplus": 6}
            | {"silu": 4, "swish": 4, "mish": 7, "tanh": 0, "exponential": 0, "softsign": 3}
            | {"gelu": 66},  # a polynomial in place of the error function
            _softmax,
        ),
        "max pooling": lambda step: (prod(_window(step)) - 1) * step.outputs,
        "average pooling": _averages,
        "global max pooling": lambda step: step.inputs - step.outputs,
        "global average pooling": per_input(1),
        **dict.fromkeys(("addition", "multiplication", "comparison"), work),
        # a constant of 1 or 0 is simplified away first
        "rescaling": lambda step: (
            step.inputs * ((step.arguments["scale"] != 1) + (step.arguments["offset"] != 0))
        ),
        "standardisation": per_input(2),
        "padding": lambda step: 1,  # the zero, an integer that is turned into a float
        **dict.fromkeys(("upsampling", "other"), work),
    },
    products=dict.fromkeys(CONVOLUTIONS, "taps on padding are left out"),
)

PRESETS = (TF_PROFILER, XLA)
