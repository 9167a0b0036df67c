"""Suites: the ones that come with the package, and what is said about a wrong one."""

import tomllib

import pytest

from benchmarks.scale import record as scale
from cnnbench.cases import suites
from cnnbench.cases.case import Case
from cnnbench.errors import CnnbenchError, ShapeError, SuiteError, UnknownNameError
from cnnbench.runner import server
from tests.support import synthetic

BLOCK = """
[[block]]
name = "mine"
target = "vgg_block"
inputs = ["8x8x3"]
"""

COMPARE = """
[[compare]]
title = "which"
base = "mine"
new = "mine"
size = "8x8"
channels = [3]
"""


@pytest.fixture
def suite(tmp_path):
    """Write a suite file and load it."""

    def load(text):
        path = tmp_path / "own.toml"
        path.write_text(text, encoding="utf-8")
        return suites.load(str(path))

    return load


@pytest.fixture
def planned(tmp_path):
    """Write a suite file and plan a run of it."""

    def plan(text, devices=("cpu",)):
        path = tmp_path / "own.toml"
        path.write_text(text, encoding="utf-8")
        return synthetic.plan(suite=str(path), devices=devices)

    return plan


@pytest.fixture
def refused(planned, tmp_path):
    """The error and its text, after the name of the file."""

    def error_of(text):
        with pytest.raises(CnnbenchError) as caught:
            planned(text)
        message = str(caught.value)
        prefix = f"{tmp_path / 'own.toml'}: "
        assert message.startswith(prefix)
        assert "\n" not in message
        return type(caught.value), message.removeprefix(prefix)

    return error_of


def test_the_default_suite_loads_and_shows_every_block_of_the_tutorials():
    tutorial = suites.load("tutorial")
    assert tutorial.name == "tutorial"
    assert {table.target for table in tutorial.block} == {
        "vgg_block",
        "vgg_three_blocks",
        "naive_inception_module",
        "inception_module",
        "residual_module",
        "residual_bottleneck",
        "identity_block",
        "convolutional_block",
        "resnet50_tutorial",
    }
    plan = synthetic.plan()
    assert len({case.id for case in plan.cases}) == len(plan.cases)
    assert {case.mode for case in plan.cases} == {"eager", "graph", "xla", "predict"}
    (pair,) = plan.comparisons
    assert (pair.base, pair.new) == ("naive inception", "reduced inception")
    assert pair.size == (28, 28)


def test_every_suite_has_a_description():
    assert list(suites.describe()) == suites.names()
    assert all(suites.describe().values())


def test_a_file_of_ones_own_is_named_after_the_file(suite):
    assert suite(BLOCK).name == "own"
    assert suite(f'name = "other"\n{BLOCK}').name == "other"


def test_a_block_is_a_grid_in_the_order_of_the_file(planned):
    text = """
    [[block]]
    name = "mine"
    target = "vgg_block"
    params = { n_filters = 2, n_conv = 1 }
    inputs = ["8x8x3", "4x4x1"]
    batches = [1, 2]
    modes = ["graph", "eager"]
    dtype = "float16"
    """
    cases = planned(text, ("cpu", "gpu")).cases
    assert [(c.device, c.input_shape, c.batch_size, c.mode) for c in cases][:9] == [
        ("cpu", (8, 8, 3), 1, "graph"),
        ("cpu", (8, 8, 3), 1, "eager"),
        ("cpu", (8, 8, 3), 2, "graph"),
        ("cpu", (8, 8, 3), 2, "eager"),
        ("cpu", (4, 4, 1), 1, "graph"),
        ("cpu", (4, 4, 1), 1, "eager"),
        ("cpu", (4, 4, 1), 2, "graph"),
        ("cpu", (4, 4, 1), 2, "eager"),
        ("gpu", (8, 8, 3), 1, "graph"),
    ]
    assert len(cases) == 16
    for case in cases:
        assert case.params == {"n_filters": 2, "n_conv": 1}
        assert case.dtype == "float16"
        assert case.label == "mine"


