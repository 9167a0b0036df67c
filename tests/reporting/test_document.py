"""What is printed of a document whose blocks are folded."""

from matplotlib.figure import Figure

from cnnbench.reporting.document import Document
from cnnbench.reporting.formats import show, write


def page():
    found = Document()
    found.text("first")
    with found.folded("a `case` < 2 more"):
        found.table((["case", "time"], [["a", "1 ms"]]))
        found.bullets(["of **b**"])
        with found.folded("never shown"):
            found.bullets([])
    found.text("last")
    return found


MARKDOWN = """first

<details>
<summary>a case &lt; 2 more</summary>

| case   |   time |
|:-------|-------:|
| a      |   1 ms |

- of **b**

</details>

last
"""

TEXT = """first

a case < 2 more

case      time
------  ------
a         1 ms

of b

last
"""


def test_markdown_folds_what_plain_text_shows_whole():
    # Empty lines stand around what is inside, or GitHub would show its marks.
    assert show(page(), "markdown") == MARKDOWN
    assert show(page(), "table") == TEXT


def test_a_folded_figure_is_drawn(tmp_path):
    found = Document()
    with found.folded("more"):
        found.picture("x.png", "x", Figure)
    assert write(found, tmp_path).read_text().count("![x](x.png)") == 1
    assert (tmp_path / "x.png").read_bytes()[:4] == b"\x89PNG"
