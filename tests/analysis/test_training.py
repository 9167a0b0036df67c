"""TRAINING: operations against TensorFlow's own counts of a gradient's graph; memory by hand."""

import json
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from math import prod

import pytest

from cnnbench import blocks
from cnnbench.analysis.training import OPTIMIZERS, training
from cnnbench.cost import cost
from cnnbench.errors import CnnbenchError
from cnnbench.graph import trace
from cnnbench.layers.activation import activation
from cnnbench.layers.conv import conv2d, depthwise_conv2d, separable_conv2d
from cnnbench.layers.dense import dense
from cnnbench.layers.merge import add, dot
from cnnbench.layers.norm import batch_normalization, dropout
from cnnbench.layers.pool import max_pooling2d
from cnnbench.layers.recurrent import lstm
from cnnbench.layers.reshape import flatten, reshape
from cnnbench.reporting.analysis.budget import training_document
from cnnbench.reporting.formats import show
from cnnbench.rule import Weight


def chain(x):
    """1 channel to 2 to 3, one tap each: 32 and 96 MACs on 4x4."""
    return conv2d(conv2d(x, 2, 1), 3, 1)


def frozen(graph, *names):
    """The graph with the weights of some layers not trainable."""
    nodes = [
        replace(
            node,
            rule=replace(
                node.rule, weights=tuple(replace(w, trainable=False) for w in node.rule.weights)
            ),
        )
        if node.name in names
        else node
        for node in graph.nodes
    ]
    return replace(graph, nodes=nodes)


def products(graph):
    """MACs of the backward pass of each layer: for its weights, for its values."""
    return [(x.weight_macs, x.value_macs) for x in training(graph).layers]


def added(function, shape=(4, 4, 1)):
    """Elementwise operations of the backward pass of each layer."""
    return [x.backward_elementwise for x in training(trace(function, shape)).layers]


# Operations by hand


def test_a_product_is_done_again_for_its_weights_and_for_its_input_but_not_the_image():
    assert products(trace(chain, (4, 4, 1))) == [(0, 0), (32, 0), (96, 96)]


def test_frozen_weights_need_no_gradient_and_neither_does_what_is_before_them():
    graph = trace(chain, (4, 4, 1))
    assert products(frozen(graph, "conv2d")) == [(0, 0), (0, 0), (96, 0)]
    # The second passes its gradient on to the first, whose weights are trained.
    assert products(frozen(graph, "conv2d_1")) == [(0, 0), (32, 0), (0, 96)]
    assert products(frozen(graph, "conv2d", "conv2d_1")) == [(0, 0), (0, 0), (0, 0)]
    step = training(frozen(graph, "conv2d", "conv2d_1"))
    assert step.backward_flops == step.update_flops == 0
    assert step.flops == step.forward_flops == cost(graph).flops


def test_what_leads_to_no_output_has_no_backward_pass():
    def waste(x):
        y = conv2d(x, 2, 1)
        conv2d(y, 5, 1)
        return conv2d(y, 3, 1)

    assert products(trace(waste, (4, 4, 1)))[2] == (0, 0)


def test_two_values_multiplied_need_two_gradients_or_one():
    def squared(x):
        y = reshape(conv2d(x, 2, 1), (16, 2))
        return dot([y, y], axes=2)  # 16 * 16 outputs of 2 products

    def scored(x):
        return dot([reshape(conv2d(x, 1, 1), (16, 1)), reshape(x, (16, 1))], axes=2)

    assert products(trace(squared, (4, 4, 1)))[-1] == (0, 2 * 512)
    assert products(trace(scored, (4, 4, 1)))[-1] == (0, 256)  # not that of the image


def test_a_recurrent_state_always_needs_a_gradient():
    # 3 steps of 4 gates of 2 units: 5 inputs and 2 states each, 120 and 48 MACs
    graph = trace(lambda x: lstm(x, 2), (3, 5))
    assert products(graph) == [(0, 0), (120, 2 * 48)]
    later = trace(lambda x: lstm(dense(x, 5), 2), (3, 5))
    assert products(later)[2] == (120, 120 + 2 * 48)


