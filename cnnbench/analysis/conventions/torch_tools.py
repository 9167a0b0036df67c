"""The tools of PyTorch, on the network as it is usually written there.

A layer of Keras stands for the module that people use in its place: a fused bias or activation
for the bias of the module and for a module of its own, a global average pooling for
`nn.AdaptiveAvgPool2d(1)`, a dense layer on an image for `nn.Linear` on channels-last. A softmax
fused into a dense layer is the classifier's; networks of PyTorch return the values before it,
so it counts nothing. A residual is added by `out += identity`, and a gate multiplies by `*`,
which are operators of Python that no tool here sees, in whatever way it looks.
"""

from __future__ import annotations

from cnnbench.analysis.conventions._rules import (
    POOLINGS,
    Preset,
    Rule,
    Step,
    macs,
    per_activation,
    per_input,
    per_output,
)


def _norm(affine: int, plain: int) -> Rule:
    """Operations for each value of a normalisation with and without scale and shift."""
    return lambda step: step.inputs * (affine if step.affine else plain)


def _functions(operations: dict[str, int]) -> Rule:
    counted = per_activation(operations)
    return lambda step: 0 if step.fused and step.name == "softmax" else counted(step)


def _upsampling(**operations: int) -> Rule:
    """Operations for each value, by the kind of interpolation."""
    return lambda step: (
        operations.get(step.arguments.get("interpolation", "nearest"), 0) * step.outputs
    )


def _only_2d(rule: Rule) -> Rule:
    return lambda step: rule(step) if len(step.x) == 4 else 0


_FUNCTIONS = ("relu", "leaky_relu", "prelu", "elu", "gelu", "silu", "swish", "softmax")

FVCORE = Preset(
    name="fvcore",
    unit="FLOPs",
    mac=1,
    summary=(
        "Multiply-adds of convolutions and dense layers, 2 an element for batch norm, 5 for other "
        "norms, 1 for global average pooling; no bias, activation, other pooling or addition."
    ),
    source="FlopCountAnalysis, fvcore/nn/jit_handles.py; fvcore 0.1.5.post20221221",
    pads=True,
    rules={
        **macs(),
        "batch norm": _norm(2, 1),
        **dict.fromkeys(("layer norm", "group norm"), _norm(5, 4)),
        "global average pooling": _only_2d(per_input(1)),
        "upsampling": _only_2d(_upsampling(nearest=1, bilinear=4)),
    },
)

PTFLOPS = Preset(
    name="ptflops",
    unit="MACs",
    mac=1,
    summary=(
        "Multiply-adds of convolutions and dense layers, their biases, 2 an element for batch "
        "norm, 1 for layer norm; ReLU and pooling count twice, as module and as the function "
        "inside it; no addition, sigmoid or tanh."
    ),
    # By default its hooks on modules and its patches of functions both see nn.ReLU, and add up.
    # nn.ReLU6 calls another function than the patched one. It always takes one image.
    source="backend pytorch, ptflops/pytorch_ops.py and pytorch_engine.py; ptflops 0.7.5",
    pads=True,
    rules={
        **macs(),
        "bias": per_output(1),
        "batch norm": _norm(2, 1),
        "layer norm": per_input(1),  # nn.LayerNorm has no attribute `affine`
        "group norm": _norm(2, 1),
        "activation": _functions(
            dict.fromkeys(_FUNCTIONS, 1) | {"relu": 2, "prelu": 2, "elu": 2, "gelu": 2, "relu6": 1}
        ),
        **dict.fromkeys(POOLINGS, per_input(2)),
        "upsampling": per_output(2),
    },
)


def _softmax(step: Step) -> int:
    # exp, sum and divide on each value, one addition less for each sum
    if step.fused or step.name != "softmax":
        return step.inputs * int(step.name == "prelu")
    return 3 * step.inputs - step.rows


def _from_outputs(step: Step) -> int:
    """Of a transposed convolution, a kernel for each output position instead of each input."""
    return step.macs * step.positions(step.out) // step.positions(step.x)


_GROWN = "the kernel of a transposed convolution counts at each output instead of each input"

THOP = Preset(
    name="thop",
    unit="MACs",
    mac=1,
    summary=(
        "Multiply-adds of convolutions and dense layers, 4 an element for batch and layer norm, "
        "1 for average pooling; no bias, ReLU, max pooling or addition."
    ),
    source="profile, thop/vision/basic_hooks.py and calc_func.py; thop 0.1.1.post2209072238",
    pads=True,
    rules={
        **macs(),
        "transposed convolution": _from_outputs,
        **dict.fromkeys(("batch norm", "layer norm"), _norm(4, 2)),
        "activation": _softmax,
        "average pooling": per_output(1),
        "global average pooling": lambda step: step.inputs + step.outputs,
        "upsampling": _upsampling(nearest=1, bilinear=11),
    },
    products={"transposed convolution": _GROWN},
)


def _parameters(step: Step) -> int:
    return 2 * step.x[0] * step.channels if step.affine else 0


TORCHINFO = Preset(
    name="torchinfo",
    unit="mult-adds",
    mac=1,
    summary=(
        "Weights and biases, times the output positions of a convolution, and once a sample for "
        "all other layers; nothing for layers without weights."
    ),
    source="LayerInfo.calculate_macs, torchinfo/layer_info.py; torchinfo 1.8.0",
    rules={
        **macs(),
        "transposed convolution": _from_outputs,
        "dense": lambda step: step.x[0] * step.x[-1] * step.out[-1],
        "bias": lambda step: step.x[0] * step.out[-1] if step.name == "dense" else step.outputs,
        **dict.fromkeys(("batch norm", "layer norm", "group norm"), _parameters),
    },
    products={
        "transposed convolution": _GROWN,
        "dense": "a dense layer on an image counts once instead of at each position",
    },
)

TORCH = Preset(
    name="torch",
    unit="FLOPs",
    mac=2,
    summary="Twice the multiply-adds of convolutions and dense layers; nothing else.",
    source="torch.utils.flop_counter.FlopCounterMode; torch 2.13.0",
    rules=macs(2),
)

DEEPSPEED = Preset(
    name="deepspeed",
    unit="FLOPs",
    mac=2,
    summary=(
        "Twice the multiply-adds of convolutions and dense layers, the biases of convolutions, 2 "
        "an element for batch norm, 5 for other norms, 1 for ReLU and pooling; no addition, "
        "sigmoid or tanh."
    ),
    # calflops 0.3.2 is derived from it and prints the same, transposed convolutions aside.
    source="get_model_profile, deepspeed/profiling/flops_profiler/profiler.py; deepspeed 0.19.8",
    pads=True,
    rules={
        **macs(2),
        "bias": lambda step: 0 if step.name == "dense" else step.outputs,
        "batch norm": _norm(2, 1),
        **dict.fromkeys(("layer norm", "group norm"), _norm(5, 4)),
        "activation": _functions(dict.fromkeys(_FUNCTIONS, 1)),
        **dict.fromkeys(POOLINGS, per_input(1)),
        "upsampling": per_output(1),
    },
)

PRESETS = (TORCHINFO, FVCORE, PTFLOPS, THOP, TORCH, DEEPSPEED)
