"""Record what other tools print, for tests of the conventions: tests/data/tools.csv.

    python -m benchmarks.record_tools torch       with PyTorch, fvcore, ptflops, thop, torchinfo
                                                  and DeepSpeed
    python -m benchmarks.record_tools jax         with Keras and JAX
    python -m benchmarks.record_tools tensorflow  with Keras and TensorFlow

Each rewrites the rows of its own tools. The networks are defined twice: here as functions of
ours, which build Keras models, and in plain PyTorch further down.
"""

from __future__ import annotations

import csv
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cnnbench import blocks
from cnnbench.layers.activation import activation
from cnnbench.layers.conv import (
    conv1d,
    conv1d_transpose,
    conv2d,
    conv2d_transpose,
    conv3d,
    conv3d_transpose,
    depthwise_conv2d,
    separable_conv2d,
)
from cnnbench.layers.dense import dense
from cnnbench.layers.merge import add, average, maximum, multiply, subtract
from cnnbench.layers.norm import batch_normalization, group_normalization, layer_normalization
from cnnbench.layers.pool import (
    average_pooling1d,
    average_pooling2d,
    average_pooling3d,
    global_average_pooling1d,
    global_average_pooling2d,
    global_max_pooling2d,
    global_max_pooling3d,
    max_pooling1d,
    max_pooling2d,
    max_pooling3d,
)
from cnnbench.layers.preprocessing import normalization, rescaling
from cnnbench.layers.reshape import flatten, zero_padding2d
from cnnbench.layers.resize import up_sampling2d

FILE = Path(__file__).parent.parent / "tests" / "data" / "tools.csv"
COLUMNS = ("tool", "version", "network", "input", "printed", "unit")
SMALL = (32, 32, 3)


def depthwise_stack(x: Any) -> Any:
    """The pattern of MobileNetV1: depthwise 3x3, then 1x1, each with batch norm and ReLU6."""

    def unit(x: Any) -> Any:
        return activation(batch_normalization(x), "relu6")

    x = unit(conv2d(x, 8, 3, 2, padding="same", use_bias=False))
    for filters, strides in ((16, 1), (32, 2), (32, 1), (64, 2)):
        x = unit(depthwise_conv2d(x, 3, strides, padding="same", use_bias=False))
        x = unit(conv2d(x, filters, 1, use_bias=False))
    return dense(global_average_pooling2d(x), 10)


def mixed(x: Any) -> Any:
    """What tools treat differently, once each."""
    x = separable_conv2d(x, 12, 3, padding="same", activation="relu")
    x = max_pooling2d(x, 2)
    x = dense(layer_normalization(x), 24, activation="gelu")
    y = conv2d(global_average_pooling2d(x, keepdims=True), 24, 1, activation="sigmoid")
    x = average_pooling2d(multiply([x, y]), 2)
    x = activation(conv2d(x, 8, 3, dilation_rate=2, padding="same"), "silu")
    return activation(dense(flatten(x), 5), "softmax")


def grouped(x: Any) -> Any:
    """A convolution in groups with group normalisation."""
    x = group_normalization(conv2d(x, 12, 3, padding="same", groups=3), 3)
    return dense(global_max_pooling2d(activation(x, "relu")), 5)


def prepared(x: Any) -> Any:
    """What Keras models do to their input, and a padded average pooling."""
    x = rescaling(zero_padding2d(x), 1 / 255)
    x = rescaling(x, 2.0, -1.0)
    x = normalization(x, mean=(0.1, 0.2, 0.3), variance=(1.5, 2.5, 3.5))
    x = layer_normalization(layer_normalization(x, scale=False), center=False)
    x = batch_normalization(batch_normalization(x, scale=False), center=False)
    return average_pooling2d(x, (3, 1), 2, padding="same")


def transposed(x: Any) -> Any:
    """Larger images: transposed convolutions with and without a cut, and copies."""
    x = conv2d_transpose(x, 8, 3, 2, padding="same", activation="relu")
    return up_sampling2d(conv2d_transpose(x, 6, 2, 2, use_bias=False))


def dilated(x: Any) -> Any:
    """Dilations that do not divide the image."""
    x = conv2d(x, 8, 3, dilation_rate=(2, 3), padding="same", use_bias=False)
    x = depthwise_conv2d(x, 3, dilation_rate=2, depth_multiplier=2, padding="valid")
    return separable_conv2d(x, 5, 3, dilation_rate=3, padding="same", depth_multiplier=2)


def sequence(x: Any) -> Any:
    """One spatial axis."""
    x = max_pooling1d(conv1d(x, 6, 3, padding="same"), 2)
    x = average_pooling1d(conv1d_transpose(x, 4, 2, 2), 2)
    return dense(global_average_pooling1d(x), 5)


