"""Each layer's shapes, weights and refusals against Keras, and its MACs against TensorFlow.

Keras builds every layer from random arguments; TensorFlow counts what its own operations do.
"""

import inspect
import warnings
from importlib import import_module

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnnbench.errors import ShapeError
from cnnbench.graph import RULES, argument_names, merges
from cnnbench.layers.activation import OPERATIONS

pytestmark = pytest.mark.tensorflow

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")

FILES = (
    "activation",
    "conv",
    "dense",
    "embedding",
    "merge",
    "norm",
    "pool",
    "reshape",
    "resize",
)
for file in FILES:
    import_module(f"cnnbench.layers.{file}")
OURS = [op for op, rule in RULES.items() if rule.__module__.rpartition(".")[2] in FILES]

# A call argument, and one that Keras has only for old files.
NOT_IN_THE_SIGNATURE = {"reverse", "rms_scaling"}

few = settings(
    max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def one_for_each_axis(default):
    """2 for (2, 2) and 1 for ((1, 1), (1, 1))."""
    same = isinstance(default, tuple) and len(set(default)) == 1
    return one_for_each_axis(default[0]) if same else default


@pytest.mark.parametrize("op", OURS)
def test_a_rule_has_the_arguments_of_its_class_in_their_order_and_with_their_defaults(op):
    theirs = inspect.signature(getattr(keras.layers, op)).parameters
    names = [name for name in argument_names(RULES[op]) if name not in NOT_IN_THE_SIGNATURE]
    assert names == [name for name in theirs if name in names]
    for name in names:
        ours = inspect.signature(RULES[op]).parameters[name].default
        assert one_for_each_axis(ours) == one_for_each_axis(theirs[name].default), name


def built(op, shapes, arguments):
    """What Keras makes of a layer: its output shape and weights, or that it refuses."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "You passed `rms_scaling")
        try:
            layer = getattr(keras.layers, op)(**arguments)
            inputs = [keras.Input(batch_shape=shape) for shape in shapes]
            output = layer(inputs if merges(RULES[op]) else inputs[0])
        except (ValueError, TypeError, IndexError):
            return "refused"
    return output.shape, [(w.name, tuple(w.shape), w.trainable) for w in layer.weights]


def ruled(op, shapes, arguments):
    """What our rule makes of it."""
    try:
        rule = RULES[op](shapes if merges(RULES[op]) else shapes[0], **arguments)
    except ShapeError:
        return "refused"
    return rule.shape, [(w.name, w.shape, w.trainable) for w in rule.weights]


def test_every_activation_of_keras_has_a_cost():
    theirs = {n for n, f in vars(keras.activations).items() if inspect.isfunction(f)}
    helpers = {"deserialize", "get", "serialize"}
    # A sort, whose work is not the same for each element, and one that needs arguments.
    without = {"sparsemax", "threshold"}
    assert set(OPERATIONS) | {"glu"} | without == theirs - helpers


# Arguments that fit, but for a window that is larger than its input now and then

lengths = st.integers(5, 9) | st.integers(1, 9)
channels = st.sampled_from([2, 4, 6])
several = st.integers(1, 6)
switch = st.booleans()
formats = st.sampled_from(["channels_last", "channels_first", None])
activations = st.none() | st.sampled_from(sorted(OPERATIONS))


def shapes(rank):
    return st.tuples(st.integers(1, 3), *[lengths] * rank, channels)


any_image = shapes(1) | shapes(2) | shapes(3)
any_tensor = shapes(0) | any_image


def per_axis(rank, low, high):
    each = st.integers(low, high)
    return each | st.tuples(*[each] * rank)


def options(**strategies):
    return st.fixed_dictionaries(strategies)


def convolution(rank, paddings=("same", "valid"), **more):
    return st.tuples(
        shapes(rank),
        options(
            kernel_size=per_axis(rank, 1, 3),
            padding=st.sampled_from(paddings),
            data_format=formats,
            activation=activations,
            use_bias=switch,
            **more,
        ),
        options(strides=per_axis(rank, 1, 3)) | options(dilation_rate=per_axis(rank, 1, 3)),
    ).map(lambda parts: (parts[0], parts[1] | parts[2]))


def grouped(rank):
    """Channels and filters that two groups divide, which channels first may not be."""
    paddings = ("same", "valid", "causal") if rank == 1 else ("same", "valid")
    more = {"filters": st.sampled_from([2, 4]), "groups": st.sampled_from([1, 2])}
    return convolution(rank, paddings, **more)


def pooling(rank):
    return options(
        pool_size=per_axis(rank, 1, 3),
        strides=st.none() | per_axis(rank, 1, 3),
        padding=st.sampled_from(["same", "valid"]),
        data_format=formats,
    )


def ends(rank):
    """A number, one for each axis, or one for each end of each axis."""
    each = st.integers(0, 2)
    pair = st.tuples(each, each)
    return pair | each if rank == 1 else each | st.tuples(*[each | pair] * rank)


def axes(rank):
    unique = st.lists(st.integers(-rank, -1), min_size=1, max_size=rank, unique=True)
    return st.integers(-rank, rank - 1) | unique


def reshaped(shape):
    _, *inner = shape
    targets = (inner, [*inner, 1], [-1, inner[0]])
    return st.tuples(
        st.just(shape), options(target_shape=st.one_of(*map(st.permutations, targets)))
    )


def permuted(shape):
    return st.tuples(st.just(shape), options(dims=st.permutations(range(1, len(shape)))))


RANKS = (1, 2, 3)
KINDS = ("Max", "Average")
scales = {"center": switch, "scale": switch}
interpolations = st.sampled_from(["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"])

FAMILIES = {
    **{f"Conv{rank}D": grouped(rank) for rank in RANKS},
    **{
        f"Conv{rank}DTranspose": convolution(
            rank, filters=several, output_padding=st.none() | st.just(0)
        )
        for rank in RANKS
    },
    **{
        f"DepthwiseConv{rank}D": convolution(rank, depth_multiplier=st.integers(1, 3))
        for rank in (1, 2)
    },
    **{
        f"SeparableConv{rank}D": convolution(
            rank, filters=several, depth_multiplier=st.integers(1, 3)
        )
        for rank in (1, 2)
    },
    **{
        f"{kind}Pooling{rank}D": st.tuples(shapes(rank), pooling(rank))
        for kind in KINDS
        for rank in RANKS
    },
    **{
        f"Global{kind}Pooling{rank}D": st.tuples(
            shapes(rank), options(data_format=formats, keepdims=switch)
        )
        for kind in KINDS
        for rank in RANKS
    },
    **{
        f"Adaptive{kind}Pooling{rank}D": st.tuples(
            shapes(rank), options(output_size=per_axis(rank, 1, 12), data_format=formats)
        )
        for kind in KINDS
        for rank in RANKS
    },
    **{
        f"ZeroPadding{rank}D": st.tuples(
            shapes(rank), options(padding=ends(rank), data_format=formats)
        )
        for rank in RANKS
    },
    "Cropping1D": st.tuples(shapes(1), options(cropping=ends(1))),
    **{
        f"Cropping{rank}D": st.tuples(
            shapes(rank), options(cropping=ends(rank), data_format=formats)
        )
        for rank in (2, 3)
    },
    "UpSampling1D": st.tuples(shapes(1), options(size=several)),
    "UpSampling2D": st.tuples(
        shapes(2),
        options(size=per_axis(2, 1, 3), data_format=formats, interpolation=interpolations),
    ),
    "UpSampling3D": st.tuples(shapes(3), options(size=per_axis(3, 1, 3), data_format=formats)),
    "Flatten": st.tuples(any_tensor, options(data_format=formats)),
    "Permute": any_tensor.flatmap(permuted),
    "RepeatVector": st.tuples(shapes(0), options(n=several)),
    "Reshape": any_tensor.flatmap(reshaped),
    "Dense": st.tuples(any_tensor, options(units=several, activation=activations, use_bias=switch)),
    "Embedding": st.tuples(any_tensor, options(input_dim=several, output_dim=several)),
    "ReversibleEmbedding": st.tuples(
        any_tensor, options(input_dim=several, output_dim=several, tie_weights=switch)
    ),
    "BatchNormalization": st.tuples(
        any_image, options(axis=st.integers(-3, 2), renorm=switch, **scales)
    ),
    "LayerNormalization": st.tuples(shapes(2), options(axis=axes(4), rms_scaling=switch, **scales)),
    "GroupNormalization": st.tuples(
        shapes(2),
        options(groups=st.sampled_from([-1, 1, 2]), axis=st.sampled_from([-1, 1, 3]), **scales),
    ),
    "RMSNormalization": st.tuples(shapes(2), options(axis=axes(4))),
    "UnitNormalization": st.tuples(shapes(2), options(axis=axes(4))),
    "Activation": st.tuples(any_tensor, options(activation=st.sampled_from(sorted(OPERATIONS)))),
    "Identity": st.tuples(any_tensor, st.just({})),
    "ReLU": st.tuples(
        any_tensor,
        options(
            max_value=st.sampled_from([None, 0.0, 6.0]),
            negative_slope=st.sampled_from([0.0, 0.1]),
            threshold=st.sampled_from([0.0, 1.0]),
        ),
    ),
    "LeakyReLU": st.tuples(any_tensor, options(negative_slope=st.sampled_from([0.0, 0.1]))),
    "PReLU": st.tuples(
        shapes(2),
        options(shared_axes=st.none() | st.integers(-2, 3) | st.lists(st.integers(1, 3))),
    ),
    "ELU": st.tuples(any_tensor, options(alpha=st.sampled_from([1.0, 0.5]))),
    "Softmax": st.tuples(shapes(2), options(axis=st.integers(-4, 3))),
}


@pytest.mark.parametrize("op", FAMILIES)
@few
@given(data=st.data())
def test_a_layer_has_the_shape_and_weights_that_keras_builds(op, data):
    shape, arguments = data.draw(FAMILIES[op])
    theirs = built(op, [shape], arguments)
    if theirs != "refused" and min(theirs[0]) < 1:
        theirs = "refused"  # Keras builds layers with nothing in their output
    assert ruled(op, [shape], arguments) == theirs


SPATIAL = {1: (2, 8, 4), 2: (2, 8, 7, 4), 3: (2, 8, 7, 6, 4)}
WINDOWS = [
    {"kernel_size": 0},
    {"kernel_size": (3, 3, 3, 3)},
    {"kernel_size": 9},  # larger than the input
    {"strides": 0},
    {"padding": "full"},
    {"data_format": "nhwc"},
    {"activation": "relu7"},
]
POOLS = [{"pool_size": 0}, {"pool_size": (2,) * 4}, {"pool_size": 9}, {"padding": "causal"}]
FORMAT = {"data_format": "nhwc"}

# A layer that fits, and what Keras refuses in place of one of its arguments.
WRONG = {
    **{
        f"Conv{rank}D": (
            SPATIAL[rank],
            {"filters": 4, "kernel_size": 3},
            [*WINDOWS, {"strides": 2, "dilation_rate": 2}, {"filters": 0}, {"filters": -1}]
            + [{"groups": 0}, {"groups": 3}, {"groups": 4, "filters": 6}]
            + [{"padding": "causal"}] * (rank > 1),
        )
        for rank in RANKS
    },
    **{
        f"Conv{rank}DTranspose": (
            SPATIAL[rank],
            {"filters": 4, "kernel_size": 3},
            [w for w in WINDOWS if w != {"kernel_size": 9}]
            + [{"strides": 2, "dilation_rate": 2}, {"filters": 0}, {"output_padding": 1}]
            + [{"strides": 2, "output_padding": 2}, {"output_padding": -1}],
        )
        for rank in RANKS
    },
    **{
        f"DepthwiseConv{rank}D": (
            SPATIAL[rank],
            {"kernel_size": 3},
            [*WINDOWS, {"depth_multiplier": 0}, {"padding": "causal"}],
        )
        for rank in (1, 2)
    },
    **{
        f"SeparableConv{rank}D": (
            SPATIAL[rank],
            {"filters": 4, "kernel_size": 3},
            [*WINDOWS, {"depth_multiplier": 0}, {"filters": 0}, {"padding": "causal"}],
        )
        for rank in (1, 2)
    },
    **{
        f"{kind}Pooling{rank}D": (SPATIAL[rank], {"pool_size": 2}, [*POOLS, FORMAT])
        for kind in KINDS
        for rank in RANKS
    },
    **{
        f"Global{kind}Pooling{rank}D": (SPATIAL[rank], {}, [FORMAT])
        for kind in KINDS
        for rank in RANKS
    },
    **{
        f"Adaptive{kind}Pooling{rank}D": (
            SPATIAL[rank],
            {"output_size": 2},
            [{"output_size": (2,) * 4}, {"output_size": 2.5}, FORMAT],
        )
        for kind in KINDS
        for rank in RANKS
    },
    **{
        f"ZeroPadding{rank}D": (
            SPATIAL[rank],
            {},
            [{"padding": (1, 1, 1, 1)}, {"padding": ((1, -1), (1, 1), (1, 1))[:rank]}, FORMAT],
        )
        for rank in RANKS
    },
    "Cropping1D": (SPATIAL[1], {}, [{"cropping": -1}, {"cropping": (4, 4)}]),
    **{
        f"Cropping{rank}D": (
            SPATIAL[rank],
            {},
            [{"cropping": -1}, {"cropping": 4}, {"cropping": (1, 1, 1, 1)}, FORMAT],
        )
        for rank in (2, 3)
    },
    "UpSampling1D": (SPATIAL[1], {}, [{"size": 0}, {"size": (2,)}]),
    "UpSampling2D": (SPATIAL[2], {}, [{"size": 0}, {"size": (2, 2, 2)}, FORMAT]),
    "UpSampling3D": (SPATIAL[3], {}, [{"size": 0}, {"size": (2, 2)}, FORMAT]),
    "Flatten": (SPATIAL[2], {}, [FORMAT]),
    "Permute": (SPATIAL[1], {"dims": (2, 1)}, [{"dims": (0, 1)}, {"dims": (1,)}]),
    "RepeatVector": ((2, 4), {"n": 3}, [{"n": 0}, {"n": 2.5}]),
    "Reshape": (
        SPATIAL[1],
        {"target_shape": (32,)},
        [{"target_shape": t} for t in [(31,), (-1, 5), (-1, -1), (-2, -16), ()]],
    ),
    "Dense": ((2, 4), {"units": 3}, [{"units": 0}, {"units": 2.5}, {"activation": "relu7"}]),
    "Embedding": (
        (2, 4),
        {"input_dim": 9, "output_dim": 3},
        [{"input_dim": 0}, {"output_dim": 0}, {"input_dim": True}],
    ),
    "ReversibleEmbedding": (
        (2, 4),
        {"input_dim": 9, "output_dim": 3},
        [{"input_dim": 0}, {"output_dim": -1}],
    ),
    "BatchNormalization": (SPATIAL[2], {}, [{"axis": 4}, {"axis": -5}]),
    "LayerNormalization": (SPATIAL[2], {}, [{"axis": 4}, {"axis": [1, 4]}, {"axis": None}]),
    "GroupNormalization": (
        SPATIAL[2],
        {"groups": 2},
        [{"groups": g} for g in (0, -2, 3, 8, 2.5)] + [{"axis": 4}],
    ),
    "RMSNormalization": (SPATIAL[2], {}, [{"axis": 4}, {"axis": [1, 4]}]),
    "UnitNormalization": (SPATIAL[2], {}, [{"axis": 4}, {"axis": [1, 4]}, {"axis": None}]),
    "Activation": (SPATIAL[2], {"activation": "relu"}, [{"activation": "relu7"}]),
    "ReLU": (
        SPATIAL[2],
        {},
        [{"max_value": -1.0}]
        + [{name: value} for name in ("negative_slope", "threshold") for value in (-0.1, None)],
    ),
    "LeakyReLU": (SPATIAL[2], {}, [{"negative_slope": -0.1}, {"negative_slope": None}]),
    "PReLU": (SPATIAL[2], {}, [{"shared_axes": 4}, {"shared_axes": [1, -3]}]),
}


@pytest.mark.parametrize(
    ("op", "wrong"), [(op, wrong) for op, (*_, wrongs) in WRONG.items() for wrong in wrongs]
)
def test_what_keras_refuses_we_refuse(op, wrong):
    shape, right, _ = WRONG[op]
    assert ruled(op, [shape], right) == built(op, [shape], right) != "refused"
    assert ruled(op, [shape], right | wrong) == built(op, [shape], right | wrong) == "refused"


TENSORS = [(2, 3), *SPATIAL.values(), (2, 3, 4, 5, 6, 7)]


# Keras looks at the axes of an adaptive pooling only when it runs.
@pytest.mark.parametrize("op", [op for op in WRONG if not op.startswith("Adaptive")])
def test_a_layer_takes_as_many_axes_as_keras_does(op):
    _, right, _ = WRONG[op]
    for shape in TENSORS:
        assert ruled(op, [shape], right) == built(op, [shape], right), shape


# Merges: shapes that mostly fit


@st.composite
def broadcast(draw, most=3):
    """Shapes with some axes 1 or left out, and now and then another size or batch."""
    whole = draw(st.tuples(*[st.integers(1, 3)] * draw(st.integers(2, 4))))
    inputs = []
    for _ in range(draw(st.integers(1, most))):
        inner = [draw(st.sampled_from([size] * 9 + [1] * 6 + [2])) for size in whole[1:]]
        batch = draw(st.sampled_from([whole[0]] * 9 + [1]))
        inputs.append((batch, *inner[draw(st.integers(0, len(inner) - 1)) :]))
    return inputs, {}


@st.composite
def joined(draw):
    """Shapes that agree outside one axis, but for now and then."""
    whole = draw(st.lists(st.integers(1, 3), min_size=2, max_size=4))
    axis = draw(st.integers(-len(whole), len(whole) - 1))
    inputs = []
    for _ in range(draw(st.integers(1, 3))):
        shape = list(whole)
        shape[draw(st.sampled_from([axis] * 9 + [-1]))] = draw(st.integers(1, 3))
        inputs.append(tuple(shape))
    return inputs, {"axis": axis}


two = st.just(2)  # a batch that differs, Keras refuses only when it runs
pairs = st.lists(
    st.tuples(two, st.integers(1, 2)) | st.tuples(two, st.integers(1, 2), st.integers(1, 2)),
    min_size=2,
    max_size=2,
)
places = st.sampled_from([-1, 1, 2])

MERGES = {
    **{op: broadcast() for op in ("Add", "Average", "Maximum", "Minimum", "Multiply")},
    "Subtract": broadcast(most=2) | broadcast(),
    "Concatenate": joined(),
    "Dot": st.tuples(pairs, options(axes=places | st.tuples(places, places), normalize=switch)),
}


@pytest.mark.parametrize("op", MERGES)
@few
@given(data=st.data())
def test_a_merge_has_the_shape_that_keras_builds_or_both_refuse(op, data):
    inputs, arguments = data.draw(MERGES[op])
    assert ruled(op, inputs, arguments) == built(op, inputs, arguments)


def test_every_layer_is_compared():
    equation = {"EinsumDense"}  # below: its arguments hang together
    others = {op for op in OURS if op == "Dropout"}  # in the comparison of whole graphs
    assert set(FAMILIES) | set(MERGES) | equation | others == set(OURS)


@pytest.mark.parametrize(
    ("shape", "equation", "output_shape", "bias_axes"),
    [
        ((2, 5), "ab,bc->ac", 3, None),
        ((2, 5), "ab,bc->ac", 3, "c"),
        ((2, 4, 5), "abc,cd->abd", (4, 3), "bd"),
        ((2, 4, 5), "abc,cd->abd", (None, 3), "d"),
        ((2, 4, 5), "abc,cd->abd", (7, 3), "d"),  # b is 4
        ((2, 4, 5), "abc,cde->abde", (None, 3, 6), "de"),
        ((2, 4, 3, 6), "abcd,cde->abe", (None, 5), "e"),
        ((2, 4, 5), "abc,bd->adc", (3, 5), "d"),  # the bias is (3, 1)
        ((2, 4, 5), "abc,bc->ab", 4, None),
        ((2, 5), "...b,bc->...c", 3, "c"),
        ((2, 4, 5), "...b,bc->...c", 3, "c"),
        ((2, 4, 5), "...ab,bc->...ac", (4, 3), "c"),
        ((2, 4), "...ab,bc->...ac", 3, "c"),  # nothing is left out
        ((2, 4, 5), "ab...,bc->ac...", 3, "c"),  # the bias is (3, 1)
        ((2, 4, 5, 6), "ab...,bc->ac...", 3, None),
        ((2, 5), "ab,bc->ad", 3, None),  # d comes from nowhere
        ((2, 5), "ab,bcd->ac", 3, None),  # d has no size
        ((2, 5), "ab,bc->ac", 3, "b"),  # no axis of the output
        ((2, 5), "ab,bc", 3, None),
        ((2, 5), "...ab,bc->ac", 3, None),
    ],
)
def test_an_equation_has_the_shape_and_weights_that_keras_builds(
    shape, equation, output_shape, bias_axes
):
    options = {"equation": equation, "output_shape": output_shape, "bias_axes": bias_axes}
    theirs = built("EinsumDense", [shape], options)
    if theirs != "refused" and None in theirs[0]:  # a size that Keras knows only when it runs
        theirs = (run("EinsumDense", [shape], options), theirs[1])
    assert ruled("EinsumDense", [shape], options) == theirs


def run(op, shapes, options):
    inputs = [keras.ops.ones(shape) for shape in shapes]
    layer = getattr(keras.layers, op)(**options)
    return tuple(layer(inputs if merges(RULES[op]) else inputs[0]).shape)


@pytest.mark.parametrize(
    ("op", "shape", "options"),
    [
        ("Activation", (2, 4, 6), {"activation": "glu"}),
        ("Dense", (2, 4, 6), {"units": 8, "activation": "glu"}),
        ("Conv1D", (2, 4, 6), {"filters": 8, "kernel_size": 3, "activation": "glu"}),
        # Keras turns round the axes that "..." stands for, on paper.
        ("EinsumDense", (2, 4, 5, 6), {"equation": "...b,bc->...c", "output_shape": 3}),
    ],
)
def test_where_keras_is_wrong_on_paper_we_say_what_it_does(op, shape, options):
    assert ruled(op, [shape], options)[0] == run(op, [shape], options)
    assert built(op, [shape], options)[0] != run(op, [shape], options)


@pytest.mark.parametrize(
    ("op", "shapes", "options"),
    [
        ("Activation", [(2, 4, 5)], {"activation": "glu"}),
        ("Dot", [(2, 3), (1, 3)], {"axes": 1}),
        ("Dot", [(2, 3), (2, 3)], {"axes": 0}),
        ("Softmax", [(2, 3)], {"axis": 2}),
        ("UpSampling2D", [(2, 3, 3, 1)], {"interpolation": "cubic"}),
        ("EinsumDense", [(2, 4, 5)], {"equation": "ab,bc->ac", "output_shape": 3}),
        ("ZeroPadding2D", [(2, 3, 3, 1)], {"padding": -1}),
    ],
)
def test_what_keras_refuses_only_when_it_runs_we_refuse(op, shapes, options):
    assert ruled(op, shapes, options) == "refused"
    assert built(op, shapes, options) != "refused"
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        run(op, shapes, options)


# MACs, against what TensorFlow counts on its own operations


def counted(op, shape, options):
    """Half the FLOPs of TensorFlow's products on one call of a layer."""
    from tensorflow.python.framework.ops import get_stats_for_node_def

    layer = getattr(keras.layers, op)(**options)
    layer.build(shape)
    graph = tf.function(layer).get_concrete_function(tf.TensorSpec(shape)).graph
    kinds = ("Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput", "MatMul", "BatchMatMulV2")
    nodes = [node.node_def for node in graph.get_operations() if node.type in kinds]
    return sum(get_stats_for_node_def(graph, node, "flops").value for node in nodes) / 2


@pytest.mark.parametrize(
    ("op", "shape", "options"),
    [
        ("Conv2D", (2, 7, 6, 3), {"filters": 5, "kernel_size": 3}),
        ("Conv2D", (2, 7, 6, 3), {"filters": 5, "kernel_size": (3, 2), "strides": (2, 3)}),
        ("Conv2D", (2, 7, 6, 3), {"filters": 5, "kernel_size": 3, "padding": "same"}),
        # Even sizes: TensorFlow runs a dilated convolution as four on every other pixel each.
        ("Conv2D", (2, 8, 6, 3), {"filters": 5, "kernel_size": 3, "dilation_rate": 2}),
        ("Conv1D", (2, 7, 3), {"filters": 5, "kernel_size": 3, "strides": 2}),
        ("Conv1D", (2, 7, 3), {"filters": 5, "kernel_size": 2, "padding": "causal"}),
        ("DepthwiseConv2D", (2, 7, 6, 3), {"kernel_size": 3, "depth_multiplier": 2}),
        ("DepthwiseConv2D", (2, 7, 6, 3), {"kernel_size": 3, "strides": 2, "padding": "same"}),
        ("SeparableConv2D", (2, 7, 6, 3), {"filters": 5, "kernel_size": 3, "depth_multiplier": 2}),
        ("Conv2DTranspose", (2, 4, 3, 3), {"filters": 5, "kernel_size": 3, "padding": "same"}),
        (
            "Conv2DTranspose",
            (2, 4, 3, 3),
            {"filters": 5, "kernel_size": 3, "strides": 2, "padding": "same"},
        ),
        ("Dense", (2, 7), {"units": 5}),
        ("Dense", (2, 4, 7), {"units": 5}),
        ("Dense", (2, 4, 3, 7), {"units": 5}),
        ("EinsumDense", (2, 4, 7), {"equation": "abc,cde->abde", "output_shape": (4, 3, 5)}),
    ],
)
def test_macs_are_half_the_flops_that_tensorflow_counts(op, shape, options):
    assert RULES[op](shape, **options).macs == counted(op, shape, options)