def test_a_layer_called_again_needs_a_gradient_of_its_weights_again():
    graph = trace(chain, (4, 4, 1))
    *rest, last = graph.nodes
    again = replace(last, rule=replace(last.rule, weights=()), shared=(Weight("kernel", (1, 1)),))
    assert products(replace(graph, nodes=[*rest, again]))[2] == (96, 96)
    other = replace(again, shared=(Weight("kernel", (1, 1), trainable=False),))
    assert products(replace(graph, nodes=[*rest, other]))[2] == (0, 96)


def test_gradients_of_one_output_with_several_readers_are_added():
    def residual(x):
        y = conv2d(x, 2, 1, use_bias=False)
        return add([y, add([y, y])])

    # Three gradients of y, 32 values each, two additions; nothing at the others.
    assert added(residual) == [0, 64, 0, 0]
    assert added(lambda x: (lambda y: (y, add([y, y])))(conv2d(x, 2, 1, use_bias=False))) == [
        0,
        64,  # as an output, and twice as an input
        0,
    ]
    assert added(lambda x: add([x, x])) == [0, 0]

    def unread(x):
        y = conv2d(x, 2, 1, use_bias=False)
        conv2d(y, 1, 1)  # no gradient comes from here
        return conv2d(y, 1, 1, use_bias=False)

    assert added(unread) == [0, 0, 0, 0]


def test_the_forward_pass_is_that_of_training():
    step = training(trace(lambda x: batch_normalization(conv2d(x, 2, 1)), (4, 4, 1)))
    # 16 * 2 MACs and biases; then eight operations on each of 32 values, two at inference
    assert [x.forward_flops for x in step.layers] == [0, 2 * 32 + 32, 8 * 32]
    assert step.inference.flops == 2 * 32 + 32 + 2 * 32


def test_the_update_is_of_what_is_trained():
    graph = trace(lambda x: batch_normalization(conv2d(x, 2, 1)), (4, 4, 1))
    # 2 weights, 2 biases, gamma and beta of 2; the moving statistics are not trained
    assert training(graph, "sgd").update_flops == 2 * 8
    assert training(graph, "adam").update_flops == 12 * 8
    assert training(frozen(graph, "conv2d"), "sgd").update_flops == 2 * 4


def test_a_step_is_forward_backward_and_update():
    step = training(trace(chain, (4, 4, 1)), "momentum")
    # MACs 32 + 96 and biases 32 + 48; back MACs 32 + 96 + 96 and the same for biases; 13 weights
    assert step.forward_flops == 2 * 128 + 80
    assert step.backward_flops == 2 * 224 + 80
    assert step.update_flops == 4 * 13
    assert step.flops == 336 + 528 + 52


def test_an_optimizer_that_there_is_not():
    with pytest.raises(CnnbenchError, match="unknown optimizer 'adan'; did you mean adam"):
        training(trace(chain, (4, 4, 1)), "adan")


# Memory by hand, in values of 4 bytes


def values(graph, optimizer="sgd"):
    """Weights, slots, gradients of weights, activations kept, peak, and where that is."""
    m = training(graph, optimizer).memory
    assert not any(size % 4 for size in (m.weights, m.slots, m.gradients, m.activations, m.peak))
    return tuple(
        x // 4 for x in (m.weights, m.slots, m.gradients, m.activations, m.peak)
    ), m.peak_at


def test_what_is_alive_in_a_chain():
    # 4 and 9 weights. Kept for the backward pass: the image 16, and 32; the loss reads 48.
    # The peak is in the backward pass of the second layer: those, the gradients of its output
    # 48, of its input 32 and of its weights 9; with 13 weights.
    graph = trace(chain, (4, 4, 1))
    assert values(graph) == ((13, 0, 13, 96, 96 + 48 + 32 + 9 + 13), "conv2d_1, backward")
    # Adam keeps two values for each weight.
    assert values(graph, "adam") == ((13, 26, 13, 96, 198 + 26), "conv2d_1, backward")


