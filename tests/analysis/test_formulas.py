"""FORMULA: closed forms agree with the numbers wherever they are given out, and only there."""

import inspect
import re
from functools import cache
from math import prod
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.mathtext import MathTextParser
from sympy import Eq, Mod

import cnnbench
from cnnbench import blocks
from cnnbench.analysis.formulas import SIZES, Amounts, formula
from cnnbench.analysis.formulas.algebra import text
from cnnbench.blocks import Entry
from cnnbench.cost import cost
from cnnbench.errors import CnnbenchError, ShapeError
from cnnbench.layers.activation import activation
from cnnbench.layers.conv import conv2d
from cnnbench.layers.dense import dense
from cnnbench.layers.merge import add, concatenate, multiply
from cnnbench.layers.norm import layer_normalization
from cnnbench.layers.pool import adaptive_max_pooling2d, global_average_pooling2d, max_pooling2d
from cnnbench.layers.reshape import reshape
from cnnbench.reporting.analysis.formulas import document, latex, latex_of, latex_rows
from cnnbench.reporting.formats import show

CATALOGUE = blocks.catalogue()
BLOCKS = [name for name, entry in CATALOGUE.items() if entry.kind == "block"]
MODELS = ["vgg16", "resnet50"]


@cache
def closed(name):
    return formula(CATALOGUE[name])


def entry(function, shape=(8, 8, 4), **params):
    """A block of this file, as the catalogue would hold it."""
    _, *parameters = inspect.signature(function).parameters.values()
    return Entry("mine", "block", function, shape, {p.name: p.default for p in parameters} | params)


def texts(found):
    return [text(relation) for relation in found.assumptions]


def traced(entry, found, values):
    """The totals of a trace in plain numbers: what the formula must give."""
    sizes = ("n", *SIZES[len(entry.input_shape)])
    n, *shape = (values.get(name, found.fixed.get(name)) for name in sizes)
    params = {}
    for name, default in entry.params.items():
        if isinstance(default, tuple):
            numbered = [f"{name}_{i}" for i in range(1, len(default) + 1)]
            params[name] = tuple(values.get(key, found.fixed.get(key)) for key in numbered)
        else:
            params[name] = values.get(name, found.fixed.get(name))
    graph = entry.trace(tuple(shape), batch_size=n, **params)
    total = cost(graph)
    copies = [prod(x.rule.shape) for x in graph.nodes if not x.rule.view]
    return Amounts(
        total.params, total.macs, total.elementwise, total.flops, sum(copies), total.output_shape
    )


# Formula and trace, everywhere


def assert_agrees_everywhere(entry, found, largest, examples):
    """At random numbers: what the trace refuses the formula refuses; else they are equal."""
    equal = {text(r): str(r.rhs) for r in found.assumptions if r.rel_op == "==" and r.rhs.is_Symbol}
    divided = [mod.args for r in found.assumptions for mod in r.atoms(Mod) if isinstance(r, Eq)]
    agreed = 0

    # Few different numbers, so that two are often the same.
    @settings(max_examples=examples, suppress_health_check=[HealthCheck.too_slow])
    @given(
        st.fixed_dictionaries(
            {name: st.integers(1, largest) | st.just(x) for name, x in found.symbols.items()}
        ),
        st.booleans(),
    )
    def check(values, divides):
        nonlocal agreed
        for relation, right in equal.items():
            values[relation.split(" == ")[0]] = values[right]
        for number, divisor in divided if divides else ():
            values[str(number)] *= values.get(str(divisor), 1)
        try:
            expected = traced(entry, found, values)
        except ShapeError:
            with pytest.raises(CnnbenchError, match="the formula holds only where"):
                found.at(**values)
            return
        try:
            got = found.at(**values)
        except CnnbenchError as error:
            assert "the formula holds only where" in str(error)  # noqa: PT017
            return
        assert got == expected
        assert all(type(number) is int for number in (got.params, got.flops, *got.output_shape))
        agreed += 1

    check()
    assert agreed > examples / 4


@pytest.mark.parametrize("name", BLOCKS)
def test_a_formula_of_a_block_is_the_trace_at_any_numbers(name):
    assert_agrees_everywhere(CATALOGUE[name], closed(name), 40, 16)


@pytest.mark.parametrize("name", MODELS)
def test_a_formula_of_a_model_is_the_trace_at_any_numbers(name):
    assert_agrees_everywhere(CATALOGUE[name], closed(name), 99, 8)