def causal(x: Any) -> Any:
    """A convolution of what came before."""
    return conv1d(x, 6, 3, padding="causal", dilation_rate=2)


def volume(x: Any) -> Any:
    """Three spatial axes."""
    x = max_pooling3d(conv3d(x, 4, 3, padding="same"), 2)
    x = average_pooling3d(conv3d_transpose(x, 3, 2, 2), 2)
    return dense(global_max_pooling3d(x), 5)


def merged(x: Any) -> Any:
    """Every layer that merges, three inputs where it takes them."""
    x = add([x, x, x])
    x = multiply([x, x, x])
    x = subtract([average([x, x, x]), x])
    return maximum([x, global_average_pooling2d(x, keepdims=True)])


def entry(name: str, **params: Any) -> Callable[[Any], Any]:
    """A model of the catalogue."""
    return partial(blocks.get(name).function, **params)


NETWORKS: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "resnet50 v1.5": (entry("resnet50", version="v1.5"), (224, 224, 3)),
    "resnet50 v1": (entry("resnet50", use_bias=True), (224, 224, 3)),
    "resnet18": (entry("resnet18"), (224, 224, 3)),
    "vgg16": (entry("vgg16"), (224, 224, 3)),
    "depthwise stack": (depthwise_stack, (64, 64, 3)),
    "mixed": (mixed, SMALL),
    "grouped": (grouped, SMALL),
    "prepared": (prepared, SMALL),
    "transposed": (transposed, (7, 9, 3)),
    "dilated": (dilated, (15, 19, 3)),
    "sequence": (sequence, (20, 3)),
    "causal": (causal, (20, 3)),
    "volume": (volume, (6, 8, 10, 3)),
    "merged": (merged, (5, 7, 3)),
}
"""Name, function on a tensor of ours or of Keras, and the size of its input."""

ACTIVATIONS = {
    "relu": "ReLU",
    "relu6": "ReLU6",
    "leaky_relu": "LeakyReLU",
    "elu": "ELU",
    "selu": "SELU",
    "gelu": "GELU",
    "silu": "SiLU",
    "mish": "Mish",
    "sigmoid": "Sigmoid",
    "hard_sigmoid": "Hardsigmoid",
    "hard_silu": "Hardswish",
    "tanh": "Tanh",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "softmax": "Softmax",
    "log_softmax": "LogSoftmax",
}
"""Names in Keras, and the module of PyTorch."""

NETWORKS |= {
    f"activation {name}": (partial(activation, activation=name), (4, 5, 6)) for name in ACTIVATIONS
}


# The same in PyTorch. The padding of a strided convolution differs, which no tool there sees.


