"""Whatever a user can name: models of `keras.applications`, files, functions, objects.

Keras counts the weights and infers the shapes; the multiply-adds are worked out beside.
"""

import gc
import sys
import zipfile

import numpy as np
import pytest

from cnnbench import networks
from cnnbench.cost import cost
from cnnbench.errors import CnnbenchError, ShapeError, TargetError, UnknownNameError
from cnnbench.graph import RULES, layer
from cnnbench.networks.applications import SIZES
from cnnbench.rule import Rule

pytestmark = pytest.mark.tensorflow

keras = pytest.importorskip("keras")


@pytest.fixture(autouse=True)
def fresh_names():
    keras.utils.clear_session(free_memory=False)


def read(model, *shapes, batch_size=1, dtype=None):
    return networks.resolve(model).trace(shapes or None, batch_size, dtype)


def costs(model, *shapes, **options):
    return cost(read(model, *shapes, **options))


def names(graph):
    return ["/".join((*node.scope, node.name)) for node in graph.nodes]


# keras.applications


def test_every_application_of_keras_is_known_by_name_and_there_are_forty():
    built = {
        name
        for name in dir(keras.applications)
        if name[0].isupper() and callable(getattr(keras.applications, name))
    }
    assert set(SIZES) == built
    assert len(SIZES) == 40


def test_an_application_is_built_at_its_default_size_without_values():
    target = networks.resolve("VGG16")
    assert [x.shape for x in target.keras().inputs] == [(None, 224, 224, 3)]
    assert all(variable._value is None for variable in target.keras().weights)
    # 138,357,544: the documentation of keras.applications
    assert cost(target.trace(None, 1, None)).params == 138_357_544


def test_what_is_made_without_values_never_gets_them():
    from keras.src.backend.common import global_state

    target = networks.resolve("MobileNet")
    assert not global_state.get_global_attribute("uninitialized_variables", [])
    with keras.StatelessScope():
        pass  # on leaving it Keras gives a value to all that wait for one
    assert all(variable._value is None for variable in target.keras().weights)
    dense = keras.layers.Dense(2)
    dense.build((1, 3))
    assert dense.kernel.numpy().shape == (3, 2)


def test_an_application_without_its_top():
    target = networks.resolve("keras.applications.VGG16", [(32, 48, 3)], include_top=False)
    found = cost(target.trace([(32, 48, 3)], 2, None))
    assert found.params == 14_714_688  # keras-applications' README: 14.7M; Keras' own count
    assert target.keras().count_params() == 14_714_688
    assert found.output_shape == (2, 1, 1, 512)


def test_arguments_of_the_constructor():
    half = networks.resolve("MobileNet", params={"alpha": 0.5})
    assert cost(half.trace(None, 1, None)).params == half.keras().count_params() == 1_342_536


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"depth": 3},
            "unknown parameter of keras.applications.MobileNet 'depth'; did you mean ",
        ),
        ({"weights": "imagenet"}, "MobileNet 'weights'; known: alpha, "),
    ],
)
def test_an_argument_that_the_constructor_does_not_have(params, message):
    with pytest.raises(CnnbenchError, match=message):
        networks.resolve("MobileNet", params=params)


def test_a_size_of_the_wrong_rank_for_an_application():
    with pytest.raises(ShapeError, match=r"VGG16 takes an input like 224x224x3; got 32x32$"):
        networks.resolve("VGG16", [(32, 32)])
    with pytest.raises(ShapeError, match=r"VGG16 has one input \(224x224x3\); got 32x32x3, 8"):
        networks.resolve("VGG16", [(32, 32, 3), (8,)])


def test_a_size_that_an_application_refuses():
    with pytest.raises(ShapeError, match="Input size must be at least 75x75"):
        networks.resolve("InceptionV3", [(74, 299, 3)])


# Kinds of models


def test_a_functional_model_at_another_size_and_batch():
    x = keras.Input((None, None, 3))
    model = keras.Model(x, keras.layers.Conv2D(4, 3, strides=2, padding="same")(x))
    found = costs(model, (9, 7, 3), batch_size=5)
    assert found.input_shape == (5, 9, 7, 3)
    assert found.output_shape == (5, 5, 4, 4)
    assert found.macs == 5 * 5 * 4 * 4 * 27  # batch, h, w, filters, 3 * 3 * 3 taps