@pytest.mark.parametrize("name", [*BLOCKS, *MODELS])
def test_what_breaks_an_assumption_is_refused(name):
    found = closed(name)
    for assumption in found.assumptions:
        values = {symbol: found.symbols[symbol.name] for symbol in assumption.free_symbols}
        one = min(values, key=str)
        broken = next(x for x in range(1, 2000) if not assumption.subs(values | {one: x}))
        with pytest.raises(CnnbenchError, match="the formula holds only where "):
            found.at(**{one.name: broken})


# Formulas by hand


def test_the_vgg_block():
    found = closed("vgg_block")
    # 3 * 3 * C * n_filters + n_filters, then 3 * 3 * n_filters * n_filters + n_filters
    assert text(found.amounts.params) == "n_filters*(9*C + 9*n_filters + 2)"
    assert text(found.amounts.macs) == "9*H*W*n*n_filters*(C + n_filters)"
    # Bias and ReLU of two convolutions, and three comparisons for each output of the pooling
    assert text(found.amounts.elementwise) == "n*n_filters*(4*H*W + 3*floor(H/2)*floor(W/2))"
    assert list(map(text, found.amounts.output_shape)) == [
        "n",
        "floor(H/2)",
        "floor(W/2)",
        "n_filters",
    ]
    assert found.fixed == {"n_conv": 2}
    assert found.symbols == {"n": 1, "H": 256, "W": 256, "C": 3, "n_filters": 64}
    assert texts(found) == ["H >= 2", "W >= 2"]
    assert found.at().params == 38_720  # the tutorial's, at its own sizes
    assert found.at().output_shape == (1, 128, 128, 64)


def test_a_count_of_repetitions_is_a_number_that_can_be_given():
    found = formula(CATALOGUE["vgg_block"], n_conv=3)
    assert text(found.amounts.params) == "3*n_filters*(3*C + 6*n_filters + 1)"
    with pytest.raises(CnnbenchError) as error:
        found.at(n_conv=2)
    assert str(error.value) == (
        "the formula is for n_conv=3; got n_conv=2; ask for another formula"
    )
    assert found.at(n_conv=3) == found.at()


def test_the_shortcut_depends_on_the_channels():
    project = closed("residual_module")
    assert texts(project) == ["C != n_filters"]
    # 3x3 from C, 3x3, and the 1x1 projection from C: (9 + 1) * C and 9 * n_filters; 3 biases
    assert text(project.amounts.params) == "n_filters*(10*C + 9*n_filters + 3)"
    with pytest.raises(CnnbenchError) as error:
        project.at(C=64)
    assert str(error.value) == (
        "the formula holds only where C != n_filters; got C=64, n_filters=64"
    )
    identity = formula(CATALOGUE["residual_module"], C=64)
    assert identity.fixed == {"shortcut": "B", "C": 64, "n_filters": 64}
    assert identity.at().params == 73_856  # 2 * (9 * 64 * 64 + 64)


def test_an_addition_needs_equal_channels():
    found = closed("identity_block")
    assert texts(found) == ["C == filters_3"]
    with pytest.raises(CnnbenchError, match="only where C == filters_3; got C=256, filters_3=255"):
        found.at(filters=(64, 64, 255))
    assert found.at(C=8, filters=(2, 3, 8)).macs == 15 * 15 * (8 * 2 + 9 * 2 * 3 + 3 * 8)


def test_what_is_fixed_can_be_more():
    found = formula(CATALOGUE["inception_module"], n=1, H=28, W=28, C=192)
    assert list(found.symbols) == ["f1", "f2_in", "f2_out", "f3_in", "f3_out", "f4_out"]
    assert found.at().params == 163_696  # GoogLeNet's (3a)


# Comparisons: what is assumed


def test_a_window_must_fit():
    found = formula(
        entry(lambda x: conv2d(conv2d(x, 4, 7), 4, (3, 1), strides=(2, 1)), (32, 32, 3))
    )
    # 7 rows, and 3 of what is left; 7 columns
    assert texts(found) == ["H >= 9", "W >= 7"]
    # ((H - 6) - 3) // 2 + 1 = (H - 7) // 2 = (H + 1) // 2 - 4
    assert text(found.amounts.output_shape[1]) == "ceil(H/2) - 4"


