"""How many operations a layer is in TensorFlow's graph, which are counted there."""

import pytest

from cnnbench.networks.reader import read
from cnnbench.prediction import kinds

pytestmark = pytest.mark.tensorflow

IMAGE, SEQUENCE, VOLUME = (8, 8, 4), (8, 4), (4, 4, 4, 4)
LAYERS = {
    "BatchNormalization": [{}, {"axis": 3}, {"scale": False}, {"axis": 3, "scale": False}],
    "Conv2D": [
        {"filters": 4, "kernel_size": 3, "padding": "same"} | more
        for more in (
            {},
            {"use_bias": False},
            {"activation": "relu"},
            {"activation": "silu"},
            {"activation": "relu", "use_bias": False},
        )
    ],
    "DepthwiseConv2D": [{"kernel_size": 3}, {"kernel_size": 3, "use_bias": False}],
    "SeparableConv2D": [{"filters": 4, "kernel_size": 3}],
    "Conv2DTranspose": [{"filters": 4, "kernel_size": 3}],
    "Dense": [{"units": 4}, {"units": 4, "activation": "gelu"}],
    "LayerNormalization": [{}],
    "GroupNormalization": [{"groups": 2}],
    "Activation": [{"activation": name} for name in ("relu", "silu", "hard_silu", "gelu")],
    "ReLU": [{"max_value": 6.0}],
    "ZeroPadding2D": [{}],
    "MaxPooling2D": [{"strides": 1}],
    "GlobalAveragePooling2D": [{"keepdims": True}],
    "Reshape": [{"target_shape": IMAGE}],
    "Dropout": [{"rate": 0.1}],
    "Rescaling": [{"scale": 0.5}],
    "Permute": [{"dims": (2, 1, 3)}],
    "UpSampling2D": [{}],
}
CELLS = ("LSTM", "GRU")
BOTH = " in both directions"
OTHERS = [
    *((f"{cell}{BOTH}", {"units": 2, "return_sequences": True}, SEQUENCE) for cell in CELLS),
    ("Dense", {"units": 4}, (4,)),
    ("Dense", {"units": 4, "activation": "relu"}, (4,)),
    ("Conv1D", {"filters": 4, "kernel_size": 3, "padding": "same"}, SEQUENCE),
    ("Conv3D", {"filters": 4, "kernel_size": 3, "padding": "same"}, VOLUME),
    ("LSTM", {"units": 4, "return_sequences": True}, SEQUENCE),
    ("GRU", {"units": 4, "return_sequences": True}, SEQUENCE),
    ("SimpleRNN", {"units": 4, "return_sequences": True}, SEQUENCE),
]
CASES = [(name, each, IMAGE) for name, of in LAYERS.items() for each in of] + OTHERS


def counted(layer, options, shape, times):
    """The operations of a graph of so many layers, and ours."""
    import keras
    import tensorflow as tf

    inputs = x = keras.Input(shape)
    for _ in range(times):
        made = getattr(keras.layers, layer.removesuffix(BOTH))(**options)
        x = (keras.layers.Bidirectional(made) if layer.endswith(BOTH) else made)(x)
    model = keras.Model(inputs, x)
    call = tf.function(lambda x: model(x, training=False), autograph=False)
    traced = call.get_concrete_function(tf.zeros((1, *shape)))
    graph = read(model, (shape,), 1)
    ours = sum(kinds.operations(n) for i, n in enumerate(graph.nodes) if i not in graph.inputs)
    return len(traced.graph.get_operations()), ours


def stepped(layer, options, shape, times):
    """The operations of a training step of so many layers after one with weights, and ours."""
    import keras
    import tensorflow as tf

    inputs = keras.Input(shape)
    x = keras.layers.Dense(shape[-1], use_bias=False)(inputs)
    for _ in range(times):
        made = getattr(keras.layers, layer.removesuffix(BOTH))(**options)
        x = (keras.layers.Bidirectional(made) if layer.endswith(BOTH) else made)(x)
    model = keras.Model(inputs, x)
    x = tf.zeros((1, *shape))
    y = tf.zeros(model.compute_output_spec(x).shape)
    model.compile("adam", "mean_squared_error", jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    step = tf.function(model.train_step, autograph=False).get_concrete_function((x, y))
    traced = step.graph.as_graph_def()
    bodies = sum(len(function.node_def) for function in traced.library.function)
    graph = read(model, (shape,), 1)
    ours = sum(kinds.of_step(n) for i, n in enumerate(graph.nodes) if i not in graph.inputs)
    return len(traced.node) + bodies, ours


@pytest.mark.parametrize(("layer", "options", "shape"), CASES)
def test_one_more_layer_is_as_many_operations_in_tensorflow(layer, options, shape):
    (one, ours), (two, more) = (counted(layer, options, shape, times) for times in (1, 2))
    assert more - ours == two - one


@pytest.mark.parametrize(("layer", "options", "shape"), CASES)
def test_one_more_layer_is_as_many_operations_of_a_step(layer, options, shape):
    (one, ours), (two, more) = (stepped(layer, options, shape, times) for times in (1, 2))
    assert more - ours == two - one