def test_an_open_size_must_be_given():
    x = keras.Input((None, None, 3))
    model = keras.Model(x, keras.layers.Conv2D(4, 3)(x), name="mine")
    with pytest.raises(ShapeError, match=r"mine leaves its input open \(\?x\?x3\); give its size"):
        read(model)


def test_a_size_of_the_wrong_rank_or_number():
    x = keras.Input((8, 8, 3))
    model = keras.Model(x, keras.layers.Conv2D(4, 3)(x), name="mine")
    with pytest.raises(ShapeError, match="mine takes an input like 8x8x3; got 8x8"):
        read(model, (8, 8))
    with pytest.raises(ShapeError, match=r"mine has one input \(8x8x3\); got 8x8x3, 8x8x3"):
        read(model, (8, 8, 3), (8, 8, 3))


@pytest.mark.parametrize("built", [True, False])
def test_a_sequential_model(built):
    model = keras.Sequential([keras.layers.Conv2D(2, 3), keras.layers.Flatten()])
    if built:
        model.build((None, 6, 6, 1))
    found = costs(model, (6, 6, 1))
    assert found.params == 20  # 9 + 1 bias, twice
    assert found.macs == 4 * 4 * 2 * 9
    assert found.output_shape == (1, 32)


def test_a_shared_layer_owns_its_weights_once_and_works_each_time():
    a, b = keras.Input((8,)), keras.Input((8,))
    shared = keras.layers.Dense(4, name="shared")
    model = keras.Model([a, b], keras.layers.Add()([shared(a), shared(b)]))
    graph = read(model)
    found = cost(graph)
    assert found.params == model.count_params() == 8 * 4 + 4
    assert found.macs == 2 * 8 * 4
    assert [x.name for x in found.layers if x.op == "Dense"] == ["shared", "shared (call 2)"]
    assert [x.params for x in found.layers if x.op == "Dense"] == [36, 0]


def test_several_inputs_and_outputs():
    a, b = keras.Input((4, 4, 2), name="image"), keras.Input((3,), name="vector")
    y = keras.layers.GlobalAveragePooling2D()(a)
    model = keras.Model([a, b], [keras.layers.Concatenate()([y, b]), y])
    found = costs(model)
    assert found.input_shapes == ((1, 4, 4, 2), (1, 3))
    assert found.output_shapes == ((1, 5), (1, 2))
    assert [x.name for x in found.layers if x.op == "InputLayer"] == ["image", "vector"]


def test_a_nested_model_is_a_scope_and_counts_each_call():
    inner_input = keras.Input((8, 8, 2))
    inner = keras.Model(
        inner_input, keras.layers.Conv2D(2, 3, padding="same", name="conv")(inner_input), name="in"
    )
    x = keras.Input((8, 8, 2))
    model = keras.Model(x, inner(inner(x)))
    graph = read(model)
    found = cost(graph)
    assert found.params == model.count_params() == 9 * 2 * 2 + 2
    assert found.macs == 2 * 64 * 2 * 18  # calls, positions, filters, taps
    assert names(graph)[1:] == ["in/conv", "in_1/conv (call 2)"]


class Residual(keras.layers.Layer):
    """A layer made of layers, with a scale of its own."""

    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.conv = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False, name="conv")

    def build(self, shape):
        self.conv.build(shape)
        self.scale = self.add_weight(shape=(shape[-1],), name="scale")

    def call(self, x):
        return x + self.scale * self.conv(x)


class Subclassed(keras.Model):
    """A model that is nothing but a call."""

    def __init__(self):
        super().__init__(name="subclassed")
        self.first = keras.layers.Conv2D(4, 1, name="first")
        self.block = Residual(4, name="block")
        self.head = keras.layers.Dense(2, activation="softmax", name="head")

    def call(self, x, training=None):
        x = self.block(self.first(x))
        return self.head(keras.ops.mean(x, axis=(1, 2)))


def test_a_layer_made_of_layers_is_looked_into():
    x = keras.Input((5, 5, 3))
    model = keras.Model(x, Residual(3, name="mine")(x))
    graph = read(model)
    found = cost(graph)
    assert found.params == model.count_params() == 9 * 3 * 3 + 3
    assert found.macs == 25 * 3 * 27
    assert found.elementwise == 2 * 75  # multiply and add
    assert not found.uncounted
    assert names(graph)[1] == "mine/conv"