def test_rounding_up_and_rounding_down_after_a_shift_are_the_same_size():
    def both(x, s=2):
        return add([conv2d(x, 4, 1, s, "same"), conv2d(x, 4, 1, s, "valid")])

    found = formula(entry(both))
    assert texts(found) == ["s != 1"]
    assert text(found.amounts.output_shape[1]) == "ceil(H/s)"
    assert_agrees_everywhere(entry(both), found, 12, 40)


def test_halving_three_times_is_one_rounding():
    found = formula(entry(lambda x: max_pooling2d(max_pooling2d(max_pooling2d(x)))))
    assert text(found.amounts.output_shape[1]) == "floor(H/8)"
    assert texts(found) == ["H >= 8", "W >= 8"]


def test_groups_must_divide():
    def grouped(x, filters=8, groups=2):
        return conv2d(x, filters, 3, padding="same", groups=groups)

    found = formula(entry(grouped))
    assert texts(found) == ["(C % groups) == 0", "(filters % groups) == 0"]
    # No rounding is left: groups divides C.
    assert text(found.amounts.macs) == "9*C*H*W*filters*n/groups"
    assert_agrees_everywhere(entry(grouped), found, 6, 60)
    with pytest.raises(CnnbenchError, match=r"where \(C % groups\) == 0; got C=3, groups=2"):
        found.at(C=3)


def test_a_branch_on_divisibility_goes_as_in_the_catalogue():
    def halved(x):
        return conv2d(x, 1 if x.shape[-1] % 2 else 2, 1)

    assert texts(formula(entry(halved))) == ["(C % 2) == 0"]
    assert texts(formula(entry(halved, (8, 8, 5)))) == ["(C % 2) != 0"]


def test_a_ratio_of_channels_is_at_least_one():
    def squeeze(x, ratio=2):
        s = reshape(global_average_pooling2d(x), (1, 1, x.shape[-1]))
        s = dense(s, max(x.shape[-1] // ratio, 1), activation="relu")
        return multiply([x, dense(s, x.shape[-1], activation="sigmoid")])

    found = formula(entry(squeeze))
    assert texts(found) == ["C >= ratio", "H != 1", "W != 1"]
    assert text(found.amounts.output_shape[3]) == "C"
    assert_agrees_everywhere(entry(squeeze), found, 20, 40)


def test_a_number_that_the_block_asks_for_is_kept():
    def asked(x, strides=1, depth=2, rate=3, width=4):
        for _ in range(depth):
            x = conv2d(x, 4, 1) if strides == 1 else conv2d(x, 8, 1, strides)
        return conv2d(x, int(width * 0.5) + [1, 2, 3, 4][rate], 1)

    assert formula(entry(asked)).fixed == {"strides": 1, "depth": 2, "rate": 3, "width": 4}
    strided = formula(entry(asked, strides=3))  # not the number that the block compares with
    assert texts(strided) == ["strides != 1"]


def test_a_parameter_that_a_rule_refuses_as_a_symbol_is_kept():
    found = formula(
        entry(lambda x, axis=3, filters=2: layer_normalization(conv2d(x, filters, 1), axis))
    )
    assert found.fixed == {"axis": 3, "filters": 2}
    found = formula(entry(lambda x, m=3: adaptive_max_pooling2d(x, (1, m))))
    assert found.fixed == {"H": 8, "W": 8, "m": 3}


def test_comparisons_that_follow_need_no_assumption():
    def plain(x):
        h, w, c = x.shape[1:]
        assert h > 0 and h + 1 > h and c != c + 1 and not h * w < 1 and h <= h * w  # noqa: PT018
        assert (h + w) ** 2 == h * h + 2 * h * w + w * w
        assert -h < 0 < 2 * c - c and (4 * h) % 2 == 0 and h // 1 == h  # noqa: PT018
        return x

    assert texts(formula(entry(plain))) == []


def test_a_cached_answer_of_one_formula_is_not_that_of_another():
    @cache
    def few(channels):
        return channels < 5

    def cached(x):
        return conv2d(x, 1 if few(x.shape[-1]) else 2, 1)

    assert texts(formula(entry(cached))) == ["C <= 4"]
    assert texts(formula(entry(cached))) == ["C <= 4"]
    assert texts(formula(entry(cached, shape=(8, 8, 5)))) == ["C >= 5"]


def test_only_the_strictest_bound_is_said():
    found = formula(entry(lambda x: concatenate([conv2d(x, 1, 3), conv2d(conv2d(x, 1, 2), 1, 2)])))
    assert texts(found) == ["H >= 3", "W >= 3"]


# Refusals


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"H": 0}, "H must be a whole number from 1 to 1e+18; got 0"),
        ({"C": 2.5}, "C must be a whole number from 1 to 1e+18; got 2.5"),
        ({"n": True}, "n must be a whole number from 1 to 1e+18; got True"),
        (
            {"filters": 3},
            "no filters in the formula of vgg_block; it has n, H, W, C, n_filters",
        ),
    ],
)
def test_a_formula_refuses_what_is_no_size(numbers, message):
    with pytest.raises(CnnbenchError) as error:
        closed("vgg_block").at(**numbers)
    assert str(error.value) == message


