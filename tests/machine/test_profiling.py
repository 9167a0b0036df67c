"""Profiles: recorded operations of runtimes, folded onto layers; and two profiles compared."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from cnnbench.cases.answer import Answer, LaunchProfile, Operation
from cnnbench.cases.case import Case
from cnnbench.cases.plan import Plan
from cnnbench.host.ceiling import Ceiling
from cnnbench.machine.folding import folded
from cnnbench.machine.profiling import beside, ceiling_of, of_run, profiled
from cnnbench.runs.result import result
from cnnbench.runs.store import Measurement, Run

PRODUCTS = ("Conv", "Gemm", "Convolution", "GroupConvolution", "FullyConnected")
DATA = Path(__file__).parents[1] / "data"


def recorded(name):
    rows = json.loads((DATA / f"profile_{name}.json").read_text())
    return [Operation(tuple(names), kind, ns, size, macs) for names, kind, ns, size, macs in rows]


def operation(name, kind, ns=1000, size=0, macs=0):
    names = (name,) if isinstance(name, str) else tuple(name)
    return Operation(names, kind, ns, size, macs)


def case(target="vgg_block", side=8, **params):
    return Case(target, ((side, side, 3),), params=params)


def owners(paper, operations):
    """The names of the layers of each operation's group."""
    found = folded(paper, operations)
    names = [layer.name for layer in paper.cost.layers]
    return [
        [names[place] for place in found.layers.get(found.of[op.names, op.kind], ())]
        for op in operations
    ]


def profile_of(*launches, of=None, ceiling=None):
    """The profile of a case whose launches had these operations."""
    of = of or case()
    measured = [
        Measurement(
            outcome="ok",
            case=of,
            launch=number,
            samples_ns=(9_000_000, *[5_000_000] * 30),
            bursts=(30,),
            profile=given if isinstance(given, LaunchProfile) else LaunchProfile(tuple(given), 6e6),
        )
        for number, given in enumerate(launches)
    ]
    return profiled(result(of, of.paper(), measured), ceiling)


@pytest.mark.parametrize(
    ("name", "target", "products"),
    [("onnxruntime_MobileNetV2", "MobileNetV2", 53), ("openvino_ResNet50", "ResNet50", 54)],
)
def test_each_product_of_a_recorded_profile_has_the_layer_with_as_many_multiply_adds(
    name, target, products
):
    """The runtime says the size of its kernels; OpenVINO names nothing, ONNX Runtime a part.

    Of what only a convolution with stride 2 reads, OpenVINO computes a quarter: three 3x3 and three
    1x1 convolutions, each before such a block.
    """
    paper = Case(target, ((224, 224, 3),)).paper()
    operations = recorded(name)
    found = folded(paper, operations)
    macs, quarters = Counter(), []
    for op in operations:
        group = found.layers.get(found.of[op.names, op.kind], ())
        ours = [paper.cost.layers[place] for place in group if paper.cost.layers[place].macs]
        for layer in ours if op.kind in PRODUCTS else ():
            macs[layer.name] += 1
            if op.macs == layer.macs // 4:
                quarters.append(layer.name)
            elif op.macs and "Conv" in op.kind:
                # ONNX Runtime pads channels to multiples of 16.
                assert layer.macs <= op.macs <= 1.4 * layer.macs, (op, layer)
    assert len(macs) == products
    assert set(macs.values()) == {1}
    assert all(name[-6:] in ("2_conv", "3_conv") for name in quarters), quarters
    assert len(quarters) == (6 if target == "ResNet50" else 0)
    assert sum(layer.macs > 0 for layer in paper.cost.layers) == products


def test_a_product_that_is_named_after_its_activation_is_fused_with_both():
    paper = Case("MobileNetV2", ((224, 224, 3),)).paper()
    operations = recorded("onnxruntime_MobileNetV2")
    found = dict(zip([op.names[0] for op in operations], owners(paper, operations), strict=True))
    relu = "mobilenetv2_1.00_224/block_3_expand_relu/Relu6:0_nchwc"
    assert found[relu] == ["block_3_expand", "block_3_expand_BN", "block_3_expand_relu"]
    # The second without a name of its own: a projection, and the sum that follows it.
    assert found["Conv__261:0_nchwc"] == ["block_2_project", "block_2_project_BN", "block_2_add"]


def test_a_layer_is_known_by_its_whole_name_and_by_no_other():
    paper = case(n_conv=3).paper()
    names = ("conv2d", "conv2d_1", "conv2d_2")
    operations = [operation(f"model/{name}/conv", "Conv2D") for name in names]
    assert owners(paper, operations) == [["conv2d"], ["conv2d_1"], ["conv2d_2"]]
    (unknown,) = owners(paper, [operation("model/conv2d_1_1/conv", "Reorder")])
    assert unknown == []