def test_a_block_may_be_kept_from_a_device(planned):
    text = BLOCK + 'devices = ["cpu"]\n'
    assert [case.device for case in planned(text, ("cpu", "gpu")).cases] == ["cpu"]
    with pytest.raises(SuiteError, match=r"^own has nothing to measure on gpu$"):
        planned(text, ("gpu",))
    of_gpus = BLOCK + 'devices = ["gpu"]\n'
    several = ("cpu", "gpu:0", "gpu:1")
    assert [case.device for case in planned(of_gpus, several).cases] == ["gpu:0", "gpu:1"]
    second = BLOCK + 'devices = ["gpu:1"]\n'
    assert [case.device for case in planned(second, several).cases] == ["gpu:1"]


def test_a_case_that_is_there_twice_is_measured_once(planned):
    text = BLOCK.replace('["8x8x3"]', '["8x8x3", "8x8x3"]') + COMPARE
    cases = planned(text).cases
    assert [case.id for case in cases] == ["vgg_block() 8x8x3 batch=1 float32 cpu fake/graph"]


@pytest.mark.parametrize("inputs", ["", "inputs = []"])
def test_a_block_without_inputs_has_the_networks_own_size_and_type(planned, inputs):
    (case,) = planned(BLOCK.replace('inputs = ["8x8x3"]', inputs)).cases
    # 256x256x3 is what the tutorial of the VGG block builds it for.
    assert case == Case("vgg_block", (256, 256, 3), runtime="fake", label="mine")
    assert case.dtype == "float32"


def test_the_blocks_of_a_comparison_are_measured_at_its_channels_alone(planned):
    text = BLOCK.replace('inputs = ["8x8x3"]', "") + COMPARE.replace("[3]", "[5]")
    assert [case.inputs for case in planned(text).cases] == [((8, 8, 5),)]


BASE = """
base = "narrow"
[[block]]
name = "wide"
target = "vgg_block"
params = { n_filters = 8 }
inputs = ["8x8x3", "16x16x3"]
batches = [1, 2]
[[block]]
name = "narrow"
target = "vgg_block"
params = { n_filters = 4 }
inputs = ["8x8x3", "16x16x3"]
batches = [1, 2]
"""


def test_with_a_base_what_stands_at_one_place_takes_turns(planned):
    plan = planned(BASE)
    assert plan.base == "narrow"
    of = {case.id: case for case in plan.cases}
    rows = [[of[key] for key in row] for row in plan.together]
    assert [[(c.label, c.inputs, c.batch_size) for c in row] for row in rows] == [
        [(label, ((side, side, 3),), batch) for label in ("wide", "narrow")]
        for side in (8, 16)
        for batch in (1, 2)
    ]
    without = planned(BASE.replace('base = "narrow"', ""))
    assert (without.base, without.together) == ("", ())
    assert {case.id for case in without.cases} == of.keys()


def test_a_comparison_measures_both_blocks_at_each_of_its_channels_in_order(planned):
    text = """
    [[block]]
    name = "naive"
    target = "naive_inception_module"
    [[block]]
    name = "reduced"
    target = "inception_module"
    [[compare]]
    title = "which"
    base = "naive"
    new = "reduced"
    size = "7x5"
    batch = 4
    channels = [64, 3]
    show = [3, 32]
    range = [2, 9]
    """
    own = planned(text)
    assert [(c.label, c.input_shape, c.batch_size) for c in own.cases] == [
        ("naive", (7, 5, 3), 4),
        ("reduced", (7, 5, 3), 4),
        ("naive", (7, 5, 32), 4),
        ("reduced", (7, 5, 32), 4),
        ("naive", (7, 5, 64), 4),
        ("reduced", (7, 5, 64), 4),
    ]
    (pair,) = own.comparisons
    ids = [case.id for case in own.cases]
    assert pair.pairs == ((3, *ids[:2]), (32, *ids[2:4]), (64, *ids[4:]))
    assert own.together == (tuple(ids[:2]), tuple(ids[2:4]), tuple(ids[4:]))
    assert pair.show == (3, 32)
    assert pair.range == (2, 9)
    assert pair.channels == tuple(range(2, 10))
    # Naive: 64 filters 1x1, 128 of 3x3 and 32 of 5x5 on c channels, with biases.
    counted = [64 * c + 128 * 9 * c + 32 * 25 * c + 64 + 128 + 32 for c in pair.channels]
    assert list(pair.base_costs["parameters"]) == counted


def test_each_device_has_a_comparison_of_its_own(planned):
    plan = planned(BLOCK + COMPARE, ("cpu", "gpu"))
    assert [pair.device for pair in plan.comparisons] == ["cpu", "gpu"]
    assert [pair.pairs for pair in plan.comparisons] == [
        ((3, case.id, case.id),) for case in plan.cases
    ]