def test_a_formula_that_cannot_be_asked_for():
    with pytest.raises(CnnbenchError, match="unknown parameter of vgg_block 'n_filter'"):
        formula(CATALOGUE["vgg_block"], n_filter=3)
    with pytest.raises(CnnbenchError, match="H must be a whole number"):
        formula(CATALOGUE["vgg_block"], H=-1)
    with pytest.raises(ShapeError, match="a window of 2 does not fit"):
        formula(CATALOGUE["vgg_block"], H=1)
    with pytest.raises(ShapeError, match="unknown activation"):
        formula(entry(lambda x, name="swich": activation(x, name)))


def test_no_rule_leaves_symbols_out_of_its_checks():
    # `type(size) is int` is false for a symbol: what it guards would be neither checked nor
    # assumed. In _sizes.py it saves time, and guards what follows from the output's size and
    # the taps inside the image, which formulas do not say.
    for file in sorted((Path(cnnbench.__file__).parent / "layers").rglob("*.py")):
        found = re.findall(r"type\(.+\) is (?:not )?int", file.read_text(encoding="utf-8"))
        assert not found or file.name == "_sizes.py", f"{file.name}: {found}"


# For the reader


def test_a_formula_as_text():
    assert show(document(closed("vgg_block")), "table") == (
        "vgg_block for n_conv=2\n"
        "\n"
        "parameters              n_filters*(9*C + 9*n_filters + 2)\n"
        "MACs                    9*H*W*n*n_filters*(C + n_filters)\n"
        "elementwise operations  n*n_filters*(4*H*W + 3*floor(H/2)*floor(W/2))\n"
        "FLOPs                   n*n_filters*(2*H*W*(9*C + 9*n_filters + 2)"
        " + 3*floor(H/2)*floor(W/2))\n"
        "activation values       n*(H*W*(C + 2*n_filters) + n_filters*floor(H/2)*floor(W/2))\n"
        "output shape            (n, floor(H/2), floor(W/2), n_filters)\n"
        "where                   H >= 2, W >= 2\n"
        "\n"
        "FLOPs = 2 x MACs + elementwise operations; taps on padding count; "
        "one forward pass at inference\n"
    )


@pytest.mark.parametrize("name", [*BLOCKS, *MODELS])
def test_the_latex_of_a_formula_can_be_set(name):
    parser = MathTextParser("path")
    found = closed(name)
    for _, row in latex_rows(found):
        parser.parse(f"${row}$")
    for relation in found.assumptions:
        # LaTeX's own "mod", which Matplotlib does not have
        parser.parse(f"${latex_of(relation)}$".replace(r"\bmod", r"\mathrm{mod}"))


def test_a_formula_in_markdown_is_a_block_of_mathematics():
    page = show(document(closed("residual_module"), as_latex=True), "markdown")
    assert page.startswith("residual_module for shortcut='B'\n\n```math\n\\begin{aligned}\n")
    assert page.count("```") == 2
    assert r"\text{MACs} &= H \, W \, n \, n_{\mathrm{filters}} \, " in page
    assert r"\text{where } & C \neq n_{\mathrm{filters}}" in page
    block = page.split("```math\n")[1].split("\n```")[0]
    assert latex(closed("residual_module")) == block


def test_names_are_upright_and_numbers_below():
    names = closed("inception_module").amounts.output_shape[3]
    assert (
        latex_of(names) == r"f_{1} + f_{2,\mathrm{out}} + f_{3,\mathrm{out}} + f_{4,\mathrm{out}}"
    )


def test_a_format_that_there_is_not():
    with pytest.raises(CnnbenchError, match="unknown format 'pdf'"):
        show(document(closed("vgg_block")), "pdf")
