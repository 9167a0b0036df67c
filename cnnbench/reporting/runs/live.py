"""Plain data of a run for the charts of its page; html/page.js draws them.

Values are in base units; `unit` says how they are written there (s, B, count, %, or none). What is
not known is None.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from cnnbench import stats
from cnnbench.cases.paper import QUANTITIES
from cnnbench.host.ceiling import Ceiling
from cnnbench.reporting.runs.compared_blocks import ComparedBlocks, Swap, swaps
from cnnbench.runs.result import Result, flops_rate
from cnnbench.runs.store import Measurement
from cnnbench.stats import Crossing, Estimate

CALLS = 16_000
"""The most calls that a page holds: beyond, each launch has as many as it can of its first."""
PANELS = 48
"""The most panels of a chart; a browser draws some thousand in minutes."""
_FAR = 1e18
"""FLOPs beyond every case."""
_PEAK, _PEAK_ON_PAPER = "peak memory, measured", "peak memory, on paper"
_UNITS = {name: "B" if "memory" in name else "count" for name in QUANTITIES}
_TABS = ("time", "FLOPs", "parameters", "activation memory", _PEAK_ON_PAPER)
_TITLES = {"time": "time per call, measured", _PEAK_ON_PAPER: "peak memory"}
_MEASURED: dict[str, Callable[[Result], float | Estimate | None]] = {
    "time": attrgetter("time"),
    **dict.fromkeys((_PEAK, _PEAK_ON_PAPER), attrgetter("peak_bytes")),
}

Plain = dict[str, Any]
Places = Mapping[str, tuple[int, ...]]
"""The row of every case in the table of cases, by its id; none if it is not listed there."""
Point = tuple[float, float | Estimate | None, tuple[int, ...]]
"""A place across, a value there, and the rows of the cases that it is of."""


def crossover(blocks: ComparedBlocks, places: Places) -> Plain:
    """Both blocks over the channels, quantity by quantity, with the places where they cross."""
    low, high = blocks.comparison.range
    crossings = {swap.quantity: swap for swap in swaps(blocks)}
    tabs = []
    for name in _TABS:
        if series := _series(blocks, name, places):
            known = [crossings.get(name), crossings.get(_PEAK) if name == _PEAK_ON_PAPER else None]
            tab = {"name": _TITLES.get(name, name)}
            tab["unit"] = "s" if name == "time" else _UNITS[name]
            marks = [_mark(swap, crossing) for swap in known if swap for crossing in swap.crossings]
            tabs.append({**tab, "series": series, "marks": marks})
    ticks = [2**k for k in range(20) if low <= 2**k <= high]
    return {"x": {"name": "input channels C", "unit": "", "at": ticks}, "tabs": tabs}


def _series(blocks: ComparedBlocks, quantity: str, places: Places) -> list[Plain]:
    """Of both blocks what the rules give, as a line, and what was measured, as dots."""
    of, found = blocks.comparison, []
    for look, label in enumerate((of.base, of.new)):
        cases = {pair.channels: (pair.base, pair.new)[look] for pair in blocks.pairs}
        rows = {channels: places[r.case.id] for channels, r in cases.items()}
        peak = quantity == _PEAK_ON_PAPER
        if quantity in QUANTITIES and of.channels:
            channels, *both = blocks.curves(quantity)
            curve = [(c, y, rows.get(c, ())) for c, y in zip(channels, both[look], strict=True)]
            name = f"{label}, on paper" if peak else label
            found.append({"name": name, "look": look, "line": True, **_points(curve)})
        if value := _MEASURED.get(quantity):
            dots = [(c, value(r), rows[c]) for c, r in cases.items() if value(r)]
            name = f"{label}, measured" if peak else label
            found.append(
                {"name": name, "look": look, "line": not peak, "dots": True, **_points(dots)}
            )
    return [series for series in found if series["x"]]


def _mark(swap: Swap, crossing: Crossing) -> Plain:
    if not swap.measured:
        return {"at": crossing.above, "text": f"C = {crossing.above:.0f}"}
    ends = {"low": crossing.below, "high": crossing.above}
    return {"at": crossing.at, "text": f"C ≈ {crossing.at:.0f}", **ends}


def _points(points: Sequence[Point]) -> Plain:
    """Columns of numbers; the ends of intervals and the rows of cases where any point has one."""
    found: Plain = {"x": [x for x, *_ in points], **estimates("y", [y for _, y, _ in points])}
    return {**found, "cases": {i: rows for i, (*_, rows) in enumerate(points) if rows}}


def estimates(name: str, values: Sequence[float | Estimate | None]) -> Plain:
    """The values under a name, and the ends of their intervals if any has one."""
    found: Plain = {name: [v.value if isinstance(v, Estimate) else v for v in values]}
    ends = [(v.low, v.high) if isinstance(v, Estimate) else (None, None) for v in values]
    if any(low is not None for low, _ in ends):
        found |= {"low": [low for low, _ in ends], "high": [high for _, high in ends]}
    return {key: [*map(_short, column)] for key, column in found.items()}


def _short(value: float | None) -> float | None:
    """Five digits: what a screen can show, in fewer bytes. A count stays as it is."""
    return float(f"{value:.5g}") if isinstance(value, float) else value


def scaling(groups: Sequence[tuple[str, Sequence[Result], float | None]], places: Places) -> Plain:
    """Time and memory of each network over the side of its input, each in a panel of its own.

    Args:
        groups: a name, its cases in the order of their size, and the exponent of the time that
            their FLOPs let expect.
        places: the row of every case.
    """

    def points(of: Callable[[Result], float | Estimate | None]) -> list[list[Point]]:
        return [
            [(r.side, of(r), places[r.case.id]) for r in results if of(r)]
            for _, results, _ in groups
        ]

    powers = [exponent for *_, exponent in groups]
    names = [name for name, *_ in groups]
    both = [
        _tab("time per call", "s", names, points(_MEASURED["time"]), powers),
        _tab(_PEAK, "B", names, points(_MEASURED[_PEAK]), [None] * len(names)),
    ]
    sides = sorted({r.side for _, results, _ in groups for r in results})
    return {
        "x": {"name": "input side (pixels)", "unit": "", "at": sides},
        "tabs": [tab for tab in both if tab],
    }


def batches(groups: Sequence[tuple[str, Sequence[Result]]], places: Places) -> Plain:
    """Samples a second of each network over the batch size, each in a panel of its own."""
    points: list[list[Point]] = [
        [(r.case.batch_size, r.throughput, places[r.case.id]) for r in results if r.throughput]
        for _, results in groups
    ]
    names = [name for name, _ in groups]
    tab = _tab("samples per second", "", names, points, [None] * len(names))
    at = sorted({r.case.batch_size for _, results in groups for r in results})
    return {"x": {"name": "samples per call", "unit": "", "at": at}, "tabs": [tab] if tab else []}


def by_runtime(group: Sequence[ComparedBlocks], places: Places) -> Plain:
    """The ratio of the times of two blocks over the channels, each runtime in a panel."""
    of = group[0].comparison
    panels = [
        {
            "name": blocks.comparison.runtime,
            **_points(
                [
                    (p.channels, p.ratio, places[p.base.case.id] + places[p.new.case.id])
                    for p in blocks.timed
                ]
            ),
            "guide": [[of.range[0], 1.0], [of.range[1], 1.0]],
        }
        for blocks in group
    ]
    at = sorted({pair.channels for blocks in group for pair in blocks.pairs})
    ratio = {"name": f"time of {of.new} / {of.base}", "unit": "", "panels": panels}
    return {"x": {"name": "input channels C", "unit": "", "at": at}, "tabs": [ratio]}


def _tab(
    name: str,
    unit: str,
    names: Sequence[str],
    points: Sequence[Sequence[Point]],
    powers: Sequence[float | None],
) -> Plain | None:
    panels = [
        {"name": title, **_points(known), "guide": _power(known, power) if power else []}
        for title, known, power in zip(names, points, powers, strict=True)
        if known
    ]
    if len(panels) > PANELS:
        name = f"{name}, the first {PANELS} of {len(panels):,}"
    return {"name": name, "unit": unit, "panels": panels[:PANELS]} if panels else None


def _power(points: Sequence[Point], exponent: float) -> list[list[float | None]]:
    """A power law through the last point, from the first on.

    Its last digits differ between machines.
    """
    (first, *_), (last, value, _) = points[0], points[-1]
    top = value.value if isinstance(value, Estimate) else value or 0.0
    return [[x, _short(top * (x / last) ** exponent)] for x in (first, last)]


def launches(results: Sequence[Result]) -> list[list[Plain]]:
    """Of every case its launches, with the seconds of every call in order."""
    count = sum(len(r.launches) for r in results)
    most = max(CALLS // max(count, 1), 20)
    return [[_launch(m, most) for m in r.launches] for r in results]


def _launch(m: Measurement, most: int) -> Plain:
    seconds = [ns / 1e9 for ns in m.samples_ns]
    medians = stats.medians([seconds]) if m.ok and seconds else []
    median = (medians or seconds or [1.0])[-1]
    found: Plain = {"launch": m.launch}
    if m.outcome != "ok":
        found |= {"outcome": m.outcome, "detail": m.detail}
    return found | {
        "warm": stats.warmup(seconds) if medians else 0,
        "median": _short(median),
        # In thousandths of that, which take half of the characters that seconds do.
        "calls": [round(1000 * s / median) for s in seconds[:most]],
    }


def column(name: str, texts: Sequence[str], values: Sequence[Any] | None, **more: Any) -> Plain:
    """A column of the table of cases: its texts and, where it has numbers, their values."""
    found: Plain = {"name": name, "texts": [*texts], **more}
    if values is not None and any(value is not None for value in values):
        found |= estimates("values", values)
    return found


def cases(
    columns: Sequence[Plain], tags: Mapping[str, Sequence[str]], results: Sequence[Result]
) -> Plain:
    """The table of cases: its columns, the words by which it is filtered, and every call."""
    return {
        "columns": columns,
        "tags": {k: [*v] for k, v in tags.items()},
        "launches": launches(results),
    }


def rates(speeds: Sequence[float]) -> Plain:
    """Time over FLOPs, with lines of 1, 10, 100 ... GFLOP/s around the speeds."""
    low, high = (math.log10(end(speeds)) for end in (min, max))
    decades = [10.0**k for k in range(math.floor(low), math.ceil(high) + 1)]
    lines = [
        {"name": flops_rate(rate), "points": [[1.0, 1 / rate], [_FAR, _FAR / rate]]}
        for rate in decades
    ]
    return _preset("time over FLOPs", "FLOPs", "time per call", lines)


def equal(x: str, peaks: Sequence[float]) -> Plain:
    """Measured over expected memory, with the line on which both are equal."""
    ends = [min(peaks) / 4, max(peaks) * 4]
    line = {"name": "measured = expected", "points": [[end, end] for end in ends]}
    return _preset("memory", x, "peak measured", [line])


def roofs(ceiling: Ceiling, intensities: Sequence[float]) -> Plain:
    """Speed over FLOPs per byte, below the two roofs."""
    known = [*filter(None, intensities), ceiling.ridge]
    places = [min(known) / 9, ceiling.ridge, max(known) * 9]
    slope = ceiling.bytes_per_s or math.inf
    roof = [[x, min(ceiling.flops_per_s, x * slope)] for x in places if x]
    name = f"roofline, {ceiling.device}, {ceiling.dtype}"
    line = {"name": flops_rate(ceiling.flops_per_s), "points": roof}
    return _preset(name, "FLOPs per byte", "speed", [line])


def _preset(name: str, x: str, y: str, guides: Sequence[Plain]) -> Plain:
    return {"name": name, "x": x, "y": y, "guides": [*guides]}