def test_only_the_catalogue_is_compared_over_channels(refused):
    text = BLOCK.replace('"vgg_block"', '"MobileNet"') + COMPARE
    assert refused(text) == (
        SuiteError,
        "[compare]: 'mine' is MobileNet, and only entries of the catalogue are costed over "
        "channels; see cnnbench list",
    )


def test_an_unknown_suite_is_refused_with_the_nearest():
    with pytest.raises(UnknownNameError) as error:
        suites.load("tutorail")
    assert str(error.value) == (
        "unknown suite 'tutorail'; did you mean tutorial? (or give a file that ends in .toml)"
    )


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    missing = str(tmp_path / "missing.toml")
    with pytest.raises(SuiteError) as error:
        suites.load(missing)
    assert str(error.value) == f"cannot read the suite {missing}: No such file or directory"
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(SuiteError, match=r"not UTF-8 text$"):
        suites.load(str(binary))
    folder = tmp_path / "folder.toml"
    folder.mkdir()
    with pytest.raises(SuiteError, match=r"cannot read the suite .*folder\.toml"):
        suites.load(str(folder))


def test_malformed_toml_names_file_and_line(refused):
    kind, message = refused('description = "mine"\n[[block]]\nname = \n')
    assert kind is SuiteError
    assert message.startswith("not TOML: ")
    assert "line 3" in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the key 'block' is missing"),
        ("block = 5", "block: input should be a valid list; got 5"),
        ("launch = 3\n" + BLOCK, "unknown key 'launch'; did you mean launches?"),
        ("launches = 0\n" + BLOCK, "launches: input should be greater than or equal to 1; got 0"),
        ("launches = 1.5\n" + BLOCK, "launches: input should be a valid integer; got 1.5"),
        ("time_budget = 0\n" + BLOCK, "time_budget: input should be greater than 0; got 0"),
        (
            BLOCK.replace("inputs", "input"),
            "[block] 1: unknown key 'input'; did you mean inputs or imports?",
        ),
        (BLOCK.replace("target", "#"), "[block] 1: the key 'target' is missing"),
        (BLOCK.replace('name = "mine"', ""), "[block] 1: the key 'name' is missing"),
        (
            BLOCK.replace("8x8x3", '4x4x3", "8*8'),
            "[block] 1 inputs 2: a size must look like 224x224x3; got '8*8'",
        ),
        (
            BLOCK.replace("8x8x3", "0x8x3"),
            "[block] 1 inputs 1: every size must be at least 1; got '0x8x3'",
        ),
        (
            BLOCK.replace('["8x8x3"]', '"8x8x3"'),
            "[block] 1 inputs: input should be a valid list; got '8x8x3'",
        ),
        (
            BLOCK + "batches = [1, 0]\n",
            "[block] 1 batches 2: input should be greater than or equal to 1; got 0",
        ),
        (BLOCK + "modes = [1]\n", "[block] 1 modes 1: input should be a valid string; got 1"),
        (
            BLOCK + 'devices = ["tpu"]\n',
            "[block] 1 devices 1: must be one of cpu, gpu, gpu:1; got 'tpu'",
        ),
        (BLOCK + BLOCK, "two blocks named 'mine'; names must be unique"),
        ('base = "mien"\n' + BLOCK, "base: unknown block 'mien'; did you mean mine?"),
        (
            BLOCK + COMPARE.replace('base = "mine"', 'base = "mien"'),
            "[compare]: unknown block 'mien'; did you mean mine?",
        ),
        (
            BLOCK + COMPARE.replace("8x8", "8x8x3"),
            "[compare] 1 size: a size must look like 224x224; got '8x8x3'",
        ),
        (
            BLOCK + COMPARE.replace("title", "tilte"),
            "[compare] 1: the key 'title' is missing",
        ),
        (
            BLOCK + COMPARE + "sho = [3]\n",
            "[compare] 1: unknown key 'sho'; did you mean show?",
        ),
        (BLOCK + COMPARE + "range = [1]\n", "[compare] 1 range: number 2 is missing"),
        (
            BLOCK + COMPARE + "range = [5, 5]\n",
            "[compare] range: expected first < last; got (5, 5)",
        ),
    ],
)
def test_a_wrong_suite_is_refused_with_place_and_reason(refused, text, message):
    assert refused(text) == (SuiteError, message)