def test_a_relu_keeps_its_output_and_a_sum_keeps_nothing():
    def block(x, last):
        y = conv2d(x, 2, 1)
        return last(y)

    assert values(trace(block, (4, 4, 1), last=lambda y: activation(y, "relu")))[0][3] == 16 + 32
    # The same, of the input of the last layer: the loss reads 32, the convolution's is not kept.
    assert values(trace(block, (4, 4, 1), last=lambda y: add([y, y])))[0][3] == 16 + 32
    # A pooling keeps both: 32, and 8 that the loss reads too.
    assert values(trace(block, (4, 4, 1), last=max_pooling2d))[0][3] == 16 + 32 + 8
    # ReLU in the middle: its output, once for itself and for the next; not its input.
    middle = trace(lambda x: conv2d(activation(conv2d(x, 2, 1), "relu"), 1, 1), (4, 4, 1))
    assert values(middle)[0][3] == 16 + 32 + 16


def test_an_output_is_kept_for_its_own_gradient_alone():
    def rectified(x):
        y = activation(conv2d(x, 2, 1, use_bias=False), "relu")
        return add([y, y])

    # The image 16, what the ReLU put out 32, and the sum 32 that the loss reads
    graph = trace(rectified, (4, 4, 1))
    assert values(graph)[0][3] == 16 + 32 + 32
    linear = replace(graph.nodes[2].rule, saves="")
    graph.nodes[2] = replace(graph.nodes[2], rule=linear)
    assert values(graph)[0][3] == 16 + 32


def test_frozen_layers_keep_less():
    graph = trace(chain, (4, 4, 1))
    # The last layer needs no input for its own gradient, only its weights: 16 and 48 are kept.
    # Peak when its gradient becomes that of its input: 16 + 48 + 48 + 32.
    found, where = values(frozen(graph, "conv2d_1"))
    assert found == (13, 0, 4, 16 + 48, 16 + 48 + 48 + 32 + 13)
    assert where == "conv2d_1, backward"
    # Nothing before the last layer has a gradient: 16 + 32 + 48 + 48, and 9 for its weights.
    assert values(frozen(graph, "conv2d"))[0] == (13, 0, 9, 96, 96 + 48 + 9 + 13)
    # Nothing at all is trained: as at inference, until the loss has read the output.
    nothing = frozen(graph, "conv2d", "conv2d_1")
    assert values(nothing) == ((13, 0, 0, 16 + 48, 96 + 13), "conv2d_1, forward")


def test_a_view_shares_memory_and_gradient():
    def classifier(x):
        return dense(flatten(conv2d(x, 2, 1)), 5)

    # 4 and 165 weights. Kept: 16, 32 and the output 5. In the dense layer's backward pass also
    # the gradients of its output 5, of the one vector behind flatten 32, and of its weights.
    assert values(trace(classifier, (4, 4, 1)))[0] == (169, 0, 169, 53, 53 + 5 + 32 + 165 + 169)


def test_dropout_is_a_copy_in_training():
    def dropped(x, rate):
        return dense(dropout(flatten(conv2d(x, 2, 1)), rate), 5)

    graph = trace(dropped, (4, 4, 1), rate=0.5)
    # As above, but the dense layer keeps the dropped copy and not the convolution's output.
    assert values(graph)[0][3] == 16 + 32 + 5
    assert values(graph)[0][4] == (16 + 32 + 5) + 5 + 32 + 165 + 169
    # A draw, a comparison, a scale and a selection of each of 32 values; the last two again
    row = training(graph).layers[3]
    assert (row.forward_flops, row.backward_flops) == (4 * 32, 2 * 32)
    assert values(trace(dropped, (4, 4, 1), rate=0))[0] == (
        169,
        0,
        169,
        53,
        53 + 5 + 32 + 165 + 169,
    )
    both = trace(lambda x: (lambda y: add([y, dropout(y, 0.5)]))(conv2d(x, 2, 1)), (4, 4, 1))
    # In the sum: 16, 32, the copy 32 and the sum 32; 4 weights
    assert cost(both).layers[-1].live_bytes == 4 * (16 + 32 + 32)
    step = training(both, "sgd").memory
    assert step.peak_at == "add, backward"
    # The image, the sum; the gradients of the sum, of the convolution and of the copy: 32 each
    assert step.peak == 4 * (16 + 32 + 3 * 32 + 4)


