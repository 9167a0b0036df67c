"""The end of a run on one screen: the question, the answer, how reliable it is, what to do."""

from __future__ import annotations

from collections.abc import Sequence

from cnnbench import units
from cnnbench.reporting.document import Document, Table
from cnnbench.reporting.runs.answer import answer, payoff
from cnnbench.reporting.runs.compared_blocks import compared_blocks, over_runtimes
from cnnbench.reporting.runs.sections import crossover_by_runtime, precisions, runtimes
from cnnbench.reporting.runs.sections.compared import against, ranking, sentence
from cnnbench.reporting.tables import interval, number, optional
from cnnbench.runs.result import Result, results, timed
from cnnbench.runs.store import Run
from cnnbench.stats import NOISY, Doubt

SHOWN = 12
"""The most rows of networks that are not compared with a base: more do not fit on a screen."""


def document(run: Run) -> Document:
    """The summary of a stored run."""
    known, problems = results(run)
    page = Document()
    page.text(run.plan.description)
    beside = against(run, known)
    comparisons = compared_blocks(run.plan, known)
    places = runtimes.ranked(known)
    page.text(*runtimes.sentences(places))
    if len(places) > 1:
        page.table(runtimes.overview(places))
    elif places:
        page.table(runtimes.rows(places[0]), spare=["export", "first call", "samples/s", "on disk"])
    changed = precisions.rows(known)
    if len(changed[1]) <= SHOWN:
        page.table(changed, spare=["weights", "file"])
    for place in beside:
        page.text(sentence(place))
        if not places:
            page.table(ranking(place), spare=["peak memory", "parameters", "samples/s", "FLOPs"])
    for group in over_runtimes(comparisons):
        page.text(payoff(group))
        if len(group) > 1:
            page.table(crossover_by_runtime.rows(group))
    if not beside and not places:
        page.text(*answer(known, comparisons))
        if not changed[1]:
            page.table(_fastest(known))
    page.text("\n".join([*_trust(known), *run.plan.notes, *problems]))
    return page


def _fastest(known: Sequence[Result]) -> Table:
    """All cases, the fastest first, if they are few; else none."""
    ordered = sorted(timed(known), key=lambda pair: pair[1].value)
    rows = [
        [r.name, interval(time, units.seconds), optional(r.throughput, number)]
        for r, time in ordered
    ]
    return ["case", "time per call", "samples/s"], rows if len(rows) <= SHOWN else []


def _trust(known: Sequence[Result]) -> list[str]:
    """How many cases failed or vary, and what to do about it."""
    lines = []
    failed = [r for r in known if r.outcome not in ("ok", "not reached")]
    if failed:
        reasons = "; ".join(sorted({r.launches[-1].detail for r in failed}))
        lines.append(f"{len(failed)} of {len(known)} cases failed: {reasons}")
    if missing := sum(r.outcome == "not reached" for r in known):
        lines.append(
            f"{missing} of {len(known)} cases were not reached: continue with --resume, or give "
            "more --time-budget"
        )
    if noisy := sum(Doubt.SPREAD in time.doubts for _, time in timed(known)):
        lines.append(
            f"{noisy} of {len(known)} cases vary by more than {100 * NOISY:.0f} % between "
            "launches: close other programs, or give more --launches"
        )
    if leaks := ", ".join(r.name for r in known if r.leak_bytes):
        lines.append(f"memory grows from call to call in {leaks}: see the report")
    return lines or [
        "Every case was measured, and no case varies by more than 10 % between launches."
    ]
