"""GRAPH: tracing, names, scopes, dispatch."""

import pytest

from cnnbench.errors import ShapeError
from cnnbench.graph import (
    RULES,
    Graph,
    Tensor,
    argument_names,
    layer,
    merges,
    ranked_layers,
    trace,
)
from cnnbench.layers.activation import activation
from cnnbench.layers.conv import conv2d
from cnnbench.layers.dense import dense
from cnnbench.layers.merge import add
from cnnbench.layers.norm import batch_normalization
from cnnbench.layers.pool import global_average_pooling2d, max_pooling2d
from cnnbench.rule import Rule


def names(graph):
    return [node.name for node in graph.nodes]


def test_layers_are_numbered_as_keras_numbers_them():
    def network(x):
        x = batch_normalization(conv2d(conv2d(x, 4, 1), 4, 1))
        x = max_pooling2d(conv2d(x, 4, 1))
        return dense(global_average_pooling2d(x), 10)

    assert names(trace(network, (8, 8, 3))) == [
        "input_layer",
        "conv2d",
        "conv2d_1",
        "batch_normalization",
        "conv2d_2",
        "max_pooling2d",
        "global_average_pooling2d",
        "dense",
    ]


def test_a_given_name_is_kept_and_uses_up_no_number():
    def network(x):
        return conv2d(conv2d(conv2d(x, 4, 1), 4, 1, name="mine"), 4, 1)

    assert names(trace(network, (8, 8, 3)))[1:] == ["conv2d", "mine", "conv2d_1"]


def test_every_trace_begins_to_count_anew():
    def network(x):
        return conv2d(x, 4, 1)

    assert names(trace(network, (8, 8, 3))) == names(trace(network, (8, 8, 3)))


def test_nodes_keep_class_arguments_and_inputs():
    def network(x):
        return add([conv2d(x, 3, (1, 1), use_bias=False), x])

    _, convolution, addition = trace(network, (8, 8, 3)).nodes
    assert convolution.op == "Conv2D"
    assert convolution.attrs == {"filters": 3, "kernel_size": (1, 1), "use_bias": False}
    assert convolution.inputs == (0,)
    assert addition.op == "Add"
    assert addition.inputs == (1, 0)


def test_batch_size_and_type_are_the_graphs():
    graph = trace(lambda x: conv2d(x, 4, 1), (8, 6, 3), batch_size=5, dtype="float16")
    assert graph.nodes[0].rule.shape == (5, 8, 6, 3)
    assert graph.nodes[1].rule.shape == (5, 8, 6, 4)
    assert graph.dtype == "float16"


def test_outputs_are_what_the_block_returns():
    def two(x):
        y = conv2d(x, 4, 1)
        return y, activation(y, "relu")

    assert trace(two, (8, 8, 3)).outputs == (1, 2)
    assert trace(lambda x: x, (8, 8, 3)).outputs == (0,)


def test_scopes_nest_and_are_numbered():
    def network(x):
        for _ in range(2):
            with x.graph.scope("outer"):
                x = conv2d(x, 4, 1)
                with x.graph.scope("inner"):
                    x = conv2d(x, 4, 1)
        return conv2d(x, 4, 1)

    assert [node.scope for node in trace(network, (8, 8, 3)).nodes] == [
        (),
        ("outer",),
        ("outer", "inner"),
        ("outer_1",),
        ("outer_1", "inner_1"),
        (),
    ]


def test_a_scope_ends_when_the_block_fails():
    graph = Graph()
    with pytest.raises(KeyError), graph.scope("outer"):
        raise KeyError
    with graph.scope("next"):
        x = graph.add("InputLayer", lambda shapes: Rule((1, 8, 8, 3)), [], {})
    assert graph.nodes[x.index].scope == ("next",)


def test_a_scope_does_not_use_up_the_number_of_a_layer():
    graph = Graph()
    with graph.scope("conv2d"):
        x = graph.add("InputLayer", lambda shapes: Rule((1, 8, 8, 3)), [], {})
        conv2d(x, 4, 1)
    assert names(graph) == ["input_layer", "conv2d"]


def test_our_tensor_makes_a_node_and_no_keras_layer():
    graph = Graph()
    x = graph.add("InputLayer", lambda shapes: Rule((1, 8, 8, 3)), [], {})
    y = conv2d(x, filters=4, kernel_size=3)
    assert isinstance(y, Tensor)
    assert y.graph is graph
    assert y.shape == (1, 6, 6, 4)


def test_a_list_of_our_tensors_makes_one_node():
    graph = Graph()
    x = graph.add("InputLayer", lambda shapes: Rule((1, 8, 8, 3)), [], {})
    assert add([x, x, x]).shape == (1, 8, 8, 3)
    assert graph.nodes[-1].inputs == (0, 0, 0)


