"""The page of a run in a browser: what its reader can do, and for whom it can be read."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cnnbench.reporting.document import Document, Folded, Live, Picture
from cnnbench.reporting.html.page import page
from cnnbench.reporting.runs import page as run_page
from cnnbench.runs.store import Run
from tests.support import ROOT, synthetic

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="there is no Chromium")
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"></svg>'
TOOLS = """
window.all = (selector, root = document) => [...root.querySelectorAll(selector)];
window.named = (words) => all("button").find((button) => button.textContent.trim() === words);
window.rows = () => all(".cases tbody tr").map((row) => row.cells[0].textContent);
"""


@pytest.fixture(scope="module")
def document() -> Document:
    plan = synthetic.plan(3)
    return run_page.document(Run(Path(), plan, tuple(synthetic.measurements(plan))))


class Browser:
    """A page in a headless Chromium."""

    def __init__(self, file: Path) -> None:
        from selenium import webdriver

        options = webdriver.ChromeOptions()
        options.binary_location = str(CHROMIUM)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        for option in (
            "headless=new",
            "no-sandbox",
            "hide-scrollbars",
            "host-resolver-rules=MAP * ~NOTFOUND",
        ):
            options.add_argument(f"--{option}")
        self._driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
        self._address = file.as_uri()

    def open(self, width: int = 1280, **media: str) -> None:
        """Load the page anew in a window of so many pixels, with what the reader prefers."""
        features = [{"name": name.replace("_", "-"), "value": of} for name, of in media.items()]
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.devtools("Emulation.setDeviceMetricsOverride", **size)
        self.devtools("Emulation.setEmulatedMedia", media="", features=features)
        self._driver.get(self._address)
        self.do(TOOLS)

    def devtools(self, command: str, **arguments: Any) -> Any:
        return self._driver.execute_cdp_cmd(command, arguments)

    def do(self, script: str, *arguments: Any) -> Any:
        """What a script returns; it has `all`, `named` and `rows`."""
        return self._driver.execute_script(script, *arguments)

    def console(self) -> list[Any]:
        """What the page said since the last time."""
        return self._driver.get_log("browser")

    def close(self) -> None:
        self._driver.quit()


@pytest.fixture(scope="module")
def session(document: Document, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    names: dict[str, str] = {}

    def collect(blocks: Any) -> None:
        for block in blocks:
            if isinstance(block, Picture):
                names[block.name] = SVG
            elif isinstance(block, Folded | Live):
                collect(block.blocks)

    collect(document.blocks)
    file = tmp_path_factory.mktemp("page") / "index.html"
    file.write_text(page(document, names))
    browser = Browser(file)
    yield browser
    browser.close()


@pytest.fixture
def browser(session: Browser) -> Iterator[Browser]:
    """The page at 1280 pixels; its console must stay empty."""
    session.open()
    yield session
    assert session.console() == []


def test_the_live_parts_stand_where_others_stood(browser: Browser) -> None:
    shown = browser.do("return all('.given').filter((node) => node.offsetParent !== null).length")
    assert shown == 0
    assert browser.do("return all('.chart svg').length") > 3
    assert len(browser.do("return rows()")) == 44


def test_a_header_sorts_the_cases(browser: Browser) -> None:
    press = """
        const head = all(".cases thead th")[2];
        head.querySelector("button").click();
        return [head.getAttribute("aria-sort"), rows()];
    """
    rising, falling = browser.do(press), browser.do(press)
    assert (rising[0], falling[0]) == ("ascending", "descending")
    # By the fake runtime's times, as the answer of the page says.
    assert rising[1][0] == falling[1][-1] == "naive inception 32x32x3"
    assert falling[1][0] == "reduced inception 256x256x3"


def test_filters_and_the_search_leave_rows_and_points(browser: Browser) -> None:
    filtered, count, points = browser.do("""
        named("VGG block").click();
        const explore = all(".live[data-kind=explore] .point[data-case]");
        return [rows(), document.querySelector(".cases [role=status]").textContent,
          new Set(explore.map((p) => p.dataset.case)).size];
    """)
    assert filtered
    assert all("VGG block" in name for name in filtered)
    assert count == f"{len(filtered)} of 44 cases"
    assert points == len(filtered)  # the chart follows the filter
    searched = browser.do("""
        named("VGG block").click();
        const search = document.querySelector("input[type=search]");
        search.value = "reduced 192";
        search.dispatchEvent(new Event("input"));
        return rows();
    """)
    assert searched == ["reduced inception 28x28x192 batch 4"]


def test_a_case_opens_its_calls(browser: Browser) -> None:
    script = "all('.cases tbody th button')[0].click(); return all('.detail circle').length"
    assert browser.do(script) == 3 * synthetic.CALLS


def test_a_chart_is_read_by_keys(browser: Browser) -> None:
    read = browser.do("""
        const chart = document.querySelector(".chart svg");
        chart.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
        return document.querySelector(".tip").textContent;
    """)
    assert re.match(r"input channels C: 3\nnaive inception: .*\nreduced inception: ", read)


MARKED = """
const [name, event] = arguments;
const row = all(".cases tbody tr").find((row) => row.cells[0].textContent === name);
row.dispatchEvent(new Event(event));
const seen = {};
for (const chart of all(".live:not([data-kind=cases])")) {
  const tabs = all(".controls > [role=group]:first-child button", chart);
  for (const tab of tabs.map((button) => button.textContent)) {  // a press makes them anew
    all("button", chart).find((button) => button.textContent === tab).click();
    const shown = all(".marked", chart).filter((node) => getComputedStyle(node).opacity !== "0");
    const mine = shown.filter((node) => node.dataset.case === row.dataset.case);
    seen[tab] = shown.length === mine.length ? mine.length : "others";
  }
}
row.dispatchEvent(new Event({ pointerenter: "pointerleave", focusin: "focusout" }[event]));
return [seen, all(".marked").length];
"""
CROSSOVER = ["time per call, measured", "FLOPs", "parameters", "activation memory"]
SCATTER = ["time over FLOPs", "memory"]
SCALING = ["time per call", "peak memory, measured"]


@pytest.mark.parametrize("event", ["pointerenter", "focusin"])
def test_a_row_marks_its_case_in_every_chart(browser: Browser, event: str) -> None:
    compared = browser.do(MARKED, "naive inception 28x28x192 batch 4", event)
    once = dict.fromkeys([*CROSSOVER, *SCATTER], 1) | dict.fromkeys(SCALING, 0)
    assert compared == [once | {"peak memory": 2}, 0]  # on paper, and measured
    scaled = browser.do(MARKED, "VGG block 64x64x3", event)
    absent = dict.fromkeys([*CROSSOVER, "peak memory"], 0)
    assert scaled == [absent | dict.fromkeys([*SCATTER, *SCALING], 1), 0]


def test_what_a_line_means_covers_no_point() -> None:
    browser = Browser(ROOT / "reports" / "applications-cpu" / "index.html")
    browser.open(700)
    names, covered = browser.do("""
        const chart = document.querySelector(".live[data-kind=explore] .chart");
        const box = (node) => node.getBoundingClientRect();
        const middle = ({ left, right, top, bottom }) => [(left + right) / 2, (top + bottom) / 2];
        const points = all(".point", chart).map((node) => middle(box(node)));
        const names = all("g[clip-path] > text", chart);
        const over = (name) => points.some(([x, y]) =>
          x > box(name).left && x < box(name).right && y > box(name).top && y < box(name).bottom);
        return [names.length, names.filter(over).map((name) => name.textContent)];
    """)
    browser.close()
    assert names == 3
    assert covered == []


def test_the_measured_peak_stands_beside_that_on_paper(browser: Browser) -> None:
    legend, read = browser.do("""
        named("peak memory").click();
        const made = named("peak memory").closest(".made");
        const chart = made.querySelector("[tabindex]");
        for (let c = 1; c <= 3; c++) {
          chart.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
        }
        return [all(".legend span", made).map((node) => node.textContent),
          made.querySelector(".tip").textContent];
    """)
    names = [f"{block} inception, {of}" for block in ("naive", "reduced") for of in KINDS]
    assert legend == names
    # Alive at 3 channels, 28x28 and batch 4: naive 2(224 + 3), reduced 512 float32. The fake
    # runtime measures the input too, and 5 % more.
    assert read.splitlines() == [
        "input channels C: 3",
        f"{names[0]}: 5.43 MiB",
        f"{names[1]}: 5.74 MiB",
        f"{names[2]}: 6.13 MiB",
        f"{names[3]}: 6.47 MiB",
    ]


KINDS = ("on paper", "measured")


@pytest.mark.parametrize("width", [360, 1280])
def test_only_tables_code_and_figures_scroll_sideways(browser: Browser, width: int) -> None:
    browser.open(width)
    wide = browser.do("""
        const box = (node) => node.closest(".scroll, pre, nav, .hidden, .skip, svg");
        const out = (node) => node.getBoundingClientRect().right > innerWidth + 1;
        return [document.documentElement.scrollWidth,
          all("body *").filter((node) => !box(node) && out(node)).map((node) => node.outerHTML),
          all("table").filter((table) => !table.closest(".scroll")).length,
          all(".scroll").filter((node) => out(node)).length];
    """)
    assert wide == [width, [], 0, 0]
    figures = browser.do("return all('figure svg').map((svg) => svg.clientWidth).filter(Boolean)")
    assert min(figures) > 560  # its letters can be read


CONTRAST = """
const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const parts = (colour) => {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data].map((part) => part / 255);
};
const over = (top, alpha, ground) => ground.map((part, i) => alpha * top[i] + (1 - alpha) * part);
const light = (rgb) => rgb.map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
  .reduce((sum, v, i) => sum + [0.2126, 0.7152, 0.0722][i] * v, 0);
