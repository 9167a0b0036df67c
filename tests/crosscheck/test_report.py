"""The comparison with Keras and TensorFlow: what it pairs, what it leaves out, how it fails."""

from dataclasses import replace

import pytest

from cnnbench import crosscheck
from cnnbench.crosscheck import pairing, profiler
from cnnbench.errors import CnnbenchError, RuntimeMissingError
from cnnbench.networks import resolve
from cnnbench.networks.reader import read

pytestmark = pytest.mark.tensorflow

tf = pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")
from keras import layers  # noqa: E402


def graph_of(model, batch_size=1):
    return read(model, [tuple(x.shape[1:]) for x in model.inputs], batch_size)


def unequal(graph, model):
    return [row for row in crosscheck.report(graph, model) if not row.equal]


def found(graph, model):
    return {layer.name: layer for layer in pairing.layers(graph, model)}


@pytest.fixture
def small():
    """A convolution, a normalisation, a dense layer: 8x8x2 to 5."""
    x = inputs = keras.Input((8, 8, 2))
    x = layers.Conv2D(4, 3, padding="same", name="conv")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Flatten(name="flat")(x)
    return keras.Model(inputs, layers.Dense(5, name="dense")(x))


# What is paired


def test_a_report_of_a_small_model(small):
    rows = crosscheck.report(graph_of(small), small)
    assert [(row.what, row.ours, row.theirs, row.equal) for row in rows] == [
        # conv 3 * 3 * 2 * 4 + 4 = 76, norm 4 * 4 = 16, dense 256 * 5 + 5 = 1285
        ("parameters, by Keras", 1377, 1377, True),
        ("trainable parameters, by Keras", 1369, 1369, True),  # two vectors of 4 are not trained
        ("layers and their output shapes, by TensorFlow", 4, 4, True),
        # 64 positions * 4 filters * 18 taps = 4608, and 1280
        ("multiply-adds, by TensorFlow's statistics", 5888, 5888, True),
    ]


def test_each_layer_stands_beside_what_tensorflow_runs_for_it(small):
    graph = graph_of(small, batch_size=3)
    calls = {call.name: call for call in profiler.trace(graph, small).calls}
    assert set(calls) == {"", "conv", "norm", "flat", "dense"}
    assert calls["conv"].shapes == ((3, 8, 8, 4),)
    assert calls["conv"].macs == 3 * 4608
    ours = {operation.type for operation in calls["dense"].operations}
    assert {"MatMul", "BiasAdd"} <= ours


def test_a_shared_layer_is_compared_at_every_call():
    one, other = keras.Input((6, 6, 3)), keras.Input((4, 4, 3))
    conv, pool = layers.Conv2D(2, 3, name="conv"), layers.GlobalMaxPooling2D()
    # A layer whose name is what TensorFlow calls the second call of the first.
    decoy = layers.Conv2D(3, 1, name="conv_1")
    ends = [pool(conv(one)), pool(conv(decoy(other)))]
    model = keras.Model([one, other], layers.Concatenate()(ends))
    graph = graph_of(model)
    assert unequal(graph, model) == []
    rows = found(graph, model)
    # 4 * 4 positions, then 2 * 2, of 2 filters of 27 taps; 4 * 4 of 3 filters of 3 taps
    macs = {name: row.traced_macs for name, row in rows.items() if row.traced_macs}
    assert sorted(macs.values()) == [144, 216, 864]
    assert rows["conv"].params == rows["conv"].keras_params == (56, 56)  # 3 * 3 * 3 * 2 + 2
    assert rows["conv (call 2)"].params == rows["conv (call 2)"].keras_params == (0, 0)


