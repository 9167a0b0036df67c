"""What others say of networks, judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Any

from cnnbench import units
from cnnbench.errors import CnnbenchError
from cnnbench.records import Shown, one_line

if TYPE_CHECKING:
    from cnnbench.claims.judged import JudgedClaim
    from cnnbench.runner.loop import Ending, Progress
    from cnnbench.runs.store import Run


@dataclass(frozen=True, slots=True)
class Verified(Shown):
    """Judged claims, the run behind the measured verdicts, and the report if one was written.

    `ending` says why the run ended, if one was made to judge them.
    """

    claims: tuple[JudgedClaim, ...]
    run: Run | None = None
    page: Path | None = None
    ending: Ending | None = None

    def __repr__(self) -> str:
        where = f"by the run in {self.run.folder}" if self.run else "on paper"
        count = len(self.claims)
        return one_line(self, f"{count} claim{'s' * (count != 1)}", where)

    def to_json(self) -> list[dict[str, Any]]:
        """The claims as plain values."""
        return [claim.to_json() for claim in self.claims]


def verify(
    claims: Sequence[str] = (),
    *,
    run: Path | str | None = None,
    measure: bool = False,
    out: Path | str | None = None,
    resume: bool = False,
    launches: int = 5,
    time_budget: float | str | None = None,
    threads: int | None = None,
    runtime: str = "tensorflow",
    cluster: str | None = None,
    progress: Progress | None = None,
    command: str = "",
    report: Path | str | None = None,
    figure: Path | str | None = None,
) -> Verified:
    """Judge what tutorials and papers say: on paper, and by a run if there is one.

    Args:
        claims: names of claims; all if empty.
        run: a stored run, or a baseline, to judge by.
        measure: measure what these claims need, and judge by that run.
        out: the folder of that run and its report; `reports/claims-<time>` if None.
        resume: continue the run in `out`, or the newest one, as it was planned.
        launches: processes per case.
        time_budget: for all launches, in seconds or as "5m"; if None six minutes, or what was
            planned.
        threads: threads that one operation may use; all cores if None.
        runtime: tensorflow, fake, or a module of your own.
        cluster: where to measure, as for `run`; this machine if None.
        progress: told about each launch; nobody is told if None.
        command: the command line, recorded so that the report can say how it was made.
        report: a folder to write the report into.
        figure: a file to draw the first claim into.

    Raises:
        CnnbenchError: one of these arguments is wrong; the message says which.
    """
    from cnnbench.cases.plan import Plan
    from cnnbench.claims import judged, load
    from cnnbench.runner import session
    from cnnbench.runs import recording, store

    if figure is not None:
        from cnnbench.reporting import style

        style.check(Path(figure))
    budget_s = None if time_budget is None else units.parse_duration(time_budget)
    chosen = load(claims)
    verdicts = judged.judge(chosen)
    stored, ending = recording.run(str(run)) if run is not None else None, None
    if measure:
        folder = session.chosen("claims", out, resume)
        groups = [
            [replace(case, runtime=runtime) for case in group] for group in judged.groups(verdicts)
        ]
        cases = {case.id: case for group in groups for case in group}
        if not cases:
            raise CnnbenchError("these claims are all judged on paper; there is nothing to measure")
        plan = Plan(
            suite="claims",
            description="what it takes to judge claims about time and memory",
            cases=tuple(cases.values()),
            together=tuple(tuple(case.id for case in group) for group in groups),
            launches=launches,
            reference=True,
            seed=SystemRandom().randrange(2**31),
            time_budget_s=budget_s or 360.0,
            threads=threads,
            command=command,
        )
        with session.opened(
            folder,
            plan.suite,
            [runtime],
            lambda _: plan,
            resume=resume,
            time_budget=budget_s,
            cluster=cluster,
        ) as opened:
            ending = opened.measure(progress)
        stored = store.read(folder)
        report = report or folder
    if stored:
        verdicts = judged.judge(chosen, stored)
    page = None
    if report is not None:
        from cnnbench.reporting.claims.verdicts import write

        page = write(verdicts, stored, Path(report))
    if figure is not None:
        from cnnbench.reporting.claims import figure as claim_figure

        claim_figure.write(verdicts[0], Path(figure))
    return Verified(tuple(verdicts), stored, page, ending)