def test_a_layer_is_also_known_where_its_operation_has_parts_of_its_own():
    paper = case().paper()
    inside = [operation(f"m/conv2d/{part}read", "Reorder") for part in ("", "a/", "a/b/")]
    assert owners(paper, inside) == [["conv2d"]] * 3


def test_a_layer_may_have_a_name_that_a_runtime_cannot_write():
    paper = case().paper()
    layers = (paper.cost.layers[0], replace(paper.cost.layers[1], name="my conv!"))
    odd = replace(paper, cost=replace(paper.cost, layers=(*layers, *paper.cost.layers[2:])))
    for name in ("m/my_conv_/x", "m/my conv!/x"):
        assert owners(odd, [operation(name, "Reorder")]) == [["my conv!"]]


def test_what_is_computed_is_no_layer_of_that_name():
    """An addition inside a convolution is not the layer `add`."""
    paper = case("residual_module", n_filters=3).paper()
    (found,) = owners(paper, [operation("model/conv2d/add", "AddV2")])
    assert found[0] == "conv2d"


def test_several_names_are_one_row():
    paper = case().paper()
    names = ("m/conv2d/Relu", "m/conv2d_1/convolution")
    assert owners(paper, [operation(names, "fusion")]) == [["conv2d", "conv2d_1"]]


def test_without_names_the_layer_of_that_size_has_it_and_what_nothing_tells_apart_none():
    paper = case("naive_inception_module", f1=4, f2=8, f3=2).paper()
    convs = [layer for layer in paper.cost.layers if layer.macs]
    sizes = {layer.name: (layer.output_shape[-1] * 64, layer.macs) for layer in convs}
    swapped = [
        operation(f"Conv__{n}", "Conv", 1, *sizes[layer.name]) for n, layer in enumerate(convs)
    ]
    swapped.reverse()
    assert owners(paper, swapped) == [[layer.name] for layer in reversed(convs)]
    assert owners(paper, [operation("", "Reorder"), operation("()", "Reorder")]) == [[], []]
    # The size alone tells them apart too, where a runtime does not count.
    uncounted = [replace(op, macs=0) for op in swapped]
    assert owners(paper, uncounted) == [[layer.name] for layer in reversed(convs)]
    # Two where the network has three: nobody knows which.
    assert owners(paper, [operation("a", "Conv"), operation("b", "Conv")]) == [[], []]


@pytest.mark.parametrize(
    ("unit", "kind", "found"),
    [
        ("lstm", "LSTM", ["lstm"]),
        ("lstm", "MatMul", []),  # its products are in its loop
        ("attention", "MatMul", ["multi_head_attention"]),
        ("attention", "Add", []),
    ],
)
def test_a_layer_that_multiplies_is_a_product_unless_it_is_a_loop(unit, kind, found):
    paper = Case("unit_layers", ((4, 8),), params={"unit": unit}).paper()
    assert owners(paper, [operation("x", kind)]) == [found]


def test_a_product_without_an_operation_is_not_said_to_be_computed_with_another():
    paper = case(n_conv=2).paper()
    found = folded(paper, [operation("m/conv2d/convolution", "Conv")])
    (layers,) = found.layers.values()
    assert [paper.cost.layers[place].name for place in layers] == ["conv2d"]


def test_the_rows_are_means_over_launches_with_an_interval_and_what_belongs_to_nobody_is_last():
    def launch(ns):
        return [
            operation("m/max_pooling2d/MaxPool", "MaxPool", ns),
            operation("m/conv2d/convolution", "Conv2D", 4 * ns),
            operation("m/conv2d/BiasAdd", "BiasAdd", ns),
            operation("m/conv2d_1/convolution", "Conv2D", 2 * ns),
            operation("reorder", "Reorder", 2 * ns),
        ]

    found = profile_of(launch(100_000), launch(400_000))
    rows = [(row.name, round(row.time.value * 1e6), row.time.n) for row in found.rows]
    assert rows == [
        ("conv2d", 1000, 2),
        ("conv2d_1", 400, 2),
        ("max_pooling2d", 200, 2),
        ("no layer: Reorder", 400, 2),
    ]
    assert all(row.time.low < row.time.value < row.time.high for row in found.rows)
    assert found.rows[0].kinds == ("Conv2D", "BiasAdd")
    assert [round(row.share, 3) for row in found.rows] == [0.5, 0.2, 0.1, 0.2]
    assert found.total_s == pytest.approx(2e-3)
    assert found.covered == pytest.approx(2e-3 / 5e-3)
    assert found.overhead == pytest.approx(0.2)


