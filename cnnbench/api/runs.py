"""Runs of suites, and their reports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Any

from cnnbench.errors import RuntimeMissingError
from cnnbench.runner import folders

if TYPE_CHECKING:
    from pandas import DataFrame

    from cnnbench.cases.plan import Plan
    from cnnbench.runner.loop import Ending, Progress
    from cnnbench.runner.session import Session


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that has ended: its folder, its report, and why it ended."""

    folder: Path
    page: Path
    ending: Ending


def run(
    suite: str = "tutorial",
    *,
    out: Path | str | None = None,
    resume: bool = False,
    device: str = "all",
    launches: int | None = None,
    precision: float | None = None,
    time_budget: float | None = None,
    timeout: float = 120.0,
    seed: int | None = None,
    threads: int | None = None,
    runtime: str = "tensorflow",
    progress: Progress | None = None,
    command: str = "",
    ceilings: bool = True,
) -> Finished:
    """Measure a suite and write its report.

    Args:
        suite: a suite's name, or a TOML file.
        out: the run's folder; `reports/<suite>-<time>` if None.
        resume: continue the run in `out`, or the newest of this suite under `reports`, as
            it was planned: of the arguments below only `time_budget` and `progress` count.
        device: cpu, gpu, or all that the runtime sees.
        launches: processes per case, exactly; if None the suite's, and more where it takes
            more to reach the precision.
        precision: the half-width of an interval that is narrow enough, relative;
            `stats.TARGET` if neither this nor `launches` is given.
        time_budget: seconds for all launches; the suite's if None.
        timeout: seconds after which one launch is stopped.
        seed: of the order and the inputs; drawn and recorded if None.
        threads: that one operation may use; all cores if None.
        runtime: tensorflow, fake, or a module of your own.
        progress: who is told; nobody if None.
        command: recorded, so that the report can say how it was made.
        ceilings: whether to store the machine's ceilings with the run; they are measured
            before it, in some ten seconds, where they are not known.

    Raises:
        CnnbenchError: anything wrong with these, before anything is measured.
    """
    from cnnbench import reporting, stats
    from cnnbench.cases import suites
    from cnnbench.cases.plan import Plan
    from cnnbench.machine import probing
    from cnnbench.runner.loop import Ending
    from cnnbench.runner.progress import Silent

    chosen = suites.load(suite)
    folder = folders.chosen(chosen.name, out, resume)

    def plan(measuring: Session) -> Plan:
        kinds = _devices(device, measuring.described)
        return Plan(
            suite=chosen.name,
            description=chosen.description,
            cases=chosen.cases(kinds),
            together=chosen.together(kinds),
            comparisons=chosen.comparisons(),
            blocks=chosen.blocks(),
            launches=launches or chosen.launches,
            precision=precision or (None if launches else stats.TARGET),
            reference=True,
            seed=SystemRandom().randrange(2**31) if seed is None else seed,
            time_budget_s=time_budget or chosen.time_budget,
            timeout_s=timeout,
            runtime=runtime,
            threads=threads,
            command=command,
        )

    with folders.opened(
        folder, chosen.name, runtime, plan, resume=resume, time_budget=time_budget
    ) as opened:
        wanted, earlier = opened.plan, opened.earlier
        try:
            if ceilings and not (earlier and earlier.ceilings):
                watching = progress or Silent()
                for ceiling in probing.of_cases(
                    wanted.cases, opened.measuring, wanted.threads, watching
                ):
                    opened.file.append("ceilings", ceiling.to_json())
            ending = opened.measure(progress)
        except KeyboardInterrupt:  # among the ceilings; the run itself ends by its own word
            done = {(m.case.id, m.launch) for m in earlier.measurements} if earlier else ()
            left = max(len(wanted.cases) * wanted.launches - len(done), 0)
            ending = Ending("interrupted", 0, left)
    return Finished(folder, reporting.write(folder), ending)


def report(folder: Path | str) -> Path:
    """Write the report of a stored run again; returns its page.

    Of pytest-benchmark's JSON, a file or a folder of files, the page goes to `FOLDER-report`.

    Raises:
        StoreError: there is no run in the folder.
    """
    from cnnbench import reporting
    from cnnbench.runs import inputs

    if inputs.benchmarks(str(folder)):
        return reporting.write_benchmarks(Path(folder))
    return reporting.write(Path(folder))


def results(folder: Path | str) -> DataFrame:
    """The results of a stored run, one row a case, in base units.

    Raises:
        StoreError: there is no run in the folder.
    """
    from cnnbench import reporting

    return reporting.as_frame(Path(folder))


def _devices(wanted: str, described: dict[str, Any]) -> list[str]:
    present = [kind for kind in ("cpu", "gpu") if described["devices"].get(kind)]
    if wanted == "all":
        return present
    if wanted not in present:
        raise RuntimeMissingError(
            f"no {wanted} here: the runtime sees {' and '.join(present)} only; "
            f"use --device {present[0]} or install a build that sees it"
        )
    return [wanted]
