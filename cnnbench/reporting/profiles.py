"""Where the time of a network goes: its layers, types and blocks, and two profiles side by side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from cnnbench import units
from cnnbench.machine.profiling import Beside, NetworkProfile, ProfiledLayer, beside
from cnnbench.reporting.document import ROWS, Document, Table
from cnnbench.reporting.tables import MISSING, Columns, interval, of_items, optional, percent

if TYPE_CHECKING:
    from cnnbench.api import Profiled
    from cnnbench.reporting.style import Figure

By = Literal["layer", "type", "block"]
Sort = Literal["time", "loss", "order"]

COLUMNS: Columns[ProfiledLayer] = {
    "layer": lambda row: row.name,
    "type": lambda row: row.op or MISSING,
    "arguments": lambda row: row.words or MISSING,
    "time": lambda row: interval(row.time, units.seconds),
    "share": lambda row: percent(row.share),
    "FLOPs": lambda row: units.count(row.flops) if row.layers else MISSING,
    "bytes moved": lambda row: units.binary(row.moved_bytes) if row.layers else MISSING,
    "least time": lambda row: optional(row.least_s, units.seconds),
    "lost": lambda row: optional(row.lost_s, units.seconds),
    "computed with it": lambda row: ", ".join(row.fused) or MISSING,
}
SPARE = ["computed with it", "bytes moved", "FLOPs", "arguments", "type", "least time"]
NOBODY = "no layer"
BLOCK = "#dddddd"
LIGHT = (BLOCK, "#E69F00", "#56B4E9")
"""On which letters are black."""
METHOD = (
    "time: of the runtime's operations that belong to a layer, without those inside others. "
    "least time: the longer of FLOPs / peak and bytes / bandwidth of layers that are computed as "
    "one. lost: what is between the two"
)


def document(
    found: Profiled, by: By = "layer", sort: Sort = "time", top: int | None = None
) -> Document:
    """The profiles one after the other; of two also what is different, which comes first."""
    page = Document(data=found.to_json)
    page.rows = [
        {"network": profile.result.name} | {k: v for k, v in row.to_json().items() if k != "kinds"}
        for profile in found.profiles
        for row in profile.rows
    ]
    for base, new in pairwise(found.profiles[:2]):
        compared(page, base, new, top)
    for profile in found.profiles:
        add(page, profile, by, sort, top)
    page.text(METHOD if found.profiles else "")
    page.bullets(found.problems)
    return page


def add(
    page: Document,
    profile: NetworkProfile,
    by: By = "layer",
    sort: Sort = "time",
    top: int | None = None,
) -> None:
    """One profile: in words, and as a table of its layers, types or blocks."""
    case = profile.result.case
    page.text(f"**{profile.result.name}**, {case.runtime} {case.mode}: {told(profile)}")
    tables: dict[str, Callable[[], Table]] = {
        "layer": lambda: of_items(ordered(profile.rows, sort), COLUMNS),
        "type": lambda: by_type(profile),
        "block": lambda: tree(profile),
    }
    headers, rows = tables[by]()
    shown = top or (ROWS if by == "layer" else len(rows))
    page.table((headers, rows[:shown]), spare=SPARE)
    if len(rows) > shown and not top:
        page.text(f"{len(rows)} rows, the first {shown} of them: --top shows others")
    if case.mode == "train":
        page.text(
            "FLOPs and bytes are those of a forward pass; the time is that of the whole step."
        )
    elif profile.ceiling is None:
        page.text("no least times: the machine's ceilings are not known; `cnnbench roofline`")


def told(profile: NetworkProfile) -> str:
    """The time of all operations beside that of a call that nobody watches."""
    time = profile.result.time
    call = interval(time, units.seconds)
    total = f"its operations take {units.seconds(profile.total_s)} together"
    if time is None or profile.covered is None:
        return f"{total}."
    if profile.watched is None:
        return (
            f"a call takes {call}. Python has no profiler of this runtime, so each operation was "
            f"run by itself: they take {units.seconds(profile.total_s)} together, "
            f"{percent(profile.covered)} of a call."
        )
    rest = "the rest is between operations"
    if profile.covered > 1:
        rest = "some run at the same time, or are slower when watched"
    slower = percent(max(profile.overhead or 0.0, 0.0))
    return (
        f"a call takes {call}; {total}, {percent(profile.covered)} of it: {rest}. "
        f"While the profiler watches, a call takes {slower} longer."
    )


def ordered(rows: Sequence[ProfiledLayer], sort: Sort) -> list[ProfiledLayer]:
    """By time, by what is lost, or in the order of the network."""
    keys: dict[str, Callable[[ProfiledLayer], float]] = {
        "time": lambda row: -row.time.value,
        "loss": lambda row: -(row.lost_s or 0.0),
        "order": lambda _: 0.0,
    }
    return sorted(rows, key=keys[sort])


def by_type(profile: NetworkProfile) -> Table:
    """The totals of each type of layer, and of the operations that belong to none."""
    groups: dict[str, list[ProfiledLayer]] = defaultdict(list)
    for row in profile.rows:
        groups[row.op or NOBODY].append(row)
    return _totals("type", groups, profile)


def tree(profile: NetworkProfile) -> Table:
    """The totals of each block, nested, with its layers below it."""
    groups: dict[str, list[ProfiledLayer]] = {}
    for row in profile.rows:
        path = row.path
        for depth in range(1, len(path) + 1):
            groups.setdefault("/".join(path[:depth]), []).append(row)
        groups.setdefault("/".join([*path, row.name]), []).append(row)
    headers, rows = _totals("block or layer", groups, profile, ordered=False)
    for cells in rows:
        *around, name = cells[0].split("/")
        cells[0] = "\N{NO-BREAK SPACE}" * 2 * len(around) + name
    return headers, rows


def _totals(
    what: str,
    groups: dict[str, list[ProfiledLayer]],
    profile: NetworkProfile,
    ordered: bool = True,
) -> Table:
    total = profile.total_s or 1.0
    flops = sum(row.flops for row in profile.rows) or 1
    rows = []
    for name, some in groups.items():
        seconds = sum(row.time.value for row in some)
        lost = [row.lost_s for row in some if row.lost_s is not None]
        cells = [
            name,
            str(len(some)),
            units.seconds(seconds),
            percent(seconds / total),
            percent(sum(row.flops for row in some) / flops),
            units.seconds(sum(lost)) if lost else MISSING,
        ]
        rows.append((seconds, cells))
    if ordered:
        rows.sort(key=lambda row: -row[0])
    headers = [what, "rows", "time", "share of the time", "share of the FLOPs", "lost"]
    return headers, [cells for _, cells in rows]


def compared(
    page: Document, base: NetworkProfile, new: NetworkProfile, top: int | None = None
) -> None:
    """Two profiles layer by layer, the largest difference first."""
    names = [_side(profile, base, new) for profile in (base, new)]
    columns: Columns[Beside] = {
        "layer": lambda pair: pair.name,
        "type": lambda pair: pair.op or MISSING,
        "arguments": lambda pair: pair.words or MISSING,
        names[0]: lambda pair: optional(pair.base_s, units.seconds),
        names[1]: lambda pair: optional(pair.new_s, units.seconds),
        "difference": lambda pair: signed(pair.difference_s),
        "times the first": lambda pair: interval(pair.ratio, "{:.3g}".format),
    }
    pairs = beside(base, new)
    more = [pair for pair in pairs if pair.difference_s > 0]
    less = [pair for pair in pairs if pair.difference_s < 0]
    whole = sum(pair.difference_s for pair in pairs)
    page.text(
        f"**{names[1]} beside {names[0]}**{_where(base, new)}: {signed(whole)} a call, that is "
        f"{_most(more)} and {_most(less)}."
    )
    headers, rows = of_items(pairs, columns)
    page.table((headers, rows[: top or ROWS]), spare=["type", "times the first"])


NAMED = 3
"""Layers with the largest differences, in words."""


def _most(pairs: Sequence[Beside]) -> str:
    """The sum of some differences, and which are the largest."""
    if not pairs:
        return "nothing"
    total = sum(pair.difference_s for pair in pairs)
    named = [
        f"{pair.name}{f' ({pair.words})' if pair.words else ''} {signed(pair.difference_s)}"
        for pair in pairs[:NAMED]
    ]
    return f"{signed(total)} in {len(pairs)} layers, most in {', '.join(named)}"


def _where(*both: NetworkProfile) -> str:
    """What two cases have in common: size, batch, runtime."""
    found = {one.result.name.removeprefix(one.result.label).strip() for one in both}
    return f" at {found.pop()}" if len(found) == 1 else ""


def _side(profile: NetworkProfile, *both: NetworkProfile) -> str:
    """What tells one of two profiles from the other."""
    labels = {one.result.label for one in both}
    case = profile.result.case
    found = profile.result.label if len(labels) > 1 else case.runtime
    others = {(one.result.label, one.result.case.runtime) for one in both}
    return found if len(others) > 1 else profile.result.name


def signed(seconds: float) -> str:
    """Seconds with their sign."""
    return f"{'+' if seconds >= 0 else '-'}{units.seconds(abs(seconds))}"


def picture(page: Document, profile: NetworkProfile, name: str) -> None:
    """Add the figure of a profile to a page."""
    page.picture(name, f"where the time of {profile.result.name} goes", partial(icicle, profile))


LEAST_HEIGHT = 0.017
"""Of a box with a text, as a share of the figure."""


def icicle(profile: NetworkProfile) -> Figure:
    """The whole call at the left, its blocks, and their layers at the right, as high as long."""
    from cnnbench.reporting.style import COLOURS, GREY, WIDTH, figure

    total = profile.total_s or 1.0
    depth = max((len(row.path) for row in profile.rows), default=0)
    spent: dict[str, float] = defaultdict(float)
    for row in profile.rows:
        spent[row.op or NOBODY] += row.time.value
    most = sorted(spent, key=lambda op: -spent[op])
    colours = dict(zip(most, COLOURS, strict=False))
    drawing = figure(WIDTH, 9)
    axes = drawing.subplots()
    axes.set(xlim=(0, depth + 1.4), ylim=(1, 0))
    axes.axis("off")

    def box(left: float, right: float, top: float, seconds: float, name: str, colour: str) -> None:
        height = seconds / total
        line = 0.5 if height > 0.004 else 0
        look: dict[str, Any] = {"color": colour, "edgecolor": "white", "linewidth": line}
        axes.bar(left, height, right - left, top, align="edge", **look)
        if height > LEAST_HEIGHT:
            words = f"{name}, {units.seconds(seconds)}"
            letters = "black" if colour in LIGHT else "white"
            look = {"color": letters, "va": "center", "fontsize": 10, "clip_on": True}
            axes.text(left + 0.02, top + height / 2, words, **look)

    box(0, 0.4, 0, total, "all", GREY)
    blocks: dict[tuple[str, ...], list[float]] = {}
    begin = 0.0
    for row in profile.rows:
        seconds, level = row.time.value, len(row.path)
        for end in range(1, level + 1):
            blocks.setdefault(row.path[:end], [begin, 0.0])[1] += seconds
        name = row.name.removeprefix(row.path[-1]).lstrip("_/") if level else row.name
        name = f"{name} ({row.words})" if row.words else name
        colour = colours.get(row.op or NOBODY, GREY)
        box(0.4 + level, 1.4 + depth, begin, seconds, name, colour)
        begin += seconds / total
    for path, (top, seconds) in blocks.items():
        box(len(path) - 0.6, len(path) + 0.4, top, seconds, path[-1], BLOCK)
    handles = [axes.bar(0, 0, color=colour, label=op) for op, colour in colours.items()]
    drawing.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=11)
    return drawing