def test_a_layer_that_took_no_time_in_a_launch_has_that_of_the_others():
    def launch(pool):
        return [
            operation("m/conv2d/convolution", "Conv2D", 1000),
            operation("m/conv2d_1/convolution", "Conv2D", 0),
            operation("m/max_pooling2d/MaxPool", "MaxPool", pool),
        ]

    rows = profile_of(launch(0), launch(2000)).rows
    assert [(row.name, row.time.n) for row in rows] == [("conv2d", 2), ("max_pooling2d", 1)]
    assert rows[1].time.value == pytest.approx(2e-6)


def test_layers_as_one_read_the_input_of_the_first_and_write_the_output_of_the_last():
    names = ("conv2d", "conv2d_1", "max_pooling2d")
    fused = operation([f"m/{name}/x" for name in names], "fusion")
    (row,) = profile_of([fused], of=case(n_filters=4, n_conv=2)).rows
    # From 3 to 4 channels, on to 4, and to half the side; 9 taps a filter and a bias each.
    assert row.moved_bytes == 4 * (8 * 8 * 3 + 4 * 4 * 4 + (27 * 4 + 4) + (36 * 4 + 4))


def test_what_is_computed_as_one_need_not_pass_through_memory():
    roof = Ceiling("c", "cpu", "float32", 1e9, 1e6)
    conv, relu, add = "m/conv2d/convolution", "m/activation/Relu", "m/add/add"
    of = case("residual_module", n_filters=3)
    apart = profile_of([operation(conv, "Conv2D"), operation(relu, "Relu")], of=of, ceiling=roof)
    fused = profile_of([operation((conv, relu), "fusion")], of=of, ceiling=roof)
    layers = {layer.name: layer for layer in of.paper().cost.layers}
    first = layers["conv2d"]
    whole = sum(row.moved_bytes for row in apart.rows)
    passed = 2 * first.activation_bytes
    assert fused.rows[0].moved_bytes == whole - passed
    assert fused.rows[0].least_s == pytest.approx((whole - passed) / 1e6)
    assert fused.rows[0].fused or add  # the layer with most work names the row
    assert fused.rows[0].name == "conv2d"


def test_a_launch_without_a_profile_is_said_and_takes_nothing_from_the_others():
    good = [operation("m/conv2d/convolution", "Conv2D", 1000)]
    found = profile_of(good, LaunchProfile(problem="the trace is empty"), good)
    assert found.problems == ("the trace is empty",)
    assert [(row.name, row.time.n) for row in found.rows] == [("conv2d", 2)]
    nothing = profile_of(LaunchProfile(problem="the trace is empty"))
    assert (nothing.rows, nothing.problems) == ((), ("the trace is empty",))
    assert nothing.to_json()["launches"] == 0


def test_operations_alone_have_no_watched_call():
    found = profile_of(LaunchProfile((operation("m/conv2d/x", "CONV_2D", 7_500_000),)))
    assert (found.watched, found.overhead, found.covered) == (None, None, pytest.approx(1.5))


def test_a_case_that_was_not_to_be_profiled_has_none():
    of = case()
    assert profiled(result(of, of.paper(), [Measurement(outcome="ok", case=of, launch=0)])) is None
    assert Answer(outcome="ok").profile is None


def test_one_network_on_two_runtimes_is_compared_by_what_both_compute_as_one():
    conv, other = "m/conv2d/convolution", "m/conv2d_1/convolution"
    base = profile_of(
        *[[operation(conv, "Conv2D", ns), operation(other, "Conv2D", ns)] for ns in (1000, 2000)]
    )
    new = profile_of(*[[operation((conv, other), "fusion", 6 * ns)] for ns in (1000, 2000)])
    (pair,) = beside(base, new)
    assert (pair.base_s, pair.new_s) == (
        pytest.approx(2.828e-6, rel=1e-3),
        pytest.approx(8.485e-6, rel=1e-3),
    )
    # Launch by launch it is three times as much, whatever the launches are.
    assert (pair.ratio.value, pair.ratio.low) == (pytest.approx(3), pytest.approx(3))


def test_two_networks_share_the_layers_that_compute_the_same():
    naive, reduced = case("naive_inception_module"), case("inception_module")

    def all_of(of):
        layers = of.paper().cost.layers
        return profile_of(
            [
                operation(f"m/{x.name}/x", x.op, 1000 + x.macs)
                for x in layers
                if x.op != "InputLayer"
            ],
            of=of,
        )

    pairs = beside(all_of(naive), all_of(reduced))
    same = [pair for pair in pairs if pair.base and pair.new]
    assert {(pair.op, pair.words) for pair in same} == {
        ("Conv2D", "1x1, 64, relu"),
        ("MaxPooling2D", "3x3"),
    }
    total = sum(pair.difference_s for pair in pairs)
    assert total == pytest.approx(all_of(reduced).total_s - all_of(naive).total_s)
    assert abs(pairs[0].difference_s) == max(abs(pair.difference_s) for pair in pairs)