const chain = (node) => node ? [...chain(node.parentElement), node] : [];
const poor = {};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
let texts = 0;
while (walker.nextNode()) {
  const node = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || node.closest("script, .hidden, .skip, .given")) continue;
  if (!node.checkVisibility() || !node.getClientRects().length) continue;
  let ground = [1, 1, 1], opacity = 1;
  for (const each of chain(node)) {
    const style = getComputedStyle(each);
    const [r, g, b, alpha] = parts(style.backgroundColor);
    ground = over([r, g, b], alpha, ground);
    opacity *= style.opacity;
  }
  const style = getComputedStyle(node);
  const [r, g, b, alpha] = parts(node.closest("svg") ? style.fill : style.color);
  const [one, other] = [over([r, g, b], alpha * opacity, ground), ground].map(light);
  const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  if (ratio < 4.5) poor[`${node.tagName}.${node.getAttribute("class")}`] = ratio.toFixed(2);
  texts++;
}
return [poor, texts];
"""


@pytest.fixture(params=["agreement", "calibration", "claims", "plausibility", "prediction"])
def report(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """The page of a committed report, all of it opened."""
    browser = Browser(ROOT / "reports" / request.param / "index.html")
    browser.open(360, prefers_color_scheme="light")
    browser.do("for (const fold of all('details')) fold.open = true;")
    yield browser
    assert browser.console() == []
    browser.close()


def test_reports_can_be_read_on_a_phone(report: Browser) -> None:
    assert report.do("return document.documentElement.scrollWidth") == 360
    assert report.do(CONTRAST)[0] == {}
    narrow, uneven = report.do("""
        const lines = (cell) => {
          const range = document.createRange();
          range.selectNodeContents(cell);
          return [...range.getClientRects()];
        };
        const filled = (row) => [...row.cells].filter((cell) => lines(cell).length);
        const rows = all("tbody tr").map(filled);
        const tops = (row) => row.map((cell) => lines(cell)[0].top);
        const long = (cell) => cell.textContent.length > 60 && cell.clientWidth < 200;
        return [rows.flat().filter(long).map((cell) => cell.textContent),
          rows.filter((row) => Math.max(...tops(row)) - Math.min(...tops(row)) > 6)
            .map((row) => row[0].textContent)];
    """)
    assert narrow == []
    assert uneven == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(browser: Browser, scheme: str) -> None:
    browser.open(prefers_color_scheme=scheme)
    browser.do("""
        for (const fold of all("details")) fold.open = true;
        named("VGG block").click();
        all(".cases tbody th button")[0].click();
        all(".chart svg")[0].dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
    """)
    poor, texts = browser.do(CONTRAST)
    assert texts > 400
    assert poor == {}
    ground = browser.do("return getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(19, 23, 27)"}[scheme]


def test_the_theme_is_chosen_whatever_the_system_prefers(browser: Browser) -> None:
    press = """
        all(".top button")[0].click();
        return getComputedStyle(document.body).backgroundColor;
    """
    light, dark, system = (browser.do(press) for _ in range(3))
    assert light == system == "rgb(255, 255, 255)"
    assert dark == "rgb(19, 23, 27)"


def test_on_paper_nothing_is_folded_or_cut(browser: Browser) -> None:
    browser.do('all(".top button")[0].click(); all(".top button")[0].click();')  # the dark theme
    # As wide as A4 with margins. The print event is not needed: the style alone opens all.
    browser.devtools(
        "Emulation.setDeviceMetricsOverride",
        width=700,
        height=990,
        deviceScaleFactor=1,
        mobile=False,
    )
    browser.devtools("Emulation.setEmulatedMedia", media="print")
    found = browser.do("""
        const seen = (node) => node.checkVisibility();
        const cut = (node) => seen(node) && node.scrollHeight > node.clientHeight + 1;
        const folded = all("details:not([open])").filter((fold) => !fold.closest(".given"));
        return {
          ground: getComputedStyle(document.body).backgroundColor,
          folded: folded.length,
          lost: folded.filter((fold) => !fold.lastElementChild.checkVisibility()).length,
          charts: all(".chart svg").length,
          hidden: all(".chart svg").filter((node) => !seen(node)).length,
          cut: all(".scroll").filter(cut).length,
          wide: document.documentElement.scrollWidth > innerWidth,
          controls: all(".top, .controls").filter(seen).length,
        };
    """)
    assert found.pop("folded") > 3
    assert found.pop("charts") > 3
    none = dict.fromkeys(("lost", "hidden", "cut", "controls"), 0)
    assert found == {"ground": "rgb(255, 255, 255)", "wide": False, **none}


def test_headings_are_in_order_and_one_is_the_title(browser: Browser) -> None:
    levels = browser.do("return all('h1, h2, h3, h4, h5, h6').map((head) => +head.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    steps = [below - above for above, below in pairwise(levels)]
    assert max(steps) == 1


def test_whatever_is_not_text_has_a_name(browser: Browser) -> None:
    nameless = browser.do("""
        const named = (node) => node.getAttribute("aria-label") || node.getAttribute("alt")
          || node.textContent.trim() || (node.labels && node.labels.length);
        const shown = all("img, svg, button, input, select, [role=region], [role=group], nav")
          .filter((node) => !node.closest("[aria-hidden=true]"));
        return shown.filter((node) => !named(node)).map((node) => node.outerHTML.slice(0, 200));
    """)
    assert nameless == []
    assert browser.do("return all('main svg[role=img]').length") > 5
    unscoped = browser.do("return all('th:not([scope])').length")
    assert unscoped == 0


def test_each_table_says_by_which_column_it_is_sorted(browser: Browser) -> None:
    sorts = browser.do("""
        for (const fold of all("details")) fold.open = true;
        return all("table").filter((table) => table.querySelector("thead button")).map((table) => {
          const heads = all("thead th", table), button = heads[1].querySelector("button");
          const states = () => heads.map((head) => head.getAttribute("aria-sort"));
          const before = states();
          button.click();
          const first = states();
          button.click();
          return [before, first, states()];
        });
    """)
    assert len(sorts) > 2
    for before, first, second in sorts:
        others = ["none"] * (len(before) - 2)
        assert before == ["none", "none", *others]
        assert first == ["none", "ascending", *others]
        assert second == ["none", "descending", *others]