def test_the_layers_of_a_model_in_a_model_are_compared():
    inner = keras.Sequential(
        [layers.Conv2D(3, 1, name="mix"), layers.PReLU(shared_axes=(1, 2), name="relu")],
        name="inner",
    )
    inputs = keras.Input((4, 4, 3))
    model = keras.Model(inputs, inner(inner(inputs)))
    graph = graph_of(model)
    assert unequal(graph, model) == []
    rows = found(graph, model)
    assert set(rows) == {"inner/mix", "inner/relu", "inner_1/mix (call 2)", "inner_1/relu (call 2)"}
    assert rows["inner_1/mix (call 2)"].traced_macs == 144  # 16 positions * 3 * 3
    assert rows["inner/mix"].params == rows["inner/mix"].keras_params == (12, 12)
    assert rows["inner/relu"].params == rows["inner/relu"].keras_params == (3, 3)
    assert rows["inner_1/mix (call 2)"].keras_params == (0, 0)


def test_a_layer_with_layers_inside_that_has_one_rule_is_one():
    inputs = keras.Input((3, 4))
    attention = layers.MultiHeadAttention(2, 5, name="attention")
    model = keras.Model(inputs, attention(inputs, inputs))
    graph = graph_of(model)
    rows = found(graph, model)
    assert set(rows) == {"attention"}
    # Three projections of 4 to 2 * 5 and back to 4: 3 * (4 * 10 + 10) + 10 * 4 + 4
    assert rows["attention"].params == rows["attention"].keras_params == (194, 194)


class Gated(layers.Layer):
    """A layer of somebody's own: a convolution times a learnt vector, by keras.ops."""

    def __init__(self, **options):
        super().__init__(**options)
        self.conv = layers.Conv2D(4, 3, padding="same", name="inside")

    def build(self, shape):
        self.gate = self.add_weight(shape=(4,), name="gate")
        self.conv.build(shape)
        self.built = True

    def call(self, x):
        return keras.ops.relu(self.conv(x)) * self.gate


def test_a_layer_made_of_layers_is_compared_as_one_and_its_parts_by_themselves():
    inputs = keras.Input((5, 5, 4))
    layer = Gated(name="gated")
    model = keras.Model(inputs, layer(layer(inputs)))
    graph = graph_of(model)
    assert unequal(graph, model) == []
    rows = found(graph, model)
    assert rows["gated"].params == rows["gated"].keras_params == (152, 152)  # 9 * 16 + 4 + 4
    assert rows["gated/inside"].traced_macs == 3600  # 25 * 4 * 36
    assert rows["gated_1/inside (call 2)"].traced_macs == 3600


def test_a_subclassed_model_is_compared():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv, self.dense = Gated(name="gated"), layers.Dense(3, name="dense")

        def call(self, x):
            return self.dense(self.conv(x))

    model = Own()
    model(keras.ops.zeros((1, 4, 4, 4)))
    graph = read(model, [(6, 6, 4)])
    assert unequal(graph, model) == []
    assert found(graph, model)["dense"].traced_macs == 432  # 36 * 4 * 3


def test_operations_of_keras_are_compared():
    inputs = keras.Input((3, 4))
    model = keras.Model(inputs, keras.ops.matmul(inputs, keras.ops.transpose(inputs, (0, 2, 1))))
    graph = graph_of(model, batch_size=2)
    assert unequal(graph, model) == []
    assert sum(row.traced_macs for row in found(graph, model).values()) == 72  # 2 * 3 * 3 * 4


def test_several_inputs_may_have_names():
    inputs = {"b": keras.Input((4,), name="b"), "a": keras.Input((3,), name="a")}
    ends = [layers.Dense(2)(inputs["b"]), layers.Dense(2)(inputs["a"])]
    model = keras.Model(inputs, layers.Add()(ends))
    assert unequal(graph_of(model), model) == []


def test_a_model_is_left_as_it_was(small):
    before = small.get_layer("conv").call
    graph = graph_of(small)
    profiler.trace(graph, small)
    assert small.get_layer("conv").call == before
    assert not any("call" in vars(layer) for layer in small.layers)
    assert len(small.get_layer("conv")._inbound_nodes) == 1


def test_a_trace_leaves_alone_what_others_made_without_values(small):
    with keras.StatelessScope(initialize_variables=False):
        other = keras.layers.Dense(2)
        other.build((1, 3))
    profiler.trace(graph_of(small), small)
    assert other.kernel._value is None
    keras.utils.clear_session(free_memory=False)  # or it gets one in a later test


