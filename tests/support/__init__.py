"""What tests share: where data lie, stored runs, runtimes that go wrong, random input."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"


def words(folder: Path) -> str:
    """The content of a report's page without figures; another matplotlib draws others."""
    content = (folder / "index.html").read_text().split("<main", 1)[1].split("</main>")[0]
    return re.sub(r"<svg.*?</svg>", "", content, flags=re.DOTALL)
