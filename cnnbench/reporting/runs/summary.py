"""The end of a run on one screen: the question, the answer, how reliable it is, what to do."""

from __future__ import annotations

from collections.abc import Sequence

from cnnbench import stats, units
from cnnbench.reporting.document import Document, Table
from cnnbench.reporting.runs.against import Against, against
from cnnbench.reporting.runs.answer import answer, payoff
from cnnbench.reporting.runs.compared_blocks import compared_blocks
from cnnbench.reporting.runs.page import flops
from cnnbench.reporting.tables import MISSING, interval, number, optional
from cnnbench.runs.result import Result, results
from cnnbench.runs.store import Run
from cnnbench.stats import NOISY, Doubt, Estimate

SHOWN = 12
"""The most rows of networks that are not compared with a base: more do not fit on a screen."""


def document(run: Run) -> Document:
    """The summary of a stored run."""
    known, problems = results(run)
    page = Document()
    page.text(run.plan.description)
    beside = against(run, known)
    comparisons = [blocks for blocks in compared_blocks(run.plan, known) if blocks.shown]
    for place in beside:
        page.text(sentence(place))
        page.table(ranking(place))
    if comparisons:
        page.text(*map(payoff, comparisons))
    if not beside:
        page.text(*answer(known, comparisons))
        page.table(_fastest(known))
    page.text("\n".join([*_trust(known), *problems]))
    return page


def sentence(place: Against) -> str:
    """Which networks are faster than the base in one setting, in words."""
    said = [_said(result, ratio, place.base.label) for result, ratio in place.others]
    return f"**{place.where}:** {'; '.join(said)}."


def _said(result: Result, ratio: Estimate | None, base: str) -> str:
    if ratio is None:
        return f"{result.label} was not compared ({result.outcome})"
    times = interval(ratio, number)
    if not ratio.decided:
        return f"{result.label} takes {times} times as long as {base}, which may be no difference"
    if ratio.value < 1:
        faster = Estimate(1 / ratio.value, _over(ratio.high), _over(ratio.low), ratio.n)
        return f"{result.label} is {interval(faster, number)} times as fast as {base}"
    return f"{result.label} takes {times} times as long as {base}"


def _over(value: float | None) -> float | None:
    return None if value is None else 1 / value


def ranking(place: Against) -> Table:
    """The networks in one setting, the fastest first."""
    headers = ["network", "time per call", "samples/s", f"times {place.base.label}", "verdict"]
    headers += ["FLOPs", "parameters", "peak memory"]
    return headers, [
        [
            result.label,
            interval(result.time, units.seconds) if result.time else result.outcome,
            optional(result.throughput, number),
            "1" if result is place.base else interval(ratio, number),
            stats.verdict(ratio).value if ratio else MISSING,
            flops(result),
            f"{result.cost.params:,}",
            optional(result.peak_bytes, units.binary),
        ]
        for result, ratio in place.ranked
    ]


def _fastest(known: Sequence[Result]) -> Table:
    """All cases, the fastest first, if they are few; else none."""
    timed = sorted(((r.time.value, r) for r in known if r.time), key=lambda pair: pair[0])
    rows = [
        [r.name, interval(r.time, units.seconds), optional(r.throughput, number)]
        for _, r in timed[:SHOWN]
    ]
    return ["case", "time per call", "samples/s"], rows if len(timed) <= SHOWN else []


def _trust(known: Sequence[Result]) -> list[str]:
    """How many cases failed or vary, and what to do about it."""
    lines = []
    failed = [r for r in known if r.outcome not in ("ok", "not reached")]
    if failed:
        reasons = {r.launches[-1].detail for r in failed}
        lines.append(f"{len(failed)} of {len(known)} cases failed: {'; '.join(sorted(reasons))}")
    if missing := sum(r.outcome == "not reached" for r in known):
        lines.append(
            f"{missing} of {len(known)} cases were not reached: continue with --resume, or give "
            "more --time-budget"
        )
    noisy = [r for r in known if r.time and Doubt.SPREAD in r.time.doubts]
    if noisy:
        lines.append(
            f"{len(noisy)} of {len(known)} cases vary by more than {100 * NOISY:.0f} % between "
            "launches: close other programs, or give more --launches"
        )
    leaks = [r.name for r in known if r.leak_bytes]
    if leaks:
        lines.append(f"memory grows from call to call in {', '.join(leaks)}: see the report")
    if lines:
        return lines
    return ["Every case was measured, and no case varies by more than 10 % between launches."]