def test_a_model_over_every_frame():
    frame = keras.Sequential([keras.layers.Conv2D(2, 3, name="conv"), keras.layers.Flatten()])
    x = keras.Input((5, 6, 6, 1))
    model = keras.Model(x, keras.layers.TimeDistributed(frame)(x))
    found = costs(model, batch_size=3)
    assert found.params == model.count_params() == 20
    assert found.macs == 3 * 5 * 16 * 2 * 9  # batch, frames, positions, filters, taps
    assert found.output_shape == (3, 5, 32)
    assert not found.uncounted


def test_many_layers_made_of_layers_keep_their_weights_apart():
    class Forgetful(Residual):
        def call(self, x):
            gc.collect(1)  # what the call before made is gone, and its identity free
            return super().call(x)

    x = y = keras.Input((5, 5, 3))
    for _ in range(12):
        y = Forgetful(3)(y)
    model = keras.Model(x, y)
    found = costs(model)
    assert found.params == model.count_params() == 12 * (81 + 3)
    assert not [layer.name for layer in found.layers if "call" in layer.name]


def test_work_on_weights_alone_is_counted():
    class Summed(keras.layers.Layer):
        def build(self, shape):
            self.w = self.add_weight(shape=(7,), name="w", trainable=False)

        def call(self, x):
            return x * keras.ops.sum(self.w)

    x = keras.Input((4,))
    model = keras.Model(x, Summed()(x))
    found = costs(model)
    rows = [(x.op, x.params, x.elementwise) for x in found.layers]
    assert rows == [("InputLayer", 0, 0), ("tf.Sum", 7, 6), ("tf.Mul", 0, 4)]
    assert found.params == model.count_params() == 7
    assert found.trainable_params == 0


def test_a_subclassed_model_whose_call_can_be_traced():
    model = Subclassed()
    found = costs(model, (6, 6, 3))
    # conv 3 * 4 + 4, residual 9 * 16 + 4, dense 4 * 2 + 2
    assert found.params == 16 + 148 + 10
    assert found.macs == 36 * 4 * 3 + 36 * 4 * 36 + 8
    assert not found.uncounted
    assert found.output_shape == (1, 2)
    model.build((None, 6, 6, 3))
    assert model.count_params() == found.params


def test_a_subclassed_model_without_a_size():
    with pytest.raises(ShapeError, match="subclassed leaves its input open"):
        read(Subclassed())


class NotTraceable(keras.Model):
    """Leaves Keras for NumPy."""

    def call(self, x):
        import numpy as np

        return np.asarray(x)


def test_a_subclassed_model_whose_call_cannot_be_traced():
    with pytest.raises(CnnbenchError, match="the call of NotTraceable cannot be traced"):
        read(NotTraceable(), (4,))


class Leaving(keras.Model):
    """Ends the process when it is called."""

    def call(self, x):
        raise SystemExit("bye")


def test_a_call_that_ends_the_process_is_one_that_cannot_be_traced():
    with pytest.raises(CnnbenchError, match=r"the call of Leaving cannot be traced \(bye\)"):
        read(Leaving(), (4,))


def test_reading_leaves_the_model_as_it_was():
    x = keras.Input((5, 5, 3))
    model = keras.Model(x, Residual(3, name="mine")(x))
    block = model.get_layer("mine")
    before = [len(x._inbound_nodes) for x in model._flatten_layers()]
    read(model)
    assert [len(x._inbound_nodes) for x in model._flatten_layers()] == before
    assert block.output.shape == (None, 5, 5, 3)  # refused by a layer that was called twice


def test_a_mask_is_no_input_of_an_attention():
    x, mask = keras.Input((6, 8)), keras.Input((6, 6), dtype="bool")
    attention = keras.layers.MultiHeadAttention(2, 4)
    y, scores = attention(x, x, attention_mask=mask, return_attention_scores=True)
    model = keras.Model([x, mask], [y, scores])
    found = costs(model)
    # query, key and value to 2 heads of 4, and back: each 8 * 8 + 8
    assert found.params == model.count_params() == 4 * 72
    # four projections of 6 rows; scores and their sum, 2 heads of 6 x 6 x 4
    assert found.macs == 4 * 6 * 64 + 2 * 2 * 6 * 6 * 4
    assert found.output_shapes == ((1, 6, 8), (1, 2, 6, 6))