# TensorFlow's profiler


@pytest.mark.parametrize("name", ["MobileNetV2", "ConvNeXtTiny"])
def test_the_statistics_add_up_to_the_profilers_own_total(name):
    target = resolve(f"keras.applications.{name}", [(64, 64, 3)])
    trace = profiler.trace(target.trace(None, 1, None), target.keras())
    options = tf.compat.v1.profiler.ProfileOptionBuilder
    counted = tf.compat.v1.profiler.profile(
        trace.traced.graph, options=options(options.float_operation()).with_empty_output().build()
    )
    assert trace.flops == counted.total_float_ops > 0


def test_the_profiler_does_not_enter_the_functions_of_grouped_convolutions():
    inputs = keras.Input((4, 4, 6))
    model = keras.Model(inputs, layers.Conv2D(6, 3, groups=3, padding="same")(inputs))
    trace = profiler.trace(graph_of(model), model)
    (conv,) = (x for call in trace.calls for x in call.operations if x.type == "Conv2D")
    assert conv.entered
    assert conv.flops == 3456  # 2 * 16 positions * 6 filters * 18 taps
    assert trace.flops < 3456


@pytest.mark.parametrize(
    ("layer", "shape", "why", "macs"),
    [
        # 16 inputs * 9 taps * 2 channels * 3 filters
        (layers.Conv2DTranspose(3, 3), (4, 4, 2), "Conv2DBackpropInput", 864),
        (layers.Conv3DTranspose(3, 3), (2, 2, 2, 1), "Conv3DBackpropInputV2", 648),  # 8 * 27 * 3
        (layers.EinsumDense("abc,bd->acd", (2, 5)), (3, 2), "Einsum", 30),  # 3 * 2 * 5
        # 9 positions * 9 taps * 2 channels
        (layers.DepthwiseConv2D(3, dilation_rate=2), (7, 7, 2), "SpaceToBatchND", 162),
    ],
)
def test_what_tensorflow_does_not_count_is_said_and_not_called_equal(layer, shape, why, macs):
    inputs = keras.Input(shape)
    model = keras.Model(inputs, layer(inputs))
    (row,) = unequal(graph_of(model), model)
    assert row.what == f"multiply-adds in {why} ({profiler.NOT_COMPARED[why]})"
    assert (row.ours, row.theirs, row.equal) == (macs, None, None)


def test_a_layer_without_a_rule_is_not_called_equal():
    inputs = keras.Input((3,))
    model = keras.Model(
        inputs, layers.Lambda(lambda x: tf.matmul(tf.math.lgamma(x), tf.ones((3, 2))), (2,))(inputs)
    )
    graph = graph_of(model)
    assert [node.op for node in graph.nodes if node.uncounted] == ["tf.Lgamma"]
    (row,) = pairing.layers(graph, model)
    assert row.not_compared == pairing.NO_RULE
    assert row.traced_macs == 6


def test_a_layer_that_is_called_at_two_sizes_inside_another_is_paired_call_by_call():
    class Periods(layers.Layer):
        def __init__(self):
            super().__init__()
            self.conv = layers.Conv2D(4, 3, padding="same")

        def call(self, x):
            parts = [keras.ops.reshape(x, (-1, 24 // n, n, 4)) for n in (2, 3, 4)]
            return keras.ops.stack([keras.ops.reshape(self.conv(x), (-1, 24, 4)) for x in parts])

    inputs = keras.Input((24, 4))
    model = keras.Model(inputs, Periods()(inputs))
    assert unequal(graph_of(model), model) == []


def test_a_model_that_cannot_be_traced_is_one_line(small):
    with pytest.raises(CnnbenchError) as error:
        crosscheck.report(read(small, [(9, 9, 2)]), small)
    assert str(error.value).startswith("TensorFlow cannot trace functional")
    assert "\n" not in str(error.value)
    assert not any("call" in vars(layer) for layer in small.layers)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("one\ntwo"), "one"),
        (NotImplementedError(), "NotImplementedError"),
        (SystemExit(3), "3"),
    ],
)
def test_whatever_a_call_raises_is_one_line(error, said):
    raised = []

    class Refusing(layers.Layer):
        def call(self, x):
            for each in raised:
                raise each
            return x * 2.0

    inputs = keras.Input((4,))
    model = keras.Model(inputs, Refusing()(inputs), name="refusing")
    graph = graph_of(model)
    raised.append(error)
    with pytest.raises(CnnbenchError, match=f"^TensorFlow cannot trace refusing: {said}$"):
        crosscheck.report(graph, model)