def test_arguments_bind_as_pythons_do():
    x = Graph().add("InputLayer", lambda shapes: Rule((1, 8, 8, 3)), [], {})
    with pytest.raises(TypeError, match="use_bais"):
        conv2d(x, 4, 3, use_bais=False)
    with pytest.raises(TypeError, match="filters"):
        conv2d(x, 4, 3, filters=8)
    with pytest.raises(TypeError, match="at most 1 arguments; got 2"):
        activation(x, "relu", "surplus")


def test_a_second_rule_for_a_layer_is_refused():
    before = RULES["Conv2D"]
    with pytest.raises(ValueError, match="two rules for the layer Conv2D"):

        @layer("Conv2D")
        def again(x):
            return Rule(x)

    assert RULES["Conv2D"] is before


@pytest.fixture
def no_new_rules():
    """Forget the rules that a test adds."""
    before = dict(RULES)
    yield
    RULES.clear()
    RULES.update(before)


@pytest.mark.usefixtures("no_new_rules")
def test_a_new_layer_is_one_function():
    @layer("Halve")
    def halve(x, axis=1):
        """Every other row."""
        return Rule((*x[:axis], x[axis] // 2, *x[axis + 1 :]))

    graph = trace(lambda x: halve(halve(x), 2), (8, 8, 3))
    assert graph.nodes[-1].rule.shape == (1, 4, 4, 3)
    assert names(graph) == ["input_layer", "halve", "halve_1"]
    assert halve.__doc__ == "Every other row."


@pytest.mark.usefixtures("no_new_rules")
def test_one_rule_makes_a_layer_for_each_number_of_spatial_axes():
    def thin(rank, x, step=2):
        """Every other position on each spatial axis."""
        return Rule((x[0], *(size // step for size in x[1 : rank + 1]), x[-1]))

    thin1d, thin2d = ranked_layers("Thin{}D", thin, (1, 2))
    graph = trace(lambda x: thin2d(thin2d(x), 3), (12, 12, 3))
    assert [node.rule.shape for node in graph.nodes[1:]] == [(1, 6, 6, 3), (1, 2, 2, 3)]
    assert names(graph) == ["input_layer", "thin2d", "thin2d_1"]
    assert trace(thin1d, (12, 3)).nodes[-1].rule.shape == (1, 6, 3)
    assert (thin1d.__name__, thin1d.__doc__) == ("thin1d", thin.__doc__)
    assert argument_names(RULES["Thin1D"]) == ("step",)
    assert not merges(RULES["Thin1D"])
    assert RULES["Thin1D"].__module__ == __name__


@pytest.mark.usefixtures("no_new_rules")
@pytest.mark.parametrize(
    ("op", "name"),
    [
        ("Conv2DTranspose", "conv2d_transpose"),
        ("ReLU", "re_lu"),
        ("SeparableConv2D", "separable_conv2d"),
        ("ConvLSTM2D", "conv_lstm2d"),
    ],
)
def test_a_new_layer_gets_keras_name(op, name):
    RULES.clear()
    same = layer(op)(lambda x: Rule(x))
    assert names(trace(same, (8, 8, 3))) == ["input_layer", name]


def test_an_error_names_the_layer_where_it_is():
    def network(x):
        with x.graph.scope("stem"):
            return conv2d(conv2d(x, 4, 1), 0, 1)

    with pytest.raises(ShapeError) as error:
        trace(network, (8, 8, 3))
    assert str(error.value) == (
        "layer stem/conv2d_1 (Conv2D): filters must be a whole number of at least 1; got 0"
    )


@pytest.mark.parametrize(
    ("shape", "batch_size", "came"),
    [
        ((0, 8, 3), 1, "batch 1 and input 0x8x3"),
        ((8, -8, 3), 1, "batch 1 and input 8x-8x3"),
        ((8, 8, 3.0), 1, "batch 1 and input 8x8x3.0"),
        ((8, 8, None), 1, "batch 1 and input 8x8xNone"),
        ((8, 8, 3), 0, "batch 0 and input 8x8x3"),
        ((8, 8, 3), 1.5, "batch 1.5 and input 8x8x3"),
        ((8, 8, True), 1, "batch 1 and input 8x8xTrue"),
    ],
)
def test_an_impossible_size_is_refused_with_what_came(shape, batch_size, came):
    with pytest.raises(ShapeError) as error:
        trace(lambda x: x, shape, batch_size=batch_size)
    assert str(error.value) == f"batch and input sizes must be positive whole numbers; got {came}"


def test_an_input_of_the_wrong_rank_is_refused_by_the_layer():
    with pytest.raises(ShapeError, match=r"conv2d .*\(n, h, w, c\); got 1x8x8$"):
        trace(lambda x: conv2d(x, 4, 1), (8, 8))


def test_an_unknown_type_is_refused_with_those_that_are_known():
    with pytest.raises(ShapeError) as error:
        trace(lambda x: x, (8, 8, 3), dtype="float64")
    assert str(error.value) == "dtype must be one of float32, float16, bfloat16; got 'float64'"