def test_a_product_with_a_constant_has_one_factor_to_differentiate():
    x = keras.Input((3, 4))
    turned = keras.ops.transpose(x, (0, 2, 1))
    graph = read(keras.Model(x, [keras.ops.matmul(x, np.ones((4, 2))), x @ turned]))
    products = [(n.rule.macs, n.rule.products) for n in graph.nodes if n.op == "ops.Matmul"]
    assert sorted(products) == [(3 * 2 * 4, 0), (3 * 3 * 4, 36)]


# Layers without a rule


class Opaque(keras.layers.Layer):
    """Does what no rule knows and no trace shows."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 7), name="w")

    def call(self, x):
        return x.numpy() @ self.w

    def compute_output_shape(self, shape):
        return (*shape[:-1], 7)


def test_a_layer_without_a_rule_is_named_and_its_weights_are_counted():
    x = keras.Input((4,))
    model = keras.Model(x, keras.layers.Dense(3)(Opaque(name="dark")(x)))
    found = costs(model)
    (dark,) = found.uncounted
    assert (dark.name, dark.op, dark.params, dark.output_shape) == ("dark", "Opaque", 28, (1, 7))
    assert "cannot be traced" in dark.uncounted
    assert found.params == model.count_params() == 28 + 24
    assert found.macs == 21


def test_a_layer_that_ends_the_process_is_named():
    class Ending(Opaque):
        def call(self, x):
            raise SystemExit("bye")

    x = keras.Input((4,))
    (ending,) = costs(keras.Model(x, Ending()(x))).uncounted
    assert ending.uncounted == "it cannot be traced: bye"


def test_a_lambda_that_keeps_to_keras_is_looked_into():
    x = keras.Input((4,))
    model = keras.Model(x, keras.layers.Lambda(lambda x: x * 2.0 + 1.0, name="f")(x))
    found = costs(model)
    assert not found.uncounted
    assert found.elementwise == 8


def test_an_activation_of_ones_own_is_counted():
    def mine(x):
        return x * x

    x = keras.Input((4,))
    found = costs(keras.Model(x, keras.layers.Dense(3, activation=mine)(x)))
    assert (found.macs, found.elementwise) == (12, 3 + 3)  # the bias, and a product
    assert not found.uncounted


def test_an_activation_may_be_an_object_that_has_no_hash():
    class Doubled:
        __hash__ = None

        def __call__(self, x):
            return x + x

    x = keras.Input((4,))
    found = costs(keras.Model(x, keras.layers.Dense(3, activation=Doubled())(x)))
    assert (found.macs, found.elementwise) == (12, 3 + 3)


def test_an_unknown_activation_leaves_the_rest_counted():
    def mine(x):
        return keras.ops.i0(x)

    x = keras.Input((4,))
    found = costs(keras.Model(x, keras.layers.Dense(3, activation=mine)(x)))
    assert found.macs == 12
    reason = "its activation: mine: there is no rule for this operation (I0)"
    assert found.uncounted[0].uncounted == reason


def test_an_argument_of_a_type_that_keras_does_not_check():
    x = keras.Input((8, 8, 2))
    resized = keras.layers.Resizing(4, 4, interpolation=["nearest"])(x)
    found = costs(keras.Model(x, keras.layers.Conv2D(3, 1)(resized)))
    assert found.macs == 16 * 3 * 2  # of the convolution; positions, filters, channels
    assert "its rule cannot take its arguments: TypeError" in found.uncounted[0].uncounted


def test_an_activation_layer_as_an_argument():
    x = keras.Input((4,))
    model = keras.Model(x, keras.layers.Dense(3, activation=keras.layers.ReLU())(x))
    found = costs(model)
    assert not found.uncounted
    assert found.elementwise == 6  # bias and ReLU


def test_a_subclass_follows_its_parent_unless_it_changes_something():
    class Same(keras.layers.Dense):
        def __init__(self, units, **kwargs):
            super().__init__(units, use_bias=False, **kwargs)

    class Other(keras.layers.Dense):
        def call(self, x, training=None):
            return keras.ops.relu(super().call(x))

    class Dense(keras.layers.Layer):
        def call(self, x):
            return x + 1.0

    x = keras.Input((4,))
    assert costs(keras.Model(x, Same(3)(x))).macs == 12
    assert "Dense" not in {n.op for n in read(keras.Model(x, Other(3)(x))).nodes}
    named_like = read(keras.Model(x, Dense()(x)))
    assert [n.op for n in named_like.nodes] == ["InputLayer", "ops.Add"]


def test_a_rule_of_the_users_own():
    class Doubling(Opaque):
        pass

    @layer("Doubling")
    def doubling(x):
        return Rule((*x[:-1], 7), macs=1234)

    try:
        x = keras.Input((4,))
        found = costs(keras.Model(x, Doubling()(x)))
        assert (found.macs, found.uncounted) == (1234, ())
    finally:
        del RULES["Doubling"]


def test_a_frozen_batch_norm_trains_as_at_inference():
    x = keras.Input((4, 4, 3))
    frozen = keras.layers.BatchNormalization(trainable=False)
    (_, free), (_, fixed) = (
        read(keras.Model(x, layer(x))).nodes
        for layer in (keras.layers.BatchNormalization(), frozen)
    )
    assert (free.rule.elementwise, free.rule.training) == (2 * 48, 8 * 48)
    assert (fixed.rule.elementwise, fixed.rule.training) == (2 * 48, None)
    assert fixed.rule.backward == 48  # dy * scale
    assert not any(weight.trainable for weight in fixed.rule.weights)


# Types


def test_half_precision_activations_over_full_precision_weights():
    policy = keras.DTypePolicy("mixed_float16")
    x = keras.Input((8,))
    model = keras.Model(x, keras.layers.Dense(4, dtype=policy)(x))
    dense = costs(model).layers[1]
    assert (dense.activation_bytes, dense.weight_bytes) == (4 * 2, 36 * 4)
    dense = costs(model, dtype="float16").layers[1]
    assert (dense.activation_bytes, dense.weight_bytes) == (4 * 2, 36 * 2)


def test_an_image_of_bytes():
    x = keras.Input((8, 8, 3), dtype="uint8")
    model = keras.Model(x, keras.layers.Rescaling(1 / 255)(x))
    assert [node.activation_bytes for node in costs(model).layers] == [192, 768]


@pytest.mark.parametrize(
    ("batch", "dtype", "message"),
    [
        (0, None, "positive whole numbers; got batch 0 and input 8"),
        (-1, None, "positive whole numbers; got batch -1"),
        (10**19, None, "at most 1e"),
        (1, "int7", "mixed_bfloat16, int8; got 'int7'"),
    ],
)
def test_an_impossible_batch_or_type(batch, dtype, message):
    x = keras.Input((8,))
    with pytest.raises(ShapeError, match=message):
        read(keras.Model(x, keras.layers.Dense(2)(x)), batch_size=batch, dtype=dtype)


# Files


@pytest.fixture
def small():
    x = keras.Input((4, 4, 1))
    y = keras.layers.Conv2D(2, 3, activation="relu", name="conv")(x)
    return keras.Model(x, keras.layers.Flatten()(y))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
def test_a_saved_file(small, tmp_path, suffix):
    path = tmp_path / f"small{suffix}"
    small.save(path)
    found = cost(networks.resolve(str(path)).trace(None, 1, None))
    assert (found.params, found.macs) == (20, 4 * 2 * 9)
    larger = cost(networks.resolve(str(path)).trace([(10, 10, 1)], 1, None))
    assert larger.macs == 64 * 2 * 9


def test_code_in_a_file_is_not_run(tmp_path):
    x = keras.Input((4,))
    path = tmp_path / "unsafe.keras"
    keras.Model(x, keras.layers.Lambda(lambda x: x + 1)(x)).save(path)
    (layer,) = cost(networks.resolve(str(path)).trace(None, 1, None)).uncounted
    assert "the file holds its code, which is not run" in layer.uncounted
    with pytest.raises(TargetError, match=r"unsafe\.keras: .*it would run code or open a file"):
        networks.resolve(str(path)).keras()


def test_a_folder_that_keras_saved_for_serving(small, tmp_path):
    small.export(tmp_path / "served", verbose=False)
    found = cost(networks.resolve(str(tmp_path / "served")).trace(None, 1, None))
    assert (found.params, found.macs) == (20, 4 * 2 * 9)
    assert found.uncounted == ()
    (conv,) = [x for x in found.layers if x.macs]
    assert (conv.op, conv.params) == ("tf.Conv2D", 18)  # the bias is another operation


def archive(path, config):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", config)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda p: None, "there is no file"),
        (lambda p: p.write_text("not a zip"), "BadZipFile"),
        (lambda p: p.write_bytes(b""), "BadZipFile"),
        (lambda p: archive(p, "{"), "JSONDecodeError"),
        (lambda p: archive(p, "[]"), "is not a model that Keras saved"),
        (lambda p: archive(p, "{}"), "x.keras"),
        (lambda p: archive(p, '{"class_name": "Dense", "module": "os", "config": {}}'), "x.keras"),
        (
            lambda p: archive(
                p,
                '{"module": "keras.layers", "class_name": "Dense", "config": {"units": 3},'
                ' "registered_name": null}',
            ),
            "holds a Dense, not a Keras model",
        ),
    ],
)
def test_a_file_that_holds_no_model(tmp_path, write, message):
    path = tmp_path / "x.keras"
    write(path)
    with pytest.raises(TargetError, match=message) as error:
        networks.resolve(str(path))
    assert "\n" not in str(error.value)


def test_a_folder_that_is_no_saved_model(tmp_path):
    with pytest.raises(TargetError, match=r"is a folder without a saved_model\.pb"):
        networks.resolve(str(tmp_path))


# Functions


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "mine_for_test.py").write_text(
        """
