"""The same function by other layers: changes of a Keras model that keep its shapes and its outputs.

Each change takes a functional or sequential model and returns a new one with the values of its
weights, or None where there is nothing to change.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np

MOST_WEIGHTS = 2**28
"""That a change may add: a gigabyte."""


def folded(model: Any) -> Any | None:
    """Batch normalisation as part of the convolution or dense layer before it.

    At inference it multiplies by a constant and adds one, for each channel (Jacob et al.,
    "Quantization and Training of Neural Networks", CVPR 2018, section 3.2).
    """
    import keras

    before = {}
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization) and (source := _alone_before(layer)):
            last = layer.axis in (-1, len(source.output.shape) - 1)
            if type(source).__name__ in _KERNELS and _linear(source) and last:
                before[source.name] = layer
    if not before:
        return None
    gone = {layer.name for layer in before.values()}

    def made(layer: Any) -> Any:
        config = layer.get_config()
        if layer.name in before:
            config["use_bias"] = True
        return type(layer).from_config(config)

    def values(layer: Any) -> list[Any]:
        return _folded(layer, before[layer.name]) if layer.name in before else layer.get_weights()

    return _copied(model, made, values, gone)


def plain(model: Any) -> Any | None:
    """Depthwise convolutions as plain ones whose kernels are zero between channels.

    They multiply as often as there are channels, and may be faster where a runtime has no good
    kernel for depthwise ones.
    """
    import keras

    depthwise = {
        layer.name: layer
        for layer in model.layers
        if type(layer) is keras.layers.DepthwiseConv2D and layer.depth_multiplier == 1
    }
    added = sum(layer.kernel.shape[2] ** 2 * 9 for layer in depthwise.values())
    if not depthwise or added > MOST_WEIGHTS:
        return None

    def made(layer: Any) -> Any:
        config = layer.get_config()
        if layer.name not in depthwise:
            return type(layer).from_config(config)
        kept = ("name", "kernel_size", "strides", "padding", "dilation_rate", "activation")
        given = {key: config[key] for key in (*kept, "use_bias", "data_format", "dtype")}
        return keras.layers.Conv2D(layer.kernel.shape[2], **given)

    def values(layer: Any) -> list[Any]:
        weights: list[Any] = layer.get_weights()
        if layer.name in depthwise:
            height, width, channels, _ = weights[0].shape
            kernel = np.zeros((height, width, channels, channels), weights[0].dtype)
            kernel[:, :, range(channels), range(channels)] = weights[0][..., 0]
            weights = [kernel, *weights[1:]]
        return weights

    return _copied(model, made, values)


CHANGES: dict[str, Callable[[Any], Any | None]] = {
    "batch norm folded into the layer before": folded,
    "plain convolutions for depthwise ones": plain,
}

_KERNELS = ("Conv1D", "Conv2D", "Conv3D", "DepthwiseConv2D", "Dense")


def _linear(layer: Any) -> bool:
    return getattr(layer.activation, "__name__", "") == "linear"


def _alone_before(layer: Any) -> Any | None:
    """The layer whose output a layer reads, if nobody else does and both are called once."""
    if len(layer._inbound_nodes) != 1:
        return None
    (tensor, *_) = layer._inbound_nodes[0].input_tensors
    source = tensor._keras_history.operation
    alone = len(source._inbound_nodes) == len(source._outbound_nodes) == 1
    return source if alone else None


def _folded(layer: Any, norm: Any) -> list[Any]:
    """The kernel and the bias of a layer that normalises its output itself."""
    kernel, *bias = layer.get_weights()
    offset = norm.beta.numpy() if norm.center else 0.0
    scale = (norm.gamma.numpy() if norm.scale else 1.0) / np.sqrt(
        norm.moving_variance.numpy() + norm.epsilon
    )
    shift = offset + ((bias[0] if bias else 0.0) - norm.moving_mean.numpy()) * scale
    # A depthwise kernel has a channel and its multiplier where others have input and output.
    depthwise = type(layer).__name__ == "DepthwiseConv2D"
    return [kernel * (scale.reshape(kernel.shape[-2:]) if depthwise else scale), shift]


def _copied(
    model: Any,
    made: Callable[[Any], Any],
    values: Callable[[Any], list[Any]],
    gone: Collection[str] = (),
) -> Any:
    """A model of layers made from those of a model, with these weights, without some of them."""
    import keras

    def called(layer: Any, *args: Any, **kwargs: Any) -> Any:
        return args[0] if layer.name in gone else layer(*args, **kwargs)

    if isinstance(model, keras.Sequential):  # whose layers are not called one by one
        model = keras.Model(model.inputs, model.outputs)
    found = keras.models.clone_model(model, clone_function=made, call_function=called)
    for layer in model.layers:
        if layer.weights and layer.name not in gone:
            found.get_layer(layer.name).set_weights(values(layer))
    return found
