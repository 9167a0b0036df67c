"""A document as HTML: well formed, closed, and nothing in it that a user's name could start."""

from __future__ import annotations

import base64
from xml.etree import ElementTree

import pytest

from cnnbench.reporting import html, style
from cnnbench.reporting.document import Document

EVIL = "<script>alert(1)</script><img src=x onerror='alert(2)'>\"&"
ALLOWED = {"div", "style", "p", "br", "h1", "ul", "li", "pre", "code", "strong", "a"}
ALLOWED |= {"table", "thead", "tbody", "tr", "th", "td", "figure", "img", "details", "summary"}


def printed(page: Document, **options: object) -> ElementTree.Element:
    """The fragment, parsed: XML's parser refuses what is not closed or not escaped."""
    return ElementTree.fromstring(html.fragment(page, **options))  # type: ignore[arg-type]


def content(element: ElementTree.Element | None) -> str:
    assert element is not None
    return "".join(element.itertext())


def drawn() -> style.Figure:
    figure = style.figure(2, 1)
    axes = figure.subplots()
    axes.plot([1, 2], [3, 4])
    axes.set_title(EVIL)
    return figure


def page_of(text: str) -> Document:
    page = Document()
    page.heading(text, 1)
    page.text(text, f"**{text}** [{text}](page.html)")
    page.bullets([text])
    page.table(([text, "n"], [[text, "1"], [f"`{text}`", "2"]]))
    page.code(text, text)
    page.picture("a.png", text, drawn)
    with page.folded(text):
        page.text(text)
    return page


@pytest.mark.parametrize("figures", [None, "png", "svg"])
def test_what_a_user_wrote_is_text_everywhere(figures: str | None) -> None:
    root = printed(page_of(EVIL), figures=figures)
    ours = [element for element in root.iter() if not element.tag.startswith("{")]
    assert {element.tag for element in ours} <= ALLOWED
    names = {name for element in root.iter() for name in element.attrib}
    assert not [name for name in names if name.startswith("on")]
    for element in (
        root.find("h1"),
        root.find("p"),
        root.find("ul/li"),
        root.find("pre/code"),
        root.find("details/summary"),
        root.find("details/p"),
    ):
        assert content(element) == EVIL
    assert content(root.find("p/strong")) == content(root.find("p/a")) == EVIL
    assert content(root.find(".//tbody/tr/th")) == EVIL
    assert "<script" not in html.fragment(page_of(EVIL), figures=figures)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert`1`",
        "JavaScript:alert",
        "java\tscript:alert",
        " javascript:alert",
        "data:text/html,x",
        "vbscript:x",
        "x&colon;javascript:y",
        "\x01javascript:alert",
    ],
)
def test_a_link_that_would_run_something_stays_text(address: str) -> None:
    assert "<a" not in html.words(f"[a name]({address})")
    assert html.words(f"[a name]({address})").startswith("[a name](")


@pytest.mark.parametrize(
    "address", ["https://example.org/a?b=c#d", "#vgg_block", "results.csv", "../a-b/c_d.html"]
)
def test_links_to_pages_are_links(address: str) -> None:
    assert html.words(f"see [a `name`]({address})") == (
        f'see <a href="{address}">a <code>name</code></a>'
    )


def test_marks_are_elements_and_line_feeds_stay() -> None:
    page = Document()
    page.text("**one** is `a < b`\nnext *line*")
    assert html.body(page.blocks) == (
        "<p><strong>one</strong> is <code>a &lt; b</code><br/>\nnext *line*</p>"
    )


def test_a_table_says_what_heads_a_row_and_which_columns_are_numbers() -> None:
    page = Document()
    page.table((["layer", "MACs", "note"], [["conv", "1.2 M", "-x"], ["pool", "?", "1"]]))
    table = printed(page).find("div/table")
    assert table is not None
    heads = table.findall("thead/tr/th")
    assert [(head.text, head.get("scope"), head.get("class")) for head in heads] == [
        ("layer", "col", None),
        ("MACs", "col", "number"),
        ("note", "col", None),
    ]
    first = table.findall("tbody/tr")[0]
    assert [(cell.tag, cell.get("scope"), cell.get("class")) for cell in first] == [
        ("th", "row", None),
        ("td", None, "number"),
        ("td", None, None),
    ]


@pytest.mark.parametrize(
    ("count", "folded"), [(20, None), (21, "1 more row"), (45, "25 more rows")]
)
def test_more_than_twenty_rows_are_folded(count: int, folded: str | None) -> None:
    page = Document()
    page.table((["case"], [[f"case {i}"] for i in range(count)]))
    root = printed(page)
    assert len(root.findall("div/table/tbody/tr")) == min(count, 20)
    assert root.findtext("details/summary") == folded
    rows = [content(row) for row in root.findall(".//tbody/tr")]
    assert rows == [f"case {i}" for i in range(count)]
    assert len(printed(page, rows=None).findall("div/table/tbody/tr")) == count


def test_figures_are_drawn_where_they_are_asked_for() -> None:
    page = Document()
    page.picture("one.png", "a line", drawn)
    page.picture("two.png", "the same line", drawn)
    assert printed(page).find("figure") is None
    shown = [image.attrib for image in printed(page, figures="png").iter("img")]
    assert [image["alt"] for image in shown] == ["a line", "the same line"]
    data = shown[0]["src"].removeprefix("data:image/png;base64,")
    assert base64.b64decode(data).startswith(b"\x89PNG")


def test_two_drawings_on_one_page_share_no_name() -> None:
    page = Document()
    page.picture("one.png", "a line", drawn)
    page.picture("two.png", "the same line", drawn)
    root = printed(page, figures="svg")
    drawings = root.findall("figure/{http://www.w3.org/2000/svg}svg")
    assert [drawing.get("aria-label") for drawing in drawings] == ["a line", "the same line"]
    one, two = ({part.get("id") for part in drawing.iter()} - {None} for drawing in drawings)
    assert one
    assert not one & two
    href = "{http://www.w3.org/1999/xlink}href"
    used = {part.get(href) for part in drawings[0].iter()} - {None}
    assert used
    assert used <= {f"#{name}" for name in one}


def test_every_rule_of_the_style_is_for_our_element_only() -> None:
    rules = [rule for rule in html.STYLE.split("}") if rule.strip()]
    for selector in (part for rule in rules for part in rule.split("{")[0].split(",")):
        assert selector.strip().startswith(".cnnbench ")