def test_a_gradient_lives_from_its_first_reader_on():
    def late(x):
        y = conv2d(x, 2, 1, use_bias=False)  # 32
        z = conv2d(y, 1, 1, use_bias=False)  # 16
        return add([y, conv2d(z, 2, 1, use_bias=False)])  # 32

    # Backward from the sum: gradients of the sum 32, of y 32 and of the second branch 32; the
    # image 16, y 32 and z 16 are kept and the sum 32; 2 + 2 + 2 weights.
    found, where = values(trace(late, (4, 4, 1)))
    assert found == (6, 0, 6, 16 + 32 + 16 + 32, 96 + 96 + 6)
    assert where == "add, backward"


def test_what_is_inside_a_layer_is_kept_too():
    # Between depthwise and pointwise: 16 values of 1 channel. 1 + 2 + 2 weights; output 32.
    graph = trace(lambda x: separable_conv2d(x, 2, 1), (4, 4, 1))
    assert graph.nodes[1].rule.scratch == 16
    # Image 16, inside 16, output 32; backward the gradients of output and inside, and of 5.
    assert values(graph)[0] == (5, 0, 5, 64, 64 + 32 + 16 + 5 + 5)
    # A recurrent layer keeps what is inside at each of its 3 steps: 4 gates and 2 states of 2.
    graph = trace(lambda x: lstm(x, 2), (3, 5))
    weights = 4 * 2 * (5 + 2 + 1)
    assert values(graph)[0][:4] == (weights, 0, weights, 15 + 3 * 12 + 2)


def test_what_is_inside_a_layer_is_alive_while_it_runs_even_if_it_is_not_kept():
    graph = trace(lambda x: separable_conv2d(x, 2, 1), (4, 4, 1))
    node = graph.nodes[1]
    again = replace(node, rule=replace(node.rule, scratch=100, kept=0))  # worked out twice
    found, where = values(replace(graph, nodes=[graph.nodes[0], again]))
    assert found == (5, 0, 5, 48, 48 + 32 + 100 + 5 + 5)
    assert where == "separable_conv2d, backward"
    found, where = values(frozen(replace(graph, nodes=[graph.nodes[0], again]), node.name))
    assert found == (5, 0, 0, 48, 48 + 100 + 5)
    assert where == "separable_conv2d, forward"


def test_every_output_counts():
    def both(x):
        y = conv2d(x, 2, 1, use_bias=False)
        return y, conv2d(conv2d(x, 1, 1, use_bias=False), 1, 1, use_bias=False)

    # Kept are the image 16, the first output 32, 16 and the second output 16. The loss gives
    # gradients to both outputs at once, 32 and 16; the last layer then has that of its input,
    # 16, and of its weight; 2, 1 and 1 weights.
    found, where = values(trace(both, (4, 4, 1)))
    assert found == (4, 0, 4, 80, 80 + 48 + 16 + 1 + 4)
    assert where == "conv2d_2, backward"
    graph = trace(lambda x: lstm(x, 2, return_state=True), (3, 5))
    assert values(graph)[0][3] == 15 + 3 * 12 + 3 * 2  # the output and two states


def test_with_little_to_keep_the_peak_is_in_the_weights():
    found, where = values(trace(lambda x: dense(dense(flatten(x), 100), 10), (2, 2, 1)), "adam")
    weights = 500 + 1010
    assert where == "dense, backward"
    # All gradients of weights; the image 4, the gradient of the first layer's output 100
    assert found == (weights, 2 * weights, weights, 114, 4 * weights + 4 + 100)


def test_half_precision_weights_and_slots_are_half():
    full, half = (training(trace(chain, (4, 4, 1), dtype=d)).memory for d in ("float32", "float16"))
    assert full.peak == 2 * half.peak
    assert (full.slots, full.gradients) == (2 * half.slots, 2 * half.gradients)
    graph = trace(chain, (4, 4, 1), dtype="float16")
    graph.nodes = [replace(node, weight_dtype="float32") for node in graph.nodes]
    mixed = training(graph).memory
    assert (mixed.weights, mixed.slots) == (full.weights, full.slots)
    assert mixed.activations == half.activations
    graph = trace(chain, (4, 4, 1))
    graph.nodes = [replace(node, dtype="float16") for node in graph.nodes]
    assert training(graph).memory.activations == half.activations