def torch_networks() -> dict[str, Callable[[], Any]]:
    """The networks that PyTorch can build, by the same names."""
    import torch
    from torch import nn

    def conv(c: int, filters: int, size: int, strides: int = 1, **options: Any) -> nn.Conv2d:
        return nn.Conv2d(c, filters, size, strides, size // 2, **options)

    class Residual(nn.Module):
        """A basic block, or a bottleneck with the stride in its 3x3, as torchvision's."""

        def __init__(self, c: int, filters: int, strides: int, bottleneck: bool) -> None:
            super().__init__()
            if bottleneck:
                plan = [(filters, 1, 1), (filters, 3, strides), (4 * filters, 1, 1)]
            else:
                plan = [(filters, 3, strides), (filters, 3, 1)]
            layers: list[nn.Module] = []
            width = c
            for out, size, step in plan:
                layers += [conv(width, out, size, step, bias=False), nn.BatchNorm2d(out)]
                layers += [nn.ReLU(inplace=True)]
                width = out
            self.main = nn.Sequential(*layers[:-1])
            self.relu = nn.ReLU(inplace=True)
            self.shortcut = nn.Sequential()
            if strides != 1 or c != width:
                projection = conv(c, width, 1, strides, bias=False)
                self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(width))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.main(x)
            y += self.shortcut(x)
            return self.relu(y)

    def resnet(repeats: tuple[int, ...], bottleneck: bool) -> nn.Sequential:
        layers: list[nn.Module] = [conv(3, 64, 7, 2, bias=False), nn.BatchNorm2d(64)]
        layers += [nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
        c = 64
        for stage, repeat in enumerate(repeats):
            for index in range(repeat):
                filters, strides = 64 * 2**stage, 2 if stage and not index else 1
                layers.append(Residual(c, filters, strides, bottleneck))
                c = filters * (4 if bottleneck else 1)
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, 1000))

    def vgg16() -> nn.Sequential:
        layers: list[nn.Module] = []
        c = 3
        for filters, repeat in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
            for _ in range(repeat):
                layers += [conv(c, filters, 3), nn.ReLU(inplace=True)]
                c = filters
            layers.append(nn.MaxPool2d(2))
        layers.append(nn.Flatten())
        for c in (512 * 7 * 7, 4096):
            layers += [nn.Linear(c, 4096), nn.ReLU(inplace=True), nn.Dropout()]
        return nn.Sequential(*layers, nn.Linear(4096, 1000))

    def depthwise_stack() -> nn.Sequential:
        layers: list[nn.Module] = [conv(3, 8, 3, 2, bias=False), nn.BatchNorm2d(8), nn.ReLU6()]
        c = 8
        for filters, strides in ((16, 1), (32, 2), (32, 1), (64, 2)):
            layers += [conv(c, c, 3, strides, groups=c, bias=False), nn.BatchNorm2d(c), nn.ReLU6()]
            layers += [conv(c, filters, 1, bias=False), nn.BatchNorm2d(filters), nn.ReLU6()]
            c = filters
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, 10))

    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.depthwise, self.pointwise = conv(3, 3, 3, groups=3, bias=False), conv(3, 12, 1)
            self.relu, self.pool, self.norm = nn.ReLU(), nn.MaxPool2d(2), nn.LayerNorm(12)
            self.dense, self.gelu = nn.Linear(12, 24), nn.GELU()
            self.squeeze, self.excite = nn.AdaptiveAvgPool2d(1), conv(24, 24, 1)
            self.sigmoid, self.average = nn.Sigmoid(), nn.AvgPool2d(2)
            self.dilated, self.silu = nn.Conv2d(24, 8, 3, padding=2, dilation=2), nn.SiLU()
            self.flatten, self.last, self.softmax = nn.Flatten(), nn.Linear(512, 5), nn.Softmax(1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.pool(self.relu(self.pointwise(self.depthwise(x))))
            x = self.gelu(self.dense(self.norm(x.permute(0, 2, 3, 1)))).permute(0, 3, 1, 2)
            x = self.average(x * self.sigmoid(self.excite(self.squeeze(x))))
            return self.softmax(self.last(self.flatten(self.silu(self.dilated(x)))))

    def grouped() -> nn.Sequential:
        return nn.Sequential(
            conv(3, 12, 3, groups=3), nn.GroupNorm(3, 12), nn.ReLU(),
            nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(12, 5),
        )  # fmt: skip

    def transposed() -> nn.Sequential:
        return nn.Sequential(
            nn.ConvTranspose2d(3, 8, 3, 2, 1, 1), nn.ReLU(),
            nn.ConvTranspose2d(8, 6, 2, 2, bias=False), nn.Upsample(scale_factor=2),
        )  # fmt: skip

    def sequence() -> nn.Sequential:
        return nn.Sequential(
            nn.Conv1d(3, 6, 3, padding=1), nn.MaxPool1d(2), nn.ConvTranspose1d(6, 4, 2, 2),
            nn.AvgPool1d(2), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(4, 5),
        )  # fmt: skip

    def volume() -> nn.Sequential:
        return nn.Sequential(
            nn.Conv3d(3, 4, 3, padding=1), nn.MaxPool3d(2), nn.ConvTranspose3d(4, 3, 2, 2),
            nn.AvgPool3d(2), nn.AdaptiveMaxPool3d(1), nn.Flatten(), nn.Linear(3, 5),
        )  # fmt: skip

    def alone(module: str) -> Callable[[], Any]:
        arguments = {"dim": 1} if "ftmax" in module else {}
        return lambda: nn.Sequential(getattr(nn, module)(**arguments))

    return {
        "resnet50 v1.5": lambda: resnet((3, 4, 6, 3), True),
        "resnet18": lambda: resnet((2, 2, 2, 2), False),
        "vgg16": vgg16,
        "depthwise stack": depthwise_stack,
        "mixed": Mixed,
        "grouped": grouped,
        "transposed": transposed,
        "sequence": sequence,
        "volume": volume,
        **{f"activation {name}": alone(module) for name, module in ACTIVATIONS.items()},
    }


Row = tuple[str, str, str, str, str, str]


def record_torch() -> Iterator[Row]:
    """fvcore, ptflops, thop, torchinfo, torch.utils.flop_counter and DeepSpeed."""
    import ptflops
    import thop
    import torch
    import torchinfo
    from deepspeed.profiling.flops_profiler import get_model_profile
    from fvcore.nn import FlopCountAnalysis
    from torch.utils.flop_counter import FlopCounterMode

    def fvcore(model: Any, x: torch.Tensor) -> int:
        analysis = FlopCountAnalysis(model, x).unsupported_ops_warnings(False)
        return analysis.uncalled_modules_warnings(False).total()

    def flop_counter(model: Any, x: torch.Tensor) -> int:
        with FlopCounterMode(display=False) as counter:
            model(x)
        return counter.get_total_flops()

    options = {"as_strings": False, "print_per_layer_stat": False, "backend": "pytorch"}
    quiet = {"print_profile": False, "as_string": False}
    tools: dict[str, tuple[str, str, Callable[[Any, torch.Tensor], Any]]] = {
        "fvcore": ("fvcore", "FLOPs", fvcore),
        "ptflops": (
            "ptflops",
            "MACs",
            lambda model, x: ptflops.get_model_complexity_info(
                model, tuple(x.shape[1:]), **options
            )[0],
        ),
        "thop": ("thop", "MACs", lambda model, x: thop.profile(model, (x,), verbose=False)[0]),
        "torchinfo": (
            "torchinfo",
            "mult-adds",
            lambda model, x: torchinfo.summary(model, x.shape, verbose=0).total_mult_adds,
        ),
        "torch": ("torch", "FLOPs", flop_counter),
        "deepspeed": (
            "deepspeed",
            "FLOPs",
            lambda model, x: get_model_profile(model, tuple(x.shape), **quiet)[0],
        ),
    }
    networks = torch_networks()
    params = sum(p.numel() for p in networks["resnet50 v1.5"]().parameters())
    assert params == 25_557_032, params  # torchvision's own count
    for name, build in networks.items():
        *spatial, c = NETWORKS[name][1]
        shape = (1, c, *spatial)
        for tool, (package, unit, run) in tools.items():
            printed = run(build().eval(), torch.zeros(shape))  # a new one: tools leave hooks
            assert int(printed) == printed
            yield tool, version(package), name, _text(shape), str(int(printed)), unit


def keras_models() -> Iterator[tuple[str, Any, tuple[int, ...]]]:
    """Each network as a Keras model."""
    import keras

    for name, (function, shape) in NETWORKS.items():
        keras.utils.clear_session()
        x = keras.Input(shape)
        yield name, keras.Model(x, function(x)), (1, *shape)


def record_tensorflow() -> Iterator[Row]:
    """The profiler of TensorFlow 1 on the graph of a Keras model."""
    import keras

    for name, model, shape in keras_models():
        yield "tf-profiler", version("tensorflow"), name, _text(shape), profiled(model), "FLOPs"
    model = keras.applications.ResNet50(weights=None)
    name, shape = "keras.applications.ResNet50", (1, 224, 224, 3)
    yield "tf-profiler", version("tensorflow"), name, _text(shape), profiled(model), "FLOPs"


def profiled(model: Any) -> str:
    """What `float_operation` of TensorFlow's profiler prints for one image.

    Freezing the variables first, as many do, prints the same, unless there is a grouped
    convolution: it loses the shapes behind it, and whatever has no shape counts nothing.
    """
    import tensorflow as tf

    function = tf.function(lambda x: model(x, training=False))
    image = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32)
    graph = function.get_concrete_function(image).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    return str(tf.compat.v1.profiler.profile(graph, options=options).total_float_ops)