def test_plain_values_have_the_numbers_of_the_rows():
    found = profile_of([operation("m/conv2d/convolution", "Conv2D", 1000)])
    data = replace(found).to_json()
    assert json.loads(json.dumps(data)) == data
    assert data["layers"][0]["time_s"] == pytest.approx(1e-6)
    assert (data["alone"], data["launches"]) == (False, 1)


ROOF = Ceiling("c", "cpu", "float32", 1e12, 1e12)


def test_what_is_lost_is_the_time_beyond_the_least_and_never_less_than_nothing():
    conv = "m/conv2d/convolution"
    (slow,) = profile_of([operation(conv, "Conv2D", 1_000_000)], ceiling=ROOF).rows
    assert slow.lost_s == pytest.approx(1e-3 - slow.least_s)
    assert 0 < slow.least_s < 1e-3
    (fast,) = profile_of([operation(conv, "Conv2D", 1)], ceiling=ROOF).rows
    assert fast.lost_s == 0
    (unknown,) = profile_of([operation(conv, "Conv2D", 1)]).rows
    assert (unknown.least_s, unknown.lost_s) == (None, None)


@pytest.mark.parametrize(
    ("roof", "mode", "known"),
    [
        (ROOF, "graph", True),
        (replace(ROOF, device="gpu"), "graph", False),
        (replace(ROOF, dtype="float16"), "graph", False),
        (ROOF, "train", False),
    ],
)
def test_the_ceiling_is_that_of_the_device_and_the_type_and_a_step_of_training_has_none(
    roof, mode, known
):
    of = replace(case(), mode=mode)
    found = ceiling_of(result(of, of.paper(), []), [roof])
    assert found == (roof if known else None)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("conv2_block1_1_conv", ("conv2_block1",)),
        ("block_13_expand_relu", ("block_13",)),
        ("block1a_dwconv", ("block1a",)),
        ("conv1_conv", ()),
        ("block_1", ()),
    ],
)
def test_a_block_is_read_from_the_names_of_its_layers(name, path):
    layers = case().paper().cost.layers
    row = replace(
        profile_of([operation("m/conv2d/x", "Conv2D")]).rows[0],
        layers=(replace(layers[1], name=name, scope="a/b"),),
    )
    assert row.path == ("a", "b", *path)


def test_the_head_of_a_profile_names_the_layer_with_most_time():
    found = profile_of(
        [operation("m/conv2d/x", "Conv2D", 1000), operation("m/conv2d_1/x", "Conv2D", 3000)]
    )
    assert found.main_words == "most in conv2d_1, 75 %"


def test_of_a_run_what_was_not_timed_or_not_profiled_is_said():
    good, bad, failed = case(), case(n_filters=4), case(n_filters=5)
    profile = LaunchProfile((operation("m/conv2d/x", "Conv2D"),), 6e6)
    measured = (
        Measurement(outcome="ok", case=good, launch=0, samples_ns=(1, 2, 3), profile=profile),
        Measurement(
            outcome="ok",
            case=bad,
            launch=0,
            samples_ns=(1, 2, 3),
            profile=LaunchProfile(problem="empty"),
        ),
        Measurement(outcome="timeout", detail="no result", case=failed, launch=0),
    )
    cases = (good, bad, failed)
    plan = Plan("s", "", cases, papers={each.paper_key: each.paper() for each in cases})
    found, problems = of_run(Run(Path(), replace(plan, notes=("a note",)), measured))
    assert [profile.result.case for profile in found] == [good]
    assert problems[0] == "a note"
    assert problems[1].endswith(": empty")
    assert problems[2].endswith(": launch 0: timeout: no result")
    assert len(problems) == 3


def test_an_unnamed_sum_is_not_that_of_a_layer_that_has_one_already():
    of = case("residual_module", n_filters=3)
    paper = of.paper()
    named = operation("m/add/add", "AddV2")
    first, second = owners(paper, [named, operation("x", "Add")])
    assert first[0] == "add"
    assert second == []


def test_what_belongs_to_no_layer_is_a_row_for_each_type():
    layers = ("conv2d", "conv2d_1", "max_pooling2d")
    named = [operation(f"m/{layer}/x", "x") for layer in layers]
    rows = profile_of([*named, operation("r", "Reorder"), operation("c", "Copy")]).rows
    assert [row.name for row in rows] == [*layers, "no layer: Reorder", "no layer: Copy"]


def test_what_belongs_to_no_layer_is_compared_by_its_types_in_two_networks_too():
    naive, reduced = case("naive_inception_module"), case("inception_module")
    one = profile_of([operation("r", "Reorder", 1000)], of=naive)
    other = profile_of([operation("s", "Reorder", 3000)], of=reduced)
    (pair,) = beside(one, other)
    assert (pair.name, pair.ratio.value) == ("no layer: Reorder", pytest.approx(3))