@pytest.mark.parametrize("name", blocks.catalogue())
def test_training_takes_more_than_inference(name):
    graph = blocks.get(name).trace()
    step = training(graph, "sgd")
    assert step.memory.peak > step.inference.peak_bytes
    # Every product with weights is done twice again, those of the image once.
    macs = step.inference.macs
    assert macs <= sum(x.weight_macs + x.value_macs for x in step.layers) <= 2 * macs


# For the reader


def shown(step, format):
    return show(training_document(step), format)


def test_a_training_step_as_text():
    step = training(replace(trace(chain, (4, 4, 1)), name="chain"), "momentum")
    # The numbers of `test_a_step_is_forward_backward_and_update`, and in bytes those of
    # `test_what_is_alive_in_a_chain`: 13 weights, 96 and 198 + 13 values; 96 at inference
    assert shown(step, "table") == (
        "chain, input 1x4x4x1, float32, trained with momentum\n"
        "\n"
        "            FLOPs    of the step\n"
        "--------  -------  -------------\n"
        "forward       336         36.7 %\n"
        "backward      528         57.6 %\n"
        "update         52          5.7 %\n"
        "step          916        100.0 %\n"
        "\n"
        "memory\n"
        "---------------------------  -----\n"
        "weights                       52 B\n"
        "slots of momentum             52 B\n"
        "gradients of weights          52 B\n"
        "activations kept             384 B\n"
        "peak, at conv2d_1, backward  844 B\n"
        "peak of a forward pass       436 B\n"
        "\n"
        "One step: forward, backward, update; the loss is not counted. A product with weights is "
        "done again for their gradient if they are trained, and for that of its input if "
        "something before it is.\n"
        "Weights and the optimizer's slots; what the backward pass reads, until then; gradients "
        "of values, from the backward pass of their first reader to that of their own layer; "
        "gradients of weights, until the update.\n"
        "A framework adds its own code and the workspace of its kernels.\n"
    )
    assert "| backward |     528 |        57.6 % |" in shown(step, "markdown")


def test_a_training_step_as_json():
    graph = trace(chain, (4, 4, 1))
    graph.nodes[2] = replace(graph.nodes[2], uncounted="it runs any Python function")
    document = json.loads(shown(training(graph, "sgd"), "json"))
    assert document["flops"] == {"forward": 336, "backward": 528, "update": 26, "step": 890}
    assert document["bytes"]["peak"] == 4 * 198
    assert document["bytes"]["peak_at"] == "conv2d_1, backward"
    assert document["uncounted"] == ["conv2d_1"]
    text = shown(training(graph, "sgd"), "table")
    assert "\n\nlower bounds, without conv2d_1: no rule\n\n" in text


def test_a_step_of_a_network_that_does_nothing():
    assert "step            0" in shown(training(trace(flatten, (4, 4, 1))), "table")


def test_a_format_that_there_is_not():
    with pytest.raises(
        CnnbenchError, match="unknown format 'csv'; known: html, json, markdown, table"
    ):
        shown(training(trace(chain, (4, 4, 1))), "csv")


# Against TensorFlow


@pytest.fixture(scope="module")
def tf():
    return pytest.importorskip("tensorflow")


def keras_model(function, shape, **params):
    import keras

    keras.utils.clear_session(free_memory=False)
    x = keras.Input(shape)
    return keras.Model(x, function(x, **params))


def gradient_graph(tf, model, shape):
    """The graph of the outputs and of the gradients of all weights that the model trains."""

    @tf.function
    def step(x):
        with tf.GradientTape() as tape:
            outputs = tf.nest.flatten(model(x, training=True))
            loss = tf.add_n([tf.reduce_sum(y) for y in outputs])
        return outputs, tape.gradient(loss, model.trainable_variables)

    return step.get_concrete_function(tf.TensorSpec(shape)).graph