def record_jax() -> Iterator[Row]:
    """XLA's cost analysis of a Keras model on JAX, as lowered; it adds up in float32."""
    import jax
    import jax.numpy as jnp

    for name, model, shape in keras_models():
        weights = [
            [v.value for v in variables]
            for variables in (model.trainable_variables, model.non_trainable_variables)
        ]

        def forward(trained: Any, fixed: Any, x: Any, model: Any = model) -> Any:
            return model.stateless_call(trained, fixed, x, training=False)[0]

        cost = jax.jit(forward).lower(*weights, jnp.zeros(shape)).cost_analysis()
        printed = str(int(cost.get("flops", 0)))
        yield "xla", version("jaxlib"), name, _text(shape), printed, "FLOPs"


def _text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


RECORDERS = {"torch": record_torch, "jax": record_jax, "tensorflow": record_tensorflow}


def main(runtime: str) -> None:
    """Replace the rows of the tools of one runtime."""
    warnings.simplefilter("ignore")
    os.environ["KERAS_BACKEND"] = runtime
    rows = list(RECORDERS[runtime]())
    tools = {row[0] for row in rows}
    if FILE.exists():
        with FILE.open(newline="") as file:
            rows += [tuple(row) for row in list(csv.reader(file))[1:] if row[0] not in tools]
    order = list(NETWORKS)
    rows.sort(key=lambda row: (row[0], order.index(row[2]) if row[2] in order else len(order)))
    with FILE.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])


if __name__ == "__main__":
    main(sys.argv[1])