def test_a_target_that_is_not_there_is_refused_with_the_nearest(refused):
    assert refused(BLOCK.replace("vgg_block", "vgg_blok")) == (
        UnknownNameError,
        "'mine': unknown target 'vgg_blok'; did you mean vgg_block or vgg_three_blocks or "
        "convnext_block? (see cnnbench list; a file ends in .keras or .h5, a function looks like "
        "package.module:name)",
    )


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("fast", "unknown mode 'fast'; known: eager, graph, predict, train, xla"),
        ("grap", "unknown mode 'grap'; did you mean graph?"),
    ],
)
def test_a_mode_that_the_runtime_does_not_have_is_refused_with_its_block(refused, mode, message):
    assert refused(BLOCK + f'modes = ["graph", "{mode}"]\n') == (
        UnknownNameError,
        f"'mine': {message}",
    )


def test_a_size_with_another_number_of_axes_is_refused_with_its_block(refused):
    assert refused(BLOCK.replace("8x8x3", '8x8x3", "8x8')) == (
        ShapeError,
        "'mine': vgg_block takes an input like 256x256x3; got 8x8",
    )
    assert refused(BLOCK.replace("8x8x3", "8x8x3,8x8x3")) == (
        ShapeError,
        "'mine': vgg_block has one input (256x256x3); got 8x8x3, 8x8x3",
    )


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("mine.keras", "mine.keras takes no parameters; got a"),
        ("saved.h5", "saved.h5 takes no parameters; got a"),
    ],
)
def test_parameters_of_a_file_are_refused_before_it_is_opened(refused, target, message):
    text = BLOCK.replace("vgg_block", target) + "params = { a = 1 }\n"
    assert refused(text) == (SuiteError, f"'mine': {message}")


def test_a_parameter_that_is_not_there_is_refused_with_the_nearest(refused):
    assert refused(BLOCK + "params = { n_filter = 3 }\n") == (
        UnknownNameError,
        "'mine': unknown parameter of vgg_block 'n_filter'; did you mean n_filters?",
    )


def test_a_layer_that_does_not_fit_is_named_before_anything_runs(refused):
    kind, message = refused(BLOCK.replace("8x8x3", "1x1x3"))
    assert kind is ShapeError
    assert message == (
        "'mine': layer vgg_block/max_pooling2d (MaxPooling2D): a window of 2 does not fit into "
        "1x1 with padding 'valid'; give a larger input"
    )


@pytest.mark.parametrize("value", ["[1]", "'8'", "0", "2.5", "true", "{ a = 1 }", "1979-05-27"])
@pytest.mark.parametrize(
    ("target", "parameter"),
    [
        ("vgg_block", "n_filters"),
        ("vgg_block", "n_conv"),
        ("residual_bottleneck", "n_filters"),
        ("residual_bottleneck", "expansion"),
        ("residual_module", "shortcut"),
        ("resnet_basic", "strides"),
        ("resnet_bottleneck", "filters"),
        ("resnet_bottleneck", "version"),
        ("identity_block", "f"),
        ("identity_block", "filters"),
        ("convolutional_block", "s"),
        ("inception_module", "f2_in"),
    ],
)
def test_a_parameter_of_the_wrong_kind_is_refused_and_the_message_says_what_came(
    refused, target, parameter, value
):
    text = f"""
    [[block]]
    name = "mine"
    target = "{target}"
    inputs = ["8x8x256"]
    params = {{ {parameter} = {value} }}
    """
    _, message = refused(text)
    assert message.startswith("'mine': ")
    assert "; got " in message


def test_a_type_that_is_not_there_is_refused(refused):
    assert refused(BLOCK + 'dtype = "float64"\n') == (
        ShapeError,
        "'mine': dtype must be one of float32, float16, bfloat16, mixed_float16, mixed_bfloat16, "
        "int8; got 'float64'",
    )


def test_parameters_cannot_pass_for_arguments_of_the_trace(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(BLOCK + "params = { batch_size = 2 }\n")
    with pytest.raises(UnknownNameError, match="unknown parameter of vgg_block 'batch_size'"):
        suites.load(str(path))


def test_a_range_that_would_take_hours_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        BLOCK + '[[compare]]\ntitle = "t"\nbase = "mine"\nnew = "mine"\nsize = "8x8"\n'
        "channels = [3]\nrange = [1, 1000000000]\n"
    )
    with pytest.raises(SuiteError, match="range: every channel count is costed, so at most 4096"):
        suites.load(str(path))