def needed(graph):
    """The operations that the results depend on: TensorFlow runs no others."""
    found, waiting = {}, [tensor.op for tensor in graph.outputs]
    while waiting:
        operation = waiting.pop()
        if operation.name not in found:
            found[operation.name] = operation
            waiting += [*(t.op for t in operation.inputs), *operation.control_inputs]
    return found


def counted(graph, operations):
    """TensorFlow's own FLOPs, by kind of operation."""
    from tensorflow.python.framework.ops import get_stats_for_node_def

    kinds = Counter()
    for node in graph.as_graph_def().node:
        if node.name in operations:
            kinds[node.op] += Fraction(get_stats_for_node_def(graph, node, "flops").value or 0)
    return kinds


def ours(graph):
    """Our FLOPs, by TensorFlow's kinds of operation.

    TensorFlow takes a convolution's gradients to cost h * w / (stride * stride) windows. It is
    out_h * out_w: more where the stride leaves a rest, less with padding "valid".
    """
    kinds = Counter()
    for node, row in zip(graph.nodes, training(graph).layers, strict=True):
        forward, weights, inputs = 2 * node.rule.macs, 2 * row.weight_macs, 2 * row.value_macs
        if node.op == "Conv2D":
            image = graph.nodes[node.inputs[0]].rule.shape[1:3]
            strides = node.attrs.get("strides", 1)
            strides = strides if isinstance(strides, tuple) else (strides, strides)
            excess = Fraction(prod(image), prod(node.rule.shape[1:3]) * prod(strides))
            kinds["Conv2D"] += forward
            kinds["Conv2DBackpropFilter"] += weights * excess
            kinds["Conv2DBackpropInput"] += inputs * excess
        elif node.op == "DepthwiseConv2D":
            kinds["DepthwiseConv2dNative"] += forward
        elif node.rule.macs:
            kinds["MatMul"] += forward + weights + inputs
    return +kinds


PRODUCTS = ("Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter", "MatMul")
DEPTHWISE = ("DepthwiseConv2dNative",)


def agrees(tf, model, graph, shape):
    built = gradient_graph(tf, model, shape)
    theirs = counted(built, needed(built))
    mine = ours(graph)
    assert {k: theirs[k] for k in (*PRODUCTS, *DEPTHWISE)} == {
        k: mine[k] for k in (*PRODUCTS, *DEPTHWISE)
    }
    return built, theirs, mine


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("name", "shape", "batch", "params"),
    [
        ("vgg_block", (32, 32, 3), 2, {}),
        ("vgg_block", (17, 31, 3), 1, {"n_conv": 4}),
        ("naive_inception_module", (16, 16, 3), 2, {}),
        ("inception_module", (16, 16, 3), 2, {}),
        ("inception_two_modules", (8, 8, 192), 1, {}),
        ("residual_module", (16, 16, 3), 2, {}),
        ("residual_module", (16, 16, 64), 2, {}),
        ("residual_bottleneck", (8, 8, 256), 1, {}),
        ("convolutional_block", (15, 15, 64), 2, {}),  # stride 2 leaves a rest
        ("vgg16", (32, 32, 3), 2, {"classes": 10}),
        ("resnet18", (64, 64, 3), 1, {}),
        ("resnet50", (64, 64, 3), 2, {}),
    ],
)
def test_every_product_is_one_of_tensorflows(tf, name, shape, batch, params):
    entry = blocks.get(name)
    graph = entry.trace(shape, batch_size=batch, **params)
    model = keras_model(entry.function, shape, **params)
    _, theirs, mine = agrees(tf, model, graph, (batch, *shape))
    assert theirs["Conv2DBackpropFilter"] > 0
    if name in ("vgg_block", "inception_module", "residual_module"):  # strides 1, "same"
        assert mine["Conv2DBackpropFilter"] == mine["Conv2D"] > mine["Conv2DBackpropInput"]