def test_keras_must_run_on_tensorflow(small, monkeypatch):
    graph = graph_of(small)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(RuntimeMissingError, match="expected Keras on TensorFlow; it runs on jax"):
        crosscheck.report(graph, small)


# The comparison can fail


def changed(graph, name, change):
    """The graph with another rule for one of its nodes."""
    graph.nodes = [
        replace(node, rule=change(node.rule)) if node.name == name else node for node in graph.nodes
    ]
    return graph


def test_a_convolution_of_one_tap_less_is_found(small):
    graph = changed(graph_of(small), "conv", lambda rule: replace(rule, macs=rule.macs * 8 // 9))
    rows = unequal(graph, small)
    assert [(row.what, row.ours, row.theirs) for row in rows] == [
        ("multiply-adds, by TensorFlow's statistics", 5376, 5888),  # 4608 * 8 / 9 = 4096
        ("conv: multiply-adds", 4096, 4608),
    ]


def test_a_bias_that_is_forgotten_is_found(small):
    graph = changed(graph_of(small), "dense", lambda rule: replace(rule, weights=rule.weights[:1]))
    assert [(row.what, row.ours, row.theirs) for row in unequal(graph, small)] == [
        ("parameters, by Keras", 1372, 1377),
        ("trainable parameters, by Keras", 1364, 1369),
        ("dense: parameters", 1280, 1285),
        ("dense: trainable parameters", 1280, 1285),
    ]


def test_statistics_that_would_be_trained_are_found(small):
    graph = changed(
        graph_of(small),
        "norm",
        lambda rule: replace(
            rule, weights=tuple(replace(weight, trainable=True) for weight in rule.weights)
        ),
    )
    assert [row.what for row in unequal(graph, small)] == [
        "trainable parameters, by Keras",
        "norm: trainable parameters",
    ]


def test_a_wrong_shape_is_found(small):
    graph = changed(graph_of(small), "conv", lambda rule: replace(rule, shape=(1, 8, 7, 4)))
    assert [(row.what, row.ours, row.theirs) for row in unequal(graph, small)] == [
        ("layers and their output shapes, by TensorFlow", 4, 3),
        ("conv: output", "1x8x7x4", "1x8x8x4"),
    ]


def test_work_that_tensorflow_does_not_do_is_found(small):
    graph = changed(graph_of(small), "flat", lambda rule: replace(rule, macs=1))
    assert "flat: multiply-adds" in [row.what for row in unequal(graph, small)]


def test_errors_that_cancel_are_found(small):
    graph = changed(graph_of(small), "conv", lambda rule: replace(rule, macs=rule.macs - 1))
    graph = changed(graph, "dense", lambda rule: replace(rule, macs=rule.macs + 1))
    assert [row.what for row in unequal(graph, small)] == [
        "conv: multiply-adds",
        "dense: multiply-adds",
    ]


def test_a_layer_that_tensorflow_does_not_run_is_found(small):
    graph = graph_of(small)
    graph.append(replace(graph.nodes[-1], name="another"))
    assert {row.what for row in unequal(graph, small)} >= {
        "another: parameters",
        "another: output",
        "another: multiply-adds",
    }


def test_a_layer_that_we_do_not_have_is_found(small):
    graph = graph_of(small)
    *graph.nodes, _ = graph.nodes
    graph.outputs = (3,)
    assert {row.what for row in unequal(graph, small)} >= {
        "dense: parameters",
        "dense: multiply-adds",
    }
