"""How time and memory grow with the input size, block by block."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from cnnbench import stats
from cnnbench.reporting.results import Result
from cnnbench.reporting.tables import MISSING, Table, interval
from cnnbench.stats import Estimate, steady


@dataclass(frozen=True, slots=True)
class Scaling:
    """One block at two or more input sizes, all else equal.

    Exponents are of the side length in pixels: 2 is linear in the number of pixels.
    """

    name: str
    device: str
    results: tuple[Result, ...]
    time: Estimate | None
    time_on_paper: Estimate | None
    memory: Estimate | None
    memory_on_paper: Estimate | None


def scalings(found: Iterable[Result]) -> list[Scaling]:
    """Every block that was measured at two or more sizes."""
    groups: dict[str, list[Result]] = {}
    for result in found:
        if result.time:
            groups.setdefault(_group(result), []).append(result)
    return [
        _scaling(sorted(group, key=lambda r: r.side))
        for group in groups.values()
        if len({r.side for r in group}) > 1
    ]


def _group(result: Result) -> str:
    case = result.case
    fields = (case.target, case.params, case.batch_size, case.dtype, case.device, case.mode)
    return repr((result.label, case.input_shape[2:], *fields))


def _scaling(group: list[Result]) -> Scaling:
    case = group[0].case
    parts = [group[0].label, f"{case.input_shape[2]} channels", *group[0].unusual]
    # Every launch is a point, so that the interval contains what varies between launches.
    times = [
        (r.side, median(calls))
        for r in group
        for launch in r.samples.values()
        if (calls := steady(launch))
    ]
    peaks = [(r.side, float(peak)) for r in group for peak in r.peaks if peak > 0]
    return Scaling(
        name=", ".join(parts),
        device=case.device,
        results=tuple(group),
        time=_fit(times),
        time_on_paper=_fit([(r.side, float(r.cost.flops)) for r in group]),
        memory=_fit(peaks),
        memory_on_paper=_fit([(r.side, float(r.predicted_peak_bytes)) for r in group]),
    )


def _fit(points: list[tuple[float, float]]) -> Estimate | None:
    positive = [(x, y) for x, y in points if y > 0]
    return stats.exponent([x for x, _ in positive], [y for _, y in positive])


def scaling_rows(found: Iterable[Scaling]) -> Table:
    """Fitted exponents beside those that the rules lead one to expect."""
    headers = [
        "block",
        "sides",
        "time ~ side^",
        "expected from FLOPs",
        "peak memory ~ side^",
        "expected from the rules",
    ]
    return headers, [
        [
            s.name,
            ", ".join(dict.fromkeys(f"{r.side:.4g}" for r in s.results)),
            interval(s.time, _power),
            _power(s.time_on_paper.value) if s.time_on_paper else MISSING,
            interval(s.memory, _power),
            _power(s.memory_on_paper.value) if s.memory_on_paper else MISSING,
        ]
        for s in found
    ]


def _power(value: float) -> str:
    return f"{value:.2f}"