import keras

def small(units=3):
    x = keras.Input((4,))
    return keras.Model(x, keras.layers.Dense(units)(x))

def huge():
    x = keras.Input((10**6,))
    return keras.Model(x, keras.layers.Dense(10**6)(x))

def with_values():
    model = small()
    model.set_weights([w + 1 for w in model.get_weights()])
    return model

def broken():
    raise RuntimeError("no\\nmodel")

def nothing():
    return 3

def leaves():
    raise SystemExit("usage")

def stopped():
    raise KeyboardInterrupt

def talks():
    print("a summary")
    return small()

number = 3
ready = small(5)
"""
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield "mine_for_test"
    sys.modules.pop("mine_for_test", None)


@pytest.mark.parametrize(
    ("name", "params", "expected"),
    [
        ("small", {}, 15),
        ("small", {"units": 7}, 35),
        ("ready", {}, 25),
        ("with_values", {}, 15),
        ("huge", {}, 10**12 + 10**6),  # 4 TB: it is not allocated
    ],
)
def test_a_function_that_returns_a_model(module, name, params, expected):
    target = networks.resolve(f"{module}:{name}", params=params)
    assert cost(target.trace(None, 1, None)).params == expected


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("mine_for_test:broken", "RuntimeError: no model"),
        ("mine_for_test:nothing", "returned a value of type int, not a Keras"),
        ("mine_for_test:number", "is of type int, not a function or a model"),
        ("mine_for_test:absent", "AttributeError"),
        ("mine_for_test:", "must look like package.module:name"),
        ("mine_for_test.py:small", "without .py; got 'mine_for_test.py:small'"),
        ("mine_for_test:leaves", "SystemExit: usage"),
        ("no_such_module_here:f", "ModuleNotFoundError.*is it in this folder or on PYTHONPATH"),
        (":", "must look like package.module:name"),
    ],
)
def test_a_function_that_does_not(module, target, message):
    with pytest.raises(TargetError, match=message) as error:
        networks.resolve(target)
    assert "\n" not in str(error.value)


def test_ctrl_c_in_a_function_is_not_an_answer(module):
    with pytest.raises(KeyboardInterrupt):
        networks.resolve(f"{module}:stopped")


def test_what_a_function_prints_is_not_in_the_answer(module, capsys):
    networks.resolve(f"{module}:talks")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "a summary\n")


# Names


@pytest.mark.parametrize("what", ["file", "model", "object"])
def test_parameters_that_nothing_takes(module, small, tmp_path, what):
    small.save(tmp_path / "small.keras")
    target = {"file": tmp_path / "small.keras", "model": f"{module}:ready", "object": small}[what]
    with pytest.raises(CnnbenchError, match="takes no parameters; got units"):
        networks.resolve(target, params={"units": 3})
    assert networks.resolve(target).trace(None, 1, None).nodes


def test_something_else():
    with pytest.raises(TargetError, match="or a Keras model; got one of type list"):
        networks.resolve([1])


def test_a_name_that_nothing_has():
    with pytest.raises(UnknownNameError, match="unknown target 'ResNet5'; did you mean ResNet50"):
        networks.resolve("ResNet5")


def test_the_top_of_what_has_none():
    with pytest.raises(CnnbenchError, match=r"--no-include-top is for models of keras\.app"):
        networks.resolve("vgg16", include_top=False)