@pytest.mark.tensorflow
def test_tensorflows_count_of_a_gradient_is_off_with_padding_valid(tf):
    def valid(x):
        return conv2d(conv2d(x, 4, 1, use_bias=False), 5, 3, 2, use_bias=False)

    graph = trace(valid, (9, 9, 3))
    # 9x9x4 values of 3; then 4x4x5 of 3 * 3 * 4
    assert [2 * n.rule.macs for n in graph.nodes] == [0, 1944, 5760]
    assert products(graph)[2] == (2880, 2880)
    _, theirs, _ = agrees(tf, keras_model(valid, (9, 9, 3)), graph, (1, 9, 9, 3))
    # 9 * 9 / 4 windows in the place of 4 * 4
    assert theirs["Conv2DBackpropInput"] == 5760 * Fraction(81, 64)
    assert theirs["Conv2DBackpropFilter"] == 5760 * Fraction(81, 64) + 1944


def mobile(x):
    """Depthwise and pointwise convolutions, as MobileNet stacks them."""
    x = conv2d(x, 8, 3, strides=2, padding="same", use_bias=False)
    for strides, filters in ((1, 16), (2, 32)):
        x = depthwise_conv2d(x, 3, strides, padding="same", use_bias=False)
        x = activation(conv2d(x, filters, 1, use_bias=False), "relu")
    return dense(flatten(x), 7)


@pytest.mark.tensorflow
def test_tensorflow_leaves_out_the_gradients_of_depthwise_convolutions(tf):
    graph = trace(mobile, (32, 32, 3), batch_size=2)
    built, theirs, mine = agrees(tf, keras_model(mobile, (32, 32, 3)), graph, (2, 32, 32, 3))
    assert mine["DepthwiseConv2dNative"] == 2 * 9 * 2 * (16 * 16 * 8 + 8 * 8 * 16)
    gradients = Counter()
    for operation in needed(built).values():
        if operation.type.startswith("DepthwiseConv2dNativeBackprop"):
            assert theirs[operation.type] == 0
            # A product for each value of dy and each of the 3 * 3 taps; dy is the last input.
            gradients[operation.type] += 2 * 9 * prod(operation.inputs[2].shape)
    rows = [row for row in training(graph).layers if row.op == "DepthwiseConv2D"]
    assert gradients == {
        "DepthwiseConv2dNativeBackpropFilter": 2 * sum(row.weight_macs for row in rows),
        "DepthwiseConv2dNativeBackpropInput": 2 * sum(row.value_macs for row in rows),
    }


@pytest.mark.tensorflow
def test_tensorflows_profiler_also_counts_what_is_never_run(tf):
    from tensorflow.compat.v1.profiler import ProfileOptionBuilder, profile

    def block(x):
        return conv2d(conv2d(x, 4, 3, padding="same"), 5, 3, padding="same")

    built = gradient_graph(tf, keras_model(block, (8, 8, 3)), (1, 8, 8, 3))
    everything = counted(built, {operation.name for operation in built.get_operations()})
    options = ProfileOptionBuilder(ProfileOptionBuilder.float_operation())
    whole = profile(built, options=options.with_empty_output().build())
    assert whole.total_float_ops == sum(everything.values())
    # The gradient of the image is in the graph, but nothing that is asked for depends on it.
    unneeded = (
        everything["Conv2DBackpropInput"] - counted(built, needed(built))["Conv2DBackpropInput"]
    )
    assert unneeded == 2 * 64 * 4 * 27


@pytest.mark.tensorflow
def test_frozen_layers_of_a_keras_model(tf):
    from cnnbench.networks.reader import read

    entry = blocks.get("resnet18")
    for frozen_layers in (slice(0, 30), slice(30, None), slice(10, 40)):
        model = keras_model(entry.function, (32, 32, 3))
        for one in model.layers[frozen_layers]:
            one.trainable = False
        graph = read(model, [(32, 32, 3)])
        agrees(tf, model, graph, (1, 32, 32, 3))


@pytest.mark.tensorflow
def test_a_layer_of_a_keras_model_called_twice(tf):
    import keras

    from cnnbench.networks.reader import read

    x = keras.Input((8, 8, 3))
    shared = keras.layers.Conv2D(3, 3, padding="same")
    model = keras.Model(x, shared(shared(x)))
    _, theirs, _ = agrees(tf, model, read(model, [(8, 8, 3)]), (1, 8, 8, 3))
    assert theirs["Conv2DBackpropFilter"] == 2 * theirs["Conv2DBackpropInput"]


