"""The rows of the report's tables: pure functions of results, no rendering."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from cnnbench import stats, units
from cnnbench.reporting.comparison import flops_rate
from cnnbench.reporting.results import Result, timed
from cnnbench.reporting.tables import MISSING, Table, interval, number, optional, percent
from cnnbench.stats import Doubt, Estimate, warmup
from cnnbench.store import Run

ADVICE = {
    Doubt.SINGLE: "run with two or more --launches",
    Doubt.FEW: "run with more --launches, or continue the run with --resume",
    Doubt.SPREAD: "close other programs, or run with more --launches",
    Doubt.UNPAIRED: "continue the run with --resume to complete its rounds",
    Doubt.ONLY_FIRST: "give the run more time",
}
"""What to do about each doubt."""


def notes(estimates: Iterable[tuple[str, Estimate | None]]) -> list[str]:
    """One line a doubt: what is doubted, what to do, and which estimates it concerns."""
    names: dict[Doubt, list[str]] = {}
    count = 0
    for name, estimate in estimates:
        count += estimate is not None
        for doubt in estimate.doubts if estimate else ():
            names.setdefault(doubt, []).append(name)
    return [
        f"Note: {doubt}: {_listed(names[doubt], count)}. To do: {ADVICE[doubt]}."
        for doubt in Doubt
        if doubt in names
    ]


def _listed(names: Sequence[str], of: int, limit: int = 6) -> str:
    """The names themselves while they are few, else how many of how many."""
    if len(names) <= limit:
        return ", ".join(names)
    return "all cases" if len(names) == of else f"{len(names)} of {of} cases"


def speed_rows(found: Iterable[Result]) -> Table:
    """FLOPs on paper, time a call and the speed achieved; every case, timed or not."""
    headers = ["case", "FLOPs", "time a call", "speed"]
    return headers, [
        [
            r.name,
            units.count(r.cost.flops),
            interval(r.time, units.seconds),
            optional(r.speed, flops_rate),
        ]
        for r in found
    ]


def memory_rows(found: Iterable[Result]) -> Table:
    """Predicted against measured rise of the peak memory."""
    headers = ["case", "predicted", "measured", "error of the prediction"]
    return headers, [
        [
            r.name,
            units.binary(r.predicted_peak_bytes),
            units.binary(r.peak_bytes),
            optional(r.peak_error, percent),
        ]
        for r in found
        if r.peak_bytes is not None
    ]


def memory_summary(found: Iterable[Result]) -> str:
    """The middle and the largest error of the predictions, in two sentences."""
    known = [(r, r.peak_bytes, r.peak_error) for r in found if r.peak_bytes]
    errors = [(abs(error), r.name) for r, _, error in known if error is not None]
    if not errors:
        return ""
    worst, name = max(errors)
    middle = median(error for error, _ in errors)
    excess = median(measured - r.predicted_peak_bytes for r, measured, _ in known)
    return (
        f"Over {len(errors)} cases the prediction is off by {percent(middle)} (median) and by at "
        f"most {percent(worst)} ({name}). Measured minus predicted is {units.binary(excess)} "
        "(median), which weighs the more the smaller the case."
    )


def spread_rows(found: Iterable[Result]) -> Table:
    """Launches, calls, and how far both lie apart."""
    headers = ["case", "launches", "calls", "of these warm-up", "CV of launches", "IQR of calls"]
    return headers, [
        [
            r.name,
            str(len(r.samples)),
            str(calls(r)),
            str(warmup_calls(r)),
            optional(r.spread.between, percent),
            percent(r.spread.within),
        ]
        for r in found
        if r.spread
    ]


def calls(result: Result) -> int:
    """Calls in all launches of a case, the warm-up included."""
    return sum(map(len, result.samples.values()))


def warmup_calls(result: Result) -> int:
    """Calls in all launches of a case that were taken for warm-up."""
    return sum(map(warmup, result.samples.values()))


def spread_summary(found: Iterable[Result]) -> str:
    """The middle spread between and within launches, in a sentence."""
    spreads = [r.spread for r in found if r.spread]
    between = [s.between for s in spreads if s.between is not None]
    if not spreads:
        return ""
    within = percent(median(s.within for s in spreads))
    text = f"Median over the cases: calls within a launch spread by {within} (IQR / median)"
    if not between:
        return f"{text}; no case has two launches."
    return f"{text}, launches by {percent(median(between))} (CV of their medians)."


def mode_rows(found: Iterable[Result]) -> Table:
    """The same network under several execution modes; empty rows where there is none."""
    groups: dict[str, list[Result]] = {}
    for r in found:
        case = r.case
        fields = (case.target, case.params, case.input_shape, case.batch_size, case.dtype)
        groups.setdefault(repr((*fields, case.device)), []).append(r)
    headers = ["network", "mode", "time a call", "ratio to graph"]
    rows = []
    for group in groups.values():
        measured = timed(group)
        if len(measured) < 2:
            continue
        graph = next((r for r, _ in measured if r.case.mode == "graph"), None)
        for r, time in measured:
            ratio = stats.ratio(graph.samples, r.samples) if graph else None
            text = "1" if r is graph else interval(ratio, number)
            rows.append([_network(r), r.case.mode, interval(time, units.seconds), text])
    return headers, rows


def _network(r: Result) -> str:
    batch = f" batch {r.case.batch_size}" if r.case.batch_size > 1 else ""
    return f"{_call(r)} {units.shape(r.case.input_shape)}{batch}, {r.case.device}"


def _call(r: Result) -> str:
    given = ", ".join(f"{key}={value}" for key, value in r.case.params.items())
    return f"{r.case.target}({given})"


def check_rows(found: Iterable[Result]) -> Table:
    """The verdict of the comparison with Keras, a row a distinct network and verdict."""
    groups: dict[tuple[str, str], list[Result]] = {}
    for r in found:
        if r.equal is not None:
            groups.setdefault((_call(r), r.check), []).append(r)
    headers = ["network", "cases", "parameters", "verdict"]
    return headers, [
        [
            network,
            str(len(group)),
            " to ".join(f"{p:,}" for p in sorted({min(params), max(params)})),
            verdict,
        ]
        for (network, verdict), group in groups.items()
        for params in [[r.cost.params for r in group]]
    ]


def check_summary(found: Sequence[Result]) -> str:
    """How many cases agree with Keras, in a sentence."""
    asked = [r for r in found if r.equal is not None]
    if not asked:
        return "No case was compared with Keras."
    equal = sum(r.equal is True for r in asked)
    rest = "" if len(asked) == len(found) else f"; {len(found) - len(asked)} were not compared"
    return (
        f"{equal} of {len(asked)} cases have, layer by layer, the parameters and output "
        f"shapes that Keras has{rest}."
    )


def outcome_rows(run: Run) -> Table:
    """Every launch that is not ok, launches of one case and reason in one row."""
    groups: dict[tuple[str, str, str], list[int]] = {}
    for m in run.measurements:
        if not m.ok:
            groups.setdefault((m.case.id, m.outcome, m.detail), []).append(m.launch)
    headers = ["case", "launches", "outcome", "reason"]
    return headers, [
        [case, ", ".join(map(str, launches)), outcome, detail or MISSING]
        for (case, outcome, detail), launches in groups.items()
    ]


def unreached(run: Run, found: Iterable[Result]) -> list[str]:
    """What the plan has and the run has not, and lines of the store that are lost."""
    never = [r.name for r in found if not r.launches]
    fewer = [r.name for r in found if 0 < len({m.launch for m in r.launches}) < run.plan.launches]
    lines = []
    if never:
        lines.append(
            f"{len(never)} of {len(run.plan.cases)} cases were never reached before the run "
            f"ended: {', '.join(never)}. To do: continue with --resume, or a longer --time-budget."
        )
    if fewer:
        lines.append(
            f"{len(fewer)} cases have fewer launches than the {run.plan.launches} planned. "
            "To do: continue the run with --resume."
        )
    if run.bad_lines:
        lines.append(f"Lines of the store that could not be read: {len(run.bad_lines)}.")
        lines += run.bad_lines
    return lines
