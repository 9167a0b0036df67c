"""What others say of networks, judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING

from cnnbench.errors import CnnbenchError
from cnnbench.runner import folders

if TYPE_CHECKING:
    from cnnbench.claims.finding import Finding as ClaimFinding
    from cnnbench.runner.loop import Ending, Progress
    from cnnbench.runs.store import Run


@dataclass(frozen=True, slots=True)
class Verified:
    """Judged claims, the run behind the measured verdicts, and the report if one was written.

    `ending` says why a run that was made for them ended.
    """

    findings: tuple[ClaimFinding, ...]
    run: Run | None = None
    page: Path | None = None
    ending: Ending | None = None


def verify(
    claims: Sequence[str] = (),
    *,
    run: Path | str | None = None,
    measure: bool = False,
    out: Path | str | None = None,
    resume: bool = False,
    launches: int = 5,
    time_budget: float | None = None,
    threads: int | None = None,
    runtime: str = "tensorflow",
    progress: Progress | None = None,
    command: str = "",
    report: Path | str | None = None,
    figure: Path | str | None = None,
) -> Verified:
    """Judge what tutorials and papers say: on paper, and by a run if there is one.

    Args:
        claims: names of claims; all if empty.
        run: a stored run, or a baseline, to judge by.
        measure: make a run to judge by, of what these claims need.
        out: that run's folder; `reports/claims-<time>` if None. Its report goes there too.
        resume: continue the run in `out`, or the newest, as it was planned.
        launches: processes per case.
        time_budget: seconds for all launches; six minutes, or what was planned, if None.
        threads: that one operation may use; all cores if None.
        runtime: tensorflow, fake, or a module of your own.
        progress: who is told; nobody if None.
        command: recorded, so that the report can say how it was made.
        report: a folder to write the report into.
        figure: a file to draw the first claim into.

    Raises:
        CnnbenchError: anything wrong with these.
    """
    from cnnbench.cases.plan import Plan
    from cnnbench.claims import finding, load
    from cnnbench.runs import inputs, store

    if figure is not None:
        from cnnbench.reporting import style

        style.check(Path(figure))
    chosen = load(claims)
    judged = finding.judged(chosen)
    stored, ending = inputs.run(str(run)) if run is not None else None, None
    if measure:
        folder = folders.chosen("claims", out, resume)
        groups = finding.groups(judged)
        cases = {case.id: case for group in groups for case in group}
        if not cases:
            raise CnnbenchError("nothing in these claims takes a run to judge")
        plan = Plan(
            suite="claims",
            description="what it takes to judge claims about time and memory",
            cases=tuple(cases.values()),
            together=tuple(tuple(case.id for case in group) for group in groups),
            launches=launches,
            reference=True,
            seed=SystemRandom().randrange(2**31),
            time_budget_s=time_budget or 360.0,
            runtime=runtime,
            threads=threads,
            command=command,
        )
        with folders.opened(
            folder, plan.suite, runtime, lambda _: plan, resume=resume, time_budget=time_budget
        ) as opened:
            ending = opened.measure(progress)
        stored = store.read(folder)
        report = report or folder
    if stored:
        judged = finding.judged(chosen, stored)
    page = None
    if report is not None:
        from cnnbench.reporting.claims import page as claims_page

        page = claims_page.write(judged, stored, Path(report))
    if figure is not None:
        from cnnbench.reporting.claims import figure as claim_figure

        claim_figure.write(judged[0], Path(figure))
    return Verified(tuple(judged), stored, page, ending)
