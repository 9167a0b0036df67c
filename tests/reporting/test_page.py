"""A document as a page of its own: complete, closed to the network, deaf to what names contain."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

from cnnbench.reporting import formats, style
from cnnbench.reporting.document import Document
from cnnbench.reporting.html.page import page, title

EVIL = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def document(name: str = "plain") -> Document:
    made = Document(rows=[{"case": name, "time_s": 0.5}])
    made.heading(f"How fast is {name}?", 1)
    made.text(f"**{name}** takes 5 ms.")
    made.tiles([("5.91", "[5.59, 6.24]", f"time of {name}")])
    made.badges([("2 cases", None), ("no failures", True), (name, False)])
    made.section("All cases")
    with made.live("cases", {"columns": [{"name": name, "texts": [name]}]}):
        made.table(([name, "time"], [[name, "5 ms"]]))
    made.section("Figures")
    with made.folded(name):
        made.picture("some.png", name, lambda: style.figure(2, 2))
        made.code(name)
        made.bullets([name])
    return made


class Elements(HTMLParser):
    """Every element with its attributes, and the text of every script and style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {"script": [], "style": []}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        last = self.found[-1][0] if self.found else ""
        if last in self.inside and data.strip():
            self.inside[last].append(data)


def test_what_a_user_wrote_adds_no_element() -> None:
    good, evil = (Elements(page(document(name))) for name in ("plain", EVIL))
    assert [tag for tag, _ in evil.found] == [tag for tag, _ in good.found]
    assert not any(key.startswith("on") for _, keys in evil.found for key in keys)
    assert evil.inside["script"][1:] == good.inside["script"][1:]  # the first is the data


def test_the_policy_allows_the_style_and_the_script_of_the_page_and_nothing_else() -> None:
    elements = Elements(page(document()))
    (policy,) = (
        keys["content"] or ""
        for tag, keys in elements.found
        if tag == "meta" and keys.get("http-equiv") == "Content-Security-Policy"
    )
    allowed = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert allowed.keys() == {"default-src", "script-src", "style-src", "img-src"}
    assert allowed["default-src"] == "'none'"
    for kind, text in (
        ("script-src", elements.inside["script"][-1]),
        ("style-src", elements.inside["style"][0]),
    ):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert allowed[kind] == f"'sha256-{digest}'"
    # The policy would stop these, and the page would be poorer for it.
    assert not any("style" in keys for _, keys in elements.found)
    assert len(elements.inside["style"]) == 1


def test_a_page_names_no_address_but_its_own_places() -> None:
    for tag, keys in Elements(page(document())).found:
        for key in ("href", "src", "xlink:href", "action", "data"):
            address = keys.get(key) or "#"
            assert address.startswith(("#", "data:")), (tag, key, address)


def test_every_section_and_figure_has_a_name() -> None:
    text = page(document())
    places = re.findall(r'<section aria-labelledby="([^"]+)">\n<h2 id="([^"]+)">', text)
    assert places == [("1-all-cases", "1-all-cases"), ("2-figures", "2-figures")]
    assert re.findall(r'<a href="#([^"]+)">\d\. ', text) == ["1-all-cases", "2-figures"]
    assert re.search(r'<svg role="img" aria-label="plain"', text)


def test_a_document_without_a_heading_is_called_by_its_first_line() -> None:
    made = Document()
    made.text("**VGG16**, input 1x2x2x3\non a CPU")
    assert title(made) == "VGG16, input 1x2x2x3"
    assert "<h1>VGG16, input 1x2x2x3</h1>" in page(made)


def test_the_rows_can_be_saved() -> None:
    (data,) = re.findall(r'href="data:text/csv;base64,([^"]+)"', page(document()))
    assert base64.b64decode(data).decode() == "case,time_s\nplain,0.5\n"


def test_a_page_is_one_of_the_formats() -> None:
    assert formats.show(document(), "html") == page(document())


def test_where_nothing_lives_the_blocks_stand() -> None:
    text = formats.markdown(document())
    assert "- time of plain: **5.91** [5.59, 6.24]" in text
    assert "2 cases, no failures, plain" in text
    assert re.search(r"\| plain +\| +5 ms \|", text)
    assert "time of plain: 5.91 [5.59, 6.24]" in formats.text(document())
