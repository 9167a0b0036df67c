"""Suites: the ones that come with the package, and what is said about a wrong one."""

import tomllib

import pytest

from cnnbench.cases import suites
from cnnbench.errors import CnnbenchError, ShapeError, SuiteError, UnknownNameError

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
def refused(suite, tmp_path):
    """The error and its text, after the name of the file."""

    def error_of(text):
        with pytest.raises(CnnbenchError) as caught:
            suite(text)
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
    cases = tutorial.cases(["cpu"])
    assert len({case.id for case in cases}) == len(cases)
    assert {case.mode for case in cases} == {"eager", "graph", "xla", "predict"}
    (pair,) = tutorial.comparisons()
    assert (pair.base, pair.new) == ("naive inception", "reduced inception")
    assert pair.size == (28, 28)


def test_every_suite_has_a_description():
    assert list(suites.describe()) == suites.names()
    assert all(suites.describe().values())


def test_a_file_of_ones_own_is_named_after_the_file(suite):
    assert suite(BLOCK).name == "own"
    assert suite(f'name = "other"\n{BLOCK}').name == "other"


def test_a_block_is_a_grid_in_the_order_of_the_file(suite):
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
    cases = suite(text).cases(["cpu", "gpu"])
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


def test_a_block_may_be_kept_from_a_device(suite):
    text = BLOCK + 'devices = ["cpu"]\n'
    assert [case.device for case in suite(text).cases(["cpu", "gpu"])] == ["cpu"]
    assert suite(text).cases(["gpu"]) == ()


def test_a_case_that_is_there_twice_is_measured_once(suite):
    text = BLOCK.replace('["8x8x3"]', '["8x8x3", "8x8x3"]') + COMPARE
    cases = suite(text).cases(["cpu"])
    assert [case.id for case in cases] == ["vgg_block() 8x8x3 batch=1 float32 cpu graph"]


def test_a_comparison_measures_both_blocks_at_each_of_its_channels_in_order(suite):
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
    own = suite(text)
    assert [(c.label, c.input_shape, c.batch_size) for c in own.cases(["cpu"])] == [
        ("naive", (7, 5, 3), 4),
        ("reduced", (7, 5, 3), 4),
        ("naive", (7, 5, 32), 4),
        ("reduced", (7, 5, 32), 4),
        ("naive", (7, 5, 64), 4),
        ("reduced", (7, 5, 64), 4),
    ]
    (pair,) = own.comparisons()
    assert pair.channels == (3, 32, 64)
    assert pair.show == (3, 32)
    assert pair.range == (2, 9)
    assert own.blocks()["naive"] == {
        "target": "naive_inception_module",
        "params": {},
        "dtype": "float32",
    }


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
            "[block] 1: unknown key 'input'; did you mean inputs?",
        ),
        (BLOCK.replace("target", "#"), "[block] 1: the key 'target' is missing"),
        (BLOCK.replace('name = "mine"', ""), "[block] 1: the key 'name' is missing"),
        (
            BLOCK.replace("8x8x3", '4x4x3", "8x8'),
            "[block] 1 inputs 2: a size must look like 224x224x3; got '8x8'",
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
        (
            BLOCK + 'modes = ["lazy"]\n',
            "[block] 1 modes 1: input should be 'eager', 'graph', 'xla', 'predict' or 'train'; "
            "got 'lazy'",
        ),
        (
            BLOCK + 'devices = ["tpu"]\n',
            "[block] 1 devices 1: input should be 'cpu' or 'gpu'; got 'tpu'",
        ),
        (BLOCK + BLOCK, "two blocks named 'mine'; names must be unique"),
        (
            BLOCK.replace('inputs = ["8x8x3"]', ""),
            "no cases; give a block 'inputs' or add a [[compare]]",
        ),
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
        "'mine': unknown block or model 'vgg_blok'; did you mean vgg_block or "
        "vgg_three_blocks or convnext_block? (cnnbench list)",
    )


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
        "'mine': dtype must be one of float32, float16, bfloat16; got 'float64'",
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
    assert len(suites.load(str(path)).cases(["cpu"])) == 4  # two blocks at two channel counts
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