def test_the_example_at_the_head_of_the_folder_has_every_key_and_loads(tmp_path):
    example = (suites.__doc__ or "").split("given (#):", 1)[1]
    path = tmp_path / "mine.toml"
    path.write_text(example)
    assert len(synthetic.plan(suite=str(path)).cases) == 4  # two blocks at two channel counts
    data = tomllib.loads(example)
    for table, keys in (
        (data, suites.Suite.model_fields),
        (data["block"][0], suites.BlockTable.model_fields),
        (data["compare"][0], suites.CompareTable.model_fields),
    ):
        assert set(table) == set(keys)
    for key, field in suites.BlockTable.model_fields.items():
        if not field.is_required() and key != "devices":
            assert data["block"][0][key] == field.default, key


def test_a_block_in_several_data_types_takes_turns_with_itself(planned):
    plan = planned(BLOCK + 'dtype = ["float32", "bfloat16"]\nbatches = [1, 2]\n')
    ids = [case.id for case in plan.cases]
    assert [case.dtype for case in plan.cases] == ["float32", "bfloat16"] * 2
    assert plan.together == (tuple(ids[:2]), tuple(ids[2:]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BLOCK + 'dtype = ["float32", "int4"]\n', "'mine': dtype must be one of float32, float16"),
        (BLOCK + "dtype = []\n", "dtype"),
        (BLOCK + "dtype = 8\n", "dtype"),
        (BLOCK + 'dtype = ["float32", "bfloat16"]\n' + COMPARE, "'mine' must have one dtype; got"),
    ],
)
def test_data_types_that_cannot_be_are_refused(refused, text, message):
    assert message in refused(text)[1]


DOUBLING = BLOCK + 'batches = "max"\n'


def test_batches_are_doubled_as_far_as_memory_reaches_on_paper(planned, monkeypatch):
    rooms = {"cpu": 2**28, "gpu:0": 2**25, "gpu:1": None}
    monkeypatch.setattr(server, "available_memory", lambda: rooms["cpu"])
    monkeypatch.setattr(server.gpu, "memory", lambda index: rooms[f"gpu:{index}"])
    plan = planned(DOUBLING, tuple(rooms))
    doubled = [2**power for power in range(17)]
    for device, room in rooms.items():
        cases = [case for case in plan.cases if case.device == device]
        batches = [case.batch_size for case in cases]
        if room is None:  # nobody knows
            assert batches == doubled
            continue
        paper = cases[-1].paper()
        assert 0 < len(batches) < len(doubled)
        assert batches == doubled[: len(batches)]
        # The activations grow with the batch, so that the next one would not fit.
        assert paper.peak_bytes <= room < 2 * paper.peak_bytes - paper.cost.weight_bytes
        note = f"mine ({device}, float32, graph): batches from {2 * batches[-1]} on need"
        assert any(line.startswith(note) for line in plan.notes)
    assert plan.fill


def test_the_smallest_batch_is_tried_even_if_it_does_not_fit(planned, monkeypatch):
    monkeypatch.setattr(server, "available_memory", lambda: 1)
    assert [case.batch_size for case in planned(DOUBLING).cases] == [1]


def test_memory_is_filled_by_one_network_at_a_time(planned, monkeypatch):
    monkeypatch.setattr(server, "available_memory", lambda: 2**25)
    text = 'base = "mine"\n' + DOUBLING + DOUBLING.replace("mine", "other")
    assert planned(text).together == ()
    plan = planned(text.replace('"max"', "[1, 2]"))
    assert len(plan.together) == 2
    assert not plan.fill


def test_the_largest_run_of_reports_scale_can_be_asked_for():
    assert max(scale.CASES) == 100_000 <= suites.MOST_CASES
    assert len(scale.suite(100_000)) < suites.LARGEST


def test_a_suite_that_is_nested_too_deeply_is_refused(tmp_path):
    (tmp_path / "deep.toml").write_text("a = " + "[" * 100_000 + "]" * 100_000)
    with pytest.raises(SuiteError, match="nested too deeply"):
        suites.load(str(tmp_path / "deep.toml"))
