"""A document in a window of some width."""

import re

import pytest

from cnnbench import blocks
from cnnbench.graph import trace
from cnnbench.layers.activation import activation
from cnnbench.reporting import terminal
from cnnbench.reporting.analysis import costs
from cnnbench.reporting.document import Document

VIEWS = ({}, {"view": "layers"}, {"view": "types"}, {"top": 3}, {"depth": 1})
LONG = "from each of the four branches of the module one after the other " * 4


def widest(text):
    return max(map(len, text.splitlines()))


def page_of(table, **options):
    page = Document()
    page.table(table, **options)
    return page


def words(text):
    """The words of a table, without the line below its headers, and what is said to be left out."""
    table, _, rest = text.replace("\u2500", "").partition("left out: ")
    return table.split(), rest.split(" (")[0].split(", ") if rest else []


@pytest.mark.parametrize("name", blocks.catalogue())
def test_no_line_is_wider_than_the_window(name):
    graph = blocks.get(name).trace()
    for options in VIEWS:
        assert widest(terminal.text(costs.document(graph, **options), 80)) <= 80
    assert widest(terminal.text(costs.document(graph), 120)) <= 120


@pytest.mark.parametrize("columns", [80, 87, 99, 120, 200])
def test_whatever_is_in_a_table_it_fits(columns):
    cells = ["x" * 300, LONG, "1 " * 100, "naive 1x1 cpu graph", "", "-", "12.3 ms [11.9, 12.8 ms]"]
    for k in range(len(cells)):
        row = cells[k:] + cells[:k]
        headers = [f"{'long ' * i}header" for i in range(len(row))]
        for spare in (None, [], headers[:2]):
            page = page_of((headers, [row, row]), narrow=k % 2 == 0, spare=spare)
            assert widest(terminal.text(page, columns)) <= columns


def test_a_narrower_window_is_taken_for_one_of_80():
    page = page_of((["a", "b"], [["x" * 40, "y" * 38]]))
    assert terminal.text(page, 20) == terminal.text(page, 80)
    assert widest(terminal.text(page, 20)) == 80


def test_the_last_columns_go_first_unless_a_table_says_which():
    headers = ["name", "first", "second", "third"]
    row = ["n" * 20, "1" * 20, "2" * 20, "3" * 20]  # 80 and three gaps of two
    shown, lost = words(terminal.text(page_of((headers, [row])), 80))
    assert (shown, lost) == ([*headers[:3], *row[:3]], ["third"])
    page = page_of((headers, [row]), spare=["first", "third"])
    shown, lost = words(terminal.text(page, 80))
    assert (shown, lost) == (["name", "second", "third", "n" * 20, "2" * 20, "3" * 20], ["first"])
    assert words(terminal.text(page, 86)) == ([*headers, *row], [])
    assert words(terminal.text(page, 80, wide=True)) == ([*headers, *row], [])


def test_columns_of_words_wrap_before_a_column_goes():
    page = page_of((["name", "size", "why"], [["n" * 20, "1", LONG]]))
    shown, lost = words(terminal.text(page, 80))
    assert lost == []
    assert shown == ["name", "size", "why", "n" * 20, "1", *LONG.split()]


def test_names_become_shorter_in_the_middle_when_no_column_can_go():
    name = "network/" + "x" * 80 + "/conv2d_17"
    text = terminal.text(page_of((["layer", "FLOPs"], [[name, "1,234"], ["short", "5"]])), 80)
    row = text.splitlines()[2]
    assert re.fullmatch("network/x+\u2026x+/conv2d_17  1,234", row)
    assert len(row) == 80
    assert name in terminal.text(page_of((["layer", "FLOPs"], [[name, "1,234"]])), 80, wide=True)


def test_what_an_analysis_can_spare():
    graph = blocks.get("inception_two_modules").trace((32, 32, 3))
    assert "left out" not in terminal.text(costs.document(graph), 200)
    assert "left out: block (" in terminal.text(costs.document(graph), 120)
    lost = "left out: type, block, share of FLOPs, receptive field (--wide shows all)"
    assert lost in terminal.text(costs.document(graph), 80)
    large = blocks.get("inception_two_modules").trace((512, 512, 64))
    assert "block, MACs, share" in terminal.text(costs.document(large), 80)
    assert "block, share" in terminal.text(costs.document(large, sort="macs"), 80)  # asked for


def test_text_wraps_between_words_and_formulas_below_their_beginning():
    page = Document()
    page.text(LONG)
    page.bullets([LONG, "and"])
    page.code(f"parameters  {'a*b + ' * 20}c")
    text = terminal.text(page, 80)
    assert widest(text) <= 80
    assert text.split() == f"{LONG} {LONG} and parameters {'a*b + ' * 20}c".split()
    assert text.splitlines()[-1].startswith(" " * 12 + "a")


def test_marks_are_not_printed():
    page = Document()
    page.text("**bold** and `code` and [a link](x.md)")
    page.table((["a", "b"], [["[n](#n)", "`c`"]]))
    assert words(terminal.text(page, 80))[0] == [
        "bold",
        "and",
        "code",
        *["and", "a", "link", "a", "b", "n", "c"],
    ]


def test_verdicts_have_a_colour_unless_nobody_wants_one(monkeypatch):
    page = Document()
    page.text("On paper: refuted.", "a runtime can be faster", "3 slower, 1 same")
    page.table((["case", "verdict"], [["a", "faster"], ["b", "same"], ["faster", "3"]]))
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm-256color", "NO_COLOR": ""}.items():
        monkeypatch.setenv(name, value)
    text = terminal.text(page, 80)
    assert "On paper: \x1b[31mrefuted\x1b[0m." in text
    assert "a runtime can be faster\n" in text
    assert "3 \x1b[31mslower\x1b[0m, 1 same" in text
    assert text.count("\x1b[32mfaster") == 1  # the verdict, and not the case of this name
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", terminal.text(page, 80))


def test_an_empty_table_of_one_layer():
    graph = trace(lambda x: activation(x, "relu"), (7,))
    assert widest(terminal.text(costs.document(graph), 80)) <= 80
