"""The page of a run in a browser: it says nothing to the console, and sorts, filters and opens."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from cnnbench.reporting.document import Document, Folded, Live, Picture
from cnnbench.reporting.html.page import page
from cnnbench.reporting.runs import page as run_page
from cnnbench.runs.store import Run
from tests.support import synthetic

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"></svg>'
STEPS = """
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const named = (words) => all("button").find((button) => button.textContent.trim() === words);
  const rows = () => all(".cases tbody tr").map((row) => row.cells[0].textContent);
  const found = { width: innerWidth, whole: document.documentElement.scrollWidth };
  found.given = all(".given").filter((node) => node.offsetParent !== null).length;
  found.charts = all(".chart svg").length;
  found.rows = rows();
  const head = all(".cases thead th")[2];
  head.querySelector("button").click();
  found.rising = [head.getAttribute("aria-sort"), rows()];
  head.querySelector("button").click();
  found.falling = [head.getAttribute("aria-sort"), rows()];
  named("VGG block").click();
  found.filtered = rows();
  found.count = document.querySelector(".cases [role=status]").textContent;
  found.points = new Set(all(".chart .point[data-case]").map((p) => p.dataset.case)).size;
  named("VGG block").click();
  const search = document.querySelector("input[type=search]");
  search.value = "reduced 192";
  search.dispatchEvent(new Event("input"));
  found.searched = rows();
  all(".cases tbody th button")[0].click();
  found.calls = all(".detail circle").length;
  const chart = document.querySelector(".chart svg");
  chart.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
  found.read = document.querySelector(".tip").textContent;
  const ground = () => getComputedStyle(document.body).backgroundColor;
  all(".top button")[0].click();
  found.light = ground();
  all(".top button")[0].click();
  found.dark = ground();
  const made = document.createElement("pre");
  made.id = "found";
  made.textContent = JSON.stringify(found);
  document.body.append(made);
})();
"""


@pytest.fixture(scope="module")
def document() -> Document:
    plan = synthetic.plan(3)
    return run_page.document(Run(Path(), plan, tuple(synthetic.measurements(plan))))


@pytest.fixture(scope="module")
def visit(document: Document, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Any]:
    """What the steps find in the page at a width, and what the console says."""
    folder = tmp_path_factory.mktemp("page")
    names: dict[str, str] = {}

    def collect(blocks: Any) -> None:
        for block in blocks:
            if isinstance(block, Picture):
                names[block.name] = SVG
            elif isinstance(block, Folded | Live):
                collect(block.blocks)

    collect(document.blocks)
    digest = base64.b64encode(hashlib.sha256(STEPS.encode()).digest()).decode()
    text = page(document, names).replace("script-src ", f"script-src 'sha256-{digest}' ", 1)
    file = folder / "index.html"
    file.write_text(text.replace("</body>", f"<script>{STEPS}</script></body>"))

    def go(width: int) -> tuple[dict[str, Any], list[str]]:
        assert CHROMIUM
        done = subprocess.run(
            [
                CHROMIUM,
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                f"--user-data-dir={folder / 'profile'}",
                "--host-resolver-rules=MAP * ~NOTFOUND",
                "--enable-logging=stderr",
                f"--window-size={width},900",
                "--virtual-time-budget=2000",
                "--dump-dom",
                file.as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        (found,) = re.findall(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
        return json.loads(unescape(found)), console

    return go


def test_the_page_of_a_run_answers_to_its_reader(visit: Callable[[int], Any]) -> None:
    found, console = visit(1280)
    assert console == []
    assert found["given"] == 0  # what stands for the live parts is hidden
    assert found["charts"] > 3
    assert len(found["rows"]) == 44
    rising, falling = found["rising"], found["falling"]
    assert (rising[0], falling[0]) == ("ascending", "descending")
    # By the fake runtime's times, as the answer of the page says.
    assert rising[1][0] == falling[1][-1] == "naive inception 32x32x3"
    assert falling[1][0] == "reduced inception 256x256x3"
    assert found["filtered"]
    assert all("VGG block" in name for name in found["filtered"])
    assert found["count"] == f"{len(found['filtered'])} of 44 cases"
    assert found["points"] == len(found["filtered"])  # the chart follows the filter
    assert found["searched"] == ["reduced inception 28x28x192 batch 4"]
    assert found["calls"] == 3 * synthetic.CALLS
    assert re.match(r"input channels C: 3\nnaive inception: .*\nreduced inception: ", found["read"])
    assert found["light"] != found["dark"]


def test_on_a_phone_only_tables_scroll_sideways(visit: Callable[[int], Any]) -> None:
    found, console = visit(360)
    assert console == []
    assert found["width"] <= 500  # the least that a window of this browser can be
    assert found["whole"] <= found["width"]