@pytest.mark.tensorflow
def test_gradients_are_added_as_tensorflow_adds_them(tf):
    def stack(x):
        x = conv2d(x, 4, 1)
        for _ in range(3):
            x = add([x, conv2d(x, 4, 3, padding="same"), conv2d(x, 4, 1)])
        return x

    graph = trace(stack, (8, 8, 3))
    built = gradient_graph(tf, keras_model(stack, (8, 8, 3)), (1, 8, 8, 3))
    theirs = counted(built, needed(built))["AddN"]
    # Three readers of each of three tensors: two additions of 8 * 8 * 4 each
    assert theirs == 3 * 2 * 256
    biases = sum(n.rule.backward for n in graph.nodes)
    assert sum(row.backward_elementwise for row in training(graph).layers) == biases + theirs


@pytest.mark.tensorflow
def test_an_lstm_is_tensorflows_but_for_its_first_state(tf):
    import keras

    from cnnbench.networks.reader import read

    x = keras.Input((5, 3))
    model = keras.Model(x, keras.layers.LSTM(4, unroll=True)(keras.layers.Dense(3)(x)))
    graph = read(model, [(5, 3)], batch_size=2)
    built = gradient_graph(tf, model, (2, 5, 3))
    theirs = counted(built, needed(built))["MatMul"]
    # The state is 0 before the first step: no gradient of it, 2 samples of 4 by 16.
    assert ours(graph)["MatMul"] - theirs == 2 * 2 * 4 * 16


# Optimizers against Keras


ARGUMENTS = {"momentum": {"momentum": 0.9}, "nesterov": {"momentum": 0.9, "nesterov": True}}


def class_name(name):
    """The class of Keras, in lower case."""
    return "sgd" if name in ARGUMENTS else name


def small(tf, name):
    """An optimizer built for a matrix, a vector and an array of four axes."""
    import keras
    import numpy as np

    chosen = OPTIMIZERS[name]
    shapes = ((30, 40), (7,), (3, 3, 5, 8))
    variables = [keras.Variable(np.ones(shape, "float32")) for shape in shapes]
    (theirs,) = (c for n, c in vars(keras.optimizers).items() if n.lower() == class_name(name))
    optimizer = theirs(**ARGUMENTS.get(name, {}))
    optimizer.build(variables)
    return chosen, optimizer, variables


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_keeps_what_keras_builds(tf, name):
    chosen, optimizer, variables = small(tf, name)
    theirs = sum(prod(v.shape) for v in optimizer.variables if len(v.shape))
    assert sum(chosen.slots(tuple(v.shape)) for v in variables) == theirs


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_does_what_keras_does(tf, name):
    chosen, optimizer, (matrix, *_) = small(tf, name)
    apply = tf.function(lambda gradient: optimizer.apply([gradient], [matrix]))
    optimizer._trainable_variables = [matrix]
    graph = apply.get_concrete_function(tf.TensorSpec((30, 40))).graph
    done = 0
    for operation in graph.get_operations():
        tensors = [*operation.inputs, *operation.outputs]
        shapes = [t.shape for t in tensors if t.dtype != tf.resource and t.shape.rank is not None]
        if max(map(prod, shapes), default=0) == 1200:
            done += operation.type not in MOVES
    assert chosen.operations == done


MOVES = {
    "AssignVariableOp",
    "Cast",
    "Const",
    "ExpandDims",
    "Identity",
    "IdentityN",
    "Placeholder",
    "ReadVariableOp",
    "Reshape",
}
"""What TensorFlow does to a whole array without computing."""


@pytest.mark.tensorflow
def test_every_optimizer_of_keras_is_there(tf):
    import keras

    theirs = {
        name
        for name, one in vars(keras.optimizers).items()
        if isinstance(one, type) and issubclass(one, keras.optimizers.Optimizer)
    }
    around = {"Optimizer", "LossScaleOptimizer", "MultiOptimizer"}  # around another one
    known = set(map(class_name, OPTIMIZERS))
    assert known == {name.lower() for name in theirs - around - {"Muon"}}
