"""PyTorch's traces: which layer a gradient or a compiled kernel is of."""

from types import SimpleNamespace

import pytest

from cnnbench import runtimes
from cnnbench.runtimes._inductor import Kernels
from cnnbench.runtimes._profiled import CALL, profile

GRADIENT = "autograd::engine::evaluate_function: "
A, B = "cnnbench layer Conv2D net/a", "cnnbench layer ReLU net/b"


def event(name, begin, end, parent=None, number=-1, forward=0):
    """Something in a trace of PyTorch's profiler, in microseconds."""
    made = SimpleNamespace(
        name=name,
        time_range=SimpleNamespace(start=begin, end=end),
        cpu_parent=parent,
        cpu_children=[],
        sequence_nr=number,
        thread=1,
        fwd_thread=forward,
    )
    if parent:
        parent.cpu_children.append(made)
    return made


def spent(events, end=100_000):
    found = profile([(0, end)], events)
    return {(op.names[0], op.kind): op.ns for op in found.operations}


def test_a_gradient_is_of_the_layer_whose_operation_has_its_number():
    call = event(CALL, 0, 100)
    a = event(A, 0, 10, call)
    b = event(B, 10, 20, call)
    trace = [call, a]
    trace.append(event("aten::conv2d", 1, 8, a, number=5))
    trace.append(event("aten::empty", 2, 3, trace[-1]))  # has no number, as what adds up has none
    trace.append(event("aten::mean", 8, 9, a, number=6))  # without a gradient: 6 is the next one's
    trace += [b, event("aten::relu", 11, 19, b, number=6)]
    trace.append(event("aten::sum", 20, 24, call, number=7))  # the loss
    for number, name, begin, end in [
        (7, "SumBackward0", 30, 31),
        (6, "ReluBackward0", 31, 35),
        (5, "ConvolutionBackward0", 35, 55),
        (-1, "torch::autograd::AccumulateGrad", 55, 57),
    ]:
        trace.append(event(GRADIENT + name, begin, end, call, number, 1))
    trace.append(event("aten::detach", 55, 56, trace[-1]))
    trace.append(event("aten::_foreach_add_", 60, 63, call))
    assert spent(runtimes.load("torch")._events(trace)) == {
        ("net/a/Conv2D", "Conv2D"): 10_000,
        ("net/b/ReLU", "ReLU"): 10_000,
        ("aten::sum", "aten::sum"): 4000,
        ("SumBackward0", "SumBackward0"): 1000,
        ("net/b/ReLU", "ReLU gradient"): 4000,
        ("net/a/Conv2D", "Conv2D gradient"): 20_000,
        ("AccumulateGrad", "AccumulateGrad"): 2000,
        ("aten::_foreach_add_", "aten::_foreach_add_"): 3000,
    }


def node(name, operation, mark):
    custom = {"custom": {"cnnbench layer": mark}} if mark else {}
    return SimpleNamespace(name=name, target=SimpleNamespace(__name__=operation), meta=custom)


@pytest.fixture
def kernels():
    made = Kernels()
    marks = {"convolution": A, "add": A, "relu": B, "clone_1": "cnnbench layer Conv2D net/c"}
    nodes = [node(name, f"{name.split('_')[0]}.default", mark) for name, mark in marks.items()]
    nodes += [node("convolution_1", "convolution.default", "cnnbench layer Conv2D net/c")]
    made.see(SimpleNamespace(nodes=[*nodes, node("output", "output", "")]))
    made.learn(
        {
            "extern_kernels.convolution:1": ["convolution"],
            "cpp_fused_add_clone_relu_0:2": ["relu", "add", "clone_1"],
            "extern_kernels.convolution:3": ["convolution_1"],
            "cpp_fused_clone_1:4": ["clone_1", "unknown"],
            "torch.ops.aten._some_pool.default:5": ["unknown"],
        }
    )
    return made


def graph(*names):
    region = event("## Call CompiledFxGraph abc ## 0", 0, 10 * len(names))
    inside = [event(name, 10 * n, 10 * n + 4, region) for n, name in enumerate(names)]
    return [region, *inside]


def test_a_kernel_is_of_the_layers_of_its_nodes_without_what_only_copies(kernels):
    trace = graph(
        "aten::convolution",
        "graph_0_cpp_fused_add_clone_relu_0",
        "aten::convolution",
        "graph_0_cpp_fused_clone_1",
        "aten::_some_pool",
    )
    assert [(each.names, each.kind) for each in kernels.events(trace)] == [
        (("net/a/Conv2D",), "aten::convolution"),
        (("net/a/Conv2D", "net/b/ReLU"), "cpp_fused"),
        (("net/c/Conv2D",), "aten::convolution"),
        (("net/c/Conv2D",), "cpp_fused"),
        (("aten::_some_pool",), "aten::_some_pool"),
    ]
    assert kernels.events(trace)[1].begin == 10_000
    assert kernels.events(trace)[1].end == 14_000


def test_a_kernel_that_products_of_their_own_share_is_of_no_layer(kernels):
    kernels.see(SimpleNamespace(nodes=[node("add_1", "add.Tensor", "cnnbench layer Conv2D net/c")]))
    kernels.learn(
        {
            "extern_kernels.mm:1": ["convolution"],
            "extern_kernels.bmm:2": ["convolution_1"],
            "cpp_fused_add_relu_7:3": ["add", "add_1", "relu"],
        }
    )
    names = ["graph_0_cpp_fused_add_relu_7", "aten::mm", "aten::bmm"]
    assert [each.names for each in kernels.events(graph(*names))] == [
        ("cpp_fused",),
        ("net/a/Conv2D",),
        ("net/c/Conv2D",),
    ]


def test_operations_that_are_more_than_the_kernels_of_their_name_are_of_no_layer(kernels):
    trace = graph("aten::convolution", "aten::convolution", "aten::convolution", "aten::add")
    assert [each.names for each in kernels.events(trace)] == [
        ("aten::convolution",),
        ("aten::convolution",),
        ("aten::convolution",),
        ("aten::add",),
    ]
