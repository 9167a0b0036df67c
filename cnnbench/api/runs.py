"""Runs, of networks or of a suite: made, and reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Any

from cnnbench import units
from cnnbench.errors import CnnbenchError
from cnnbench.records import Record

if TYPE_CHECKING:
    from pandas import DataFrame

    from cnnbench.cases.case import Case
    from cnnbench.cases.plan import Plan
    from cnnbench.runner.loop import Ending, Progress
    from cnnbench.runner.session import Opened, Session
    from cnnbench.runs.store import PredictedRise, Run


@dataclass(frozen=True, slots=True)
class Finished(Record):
    """A run that has ended: its folder, its report, what is stored, and why it ended.

    `page` is None if no report was asked for. Of a run on each kind of machine of a cluster this is
    the one on the kind with most workers, `others` are those on the other kinds, and `page` has all
    of them side by side.
    """

    folder: Path
    page: Path | None
    ending: Ending
    run: Run
    others: tuple[Finished, ...] = ()

    def __repr__(self) -> str:
        cases = {m.case.id for m in self.run.measurements if m.ok}
        total = len(self.run.plan.cases)
        return f"Finished({self.folder}: {self.ending.reason}, {len(cases)} of {total} cases timed)"

    @property
    def measured(self) -> bool:
        """Whether any case at all was measured."""
        here = any(m.ok for m in self.run.measurements)
        return here or any(other.measured for other in self.others)

    @property
    def interrupted(self) -> bool:
        """Whether somebody pressed Ctrl-C."""
        return any(one.ending.reason == "interrupted" for one in (self, *self.others))

    def frame(self) -> DataFrame:
        """The results, one row a case, in base units."""
        return results(self.folder)

    def to_json(self) -> dict[str, Any]:
        """Plain values: where the run and its report are, and one row a case."""
        rows = self.frame().astype(object)
        values = {
            "folder": str(self.folder),
            "report": str(self.page),
            "reason": self.ending.reason,
            "cases": rows.where(rows.notna(), None).to_dict("records"),
        }
        others = [other.to_json() for other in self.others]
        return values | ({"others": others} if others else {})


def run(
    *targets: Any,
    input_shape: Any = None,
    batch_size: int | str | Sequence[int] = 1,
    dtype: str | Sequence[str] | None = None,
    mode: str | Sequence[str] = (),
    params: Mapping[str, Any] | None = None,
    data: str = "",
    imports: Sequence[str] = (),
    out: Path | str | None = None,
    resume: bool = False,
    device: str = "all",
    launches: int | None = None,
    precision: float | None = None,
    time_budget: float | str | None = None,
    timeout: float | str = 120.0,
    seed: int | None = None,
    threads: int | Sequence[int] | None = None,
    clients: int | Sequence[int] | None = None,
    runtime: str | Sequence[str] = "tensorflow",
    cluster: str | None = None,
    each_kind: bool = False,
    progress: Progress | None = None,
    command: str = "",
    ceilings: bool = True,
    profile: bool = False,
    pages: bool = True,
) -> Finished:
    """Measure networks, or a suite of them, and write the report.

    Several networks take turns, and all are compared with the first.

    Args:
        *targets: networks as `cnnbench.analyze` takes them, Keras models too, or a dictionary of
            them by the names that the report shows; or one suite, by its name or as a TOML file.
            The suite `tutorial` if there are none. A Keras model is saved to a temporary file.
        input_shape: of one sample, as (h, w, c), for every network; a list of them for several
            inputs; each network's own if None. This and the next six are for networks: a suite
            has its own.
        batch_size: samples per call; or several, which are measured one after the other; or "max":
            doubled from 1 on until the memory of the device is full.
        dtype: float32, float16, bfloat16, mixed_float16, mixed_bfloat16 or int8; or several, of
            the runtimes that have them. Each network's own if None.
        mode: one of the runtime's, or several: of tensorflow graph, eager, xla, predict, train;
            the usual one of each runtime if empty.
        params: of the networks.
        data: FILE.npz or package.module:function that gives the input; random values if empty.
        imports: modules that register layers which the files name, imported in every process
            that opens one.
        out: the run's folder; `reports/<name>-<time>` if None.
        resume: continue the run in `out`, or the newest of this name under `reports`, as
            it was planned: of the arguments below only `time_budget`, `cluster` and `progress`
            count. Functions, modules and runtimes of a user's that it needs must be named again.
        device: cpu, gpu (the first), gpu:1, or all that the runtimes see.
        launches: processes per case, exactly; if None the suite's, and more where it takes
            more to reach the precision.
        precision: the half-width of an interval at which a case needs no more launches, relative
            to its time; `stats.TARGET` if neither this nor `launches` is given.
        time_budget: for all launches, in seconds or as "5m"; the suite's if None.
        timeout: seconds after which one launch is stopped.
        seed: of the order and the inputs; drawn and recorded if None.
        threads: that one operation may use, or several numbers of them, which are compared; those
            of the suite, or all cores, if None.
        clients: that call at once, each in a thread, or several numbers of them; those of the
            suite, or one, if None.
        runtime: tensorflow, jax, torch, onnxruntime, openvino, litert, fake, a module of your own,
            or several, which take turns; all that are installed if "all".
        cluster: the address of a dask scheduler whose workers measure, as HOST:8786 or
            tls://HOST:8786, or local:N for GPUs of this machine, each with a worker; this machine
            itself if None. All launches are made on machines of one kind: the one with most
            workers, or that of the run which is continued.
        each_kind: whether to measure all of it on each kind of machine of the cluster, one kind
            after the other: each is a run of its own in a folder of `out`, and the report has them
            side by side.
        progress: who is told; nobody if None.
        command: recorded, so that the report can say how it was made.
        ceilings: whether to store the machine's ceilings with the run; they are measured
            before it, in some ten seconds, where they are not known.
        profile: whether each launch also times the layers, where the runtime can.
        pages: whether to write the report.

    Raises:
        CnnbenchError: anything wrong with these, before anything is measured.
    """
    from cnnbench import runtimes, stats
    from cnnbench.cases import asked, suites
    from cnnbench.cases.case import parsed_device
    from cnnbench.networks.inputs import several
    from cnnbench.runner import planning, session
    from cnnbench.runner.loop import Progress
    from cnnbench.runs import store

    if device != "all":
        parsed_device(device)  # before any runtime starts
    if each_kind and cluster is None:
        raise CnnbenchError("each kind of machine is one of a cluster; say where with --cluster")
    budget_s = None if time_budget is None else units.parse_duration(time_budget)
    timeout_s = units.parse_duration(timeout)
    drawn = SystemRandom().randrange(2**31) if seed is None else seed
    batches: list[Any] = [batch_size] if isinstance(batch_size, int) else [*batch_size]
    grid = {
        "inputs": several(input_shape) or None,
        "batches": suites.DOUBLED if batch_size == "max" else batches,
        "modes": [mode] if isinstance(mode, str) else list(mode),
        "dtypes": [dtype] if isinstance(dtype, str) else list(dtype or ()),
        "data": data,
    }
    counts, calling = _counts("threads", threads), _counts("clients", clients)
    with asked.suite(targets, dict(params or {}), imports, grid) as suite:
        counts = counts or list(dict.fromkeys(suite.threads))
        calling = calling or list(dict.fromkeys(suite.clients))
        folder = session.chosen(suite.name, out, resume)

        def plan(measuring: Session) -> Plan:
            # More launches tell nothing more of times that are computed.
            exactly = launches is not None or all(map(runtimes.simulated, measuring.asked))
            places = measuring.places(device, counts, calling)
            seeing = {place.runtime for place in places}
            blind = [f"{name} sees no {device}" for name in measuring.asked if name not in seeing]
            wanted = planning.plan(
                suite,
                places,
                measuring,
                timeout_s,
                launches=launches or suite.launches,
                precision=precision or (None if exactly else stats.TARGET),
                reference=True,
                seed=drawn,
                time_budget_s=budget_s or suite.time_budget,
                threads=counts[0] if len(counts) == 1 else None,
                command=command,
                profile=profile,
            )
            return replace(wanted, notes=(*wanted.notes, *measuring.absent, *blind))

        names = runtime.split(",") if isinstance(runtime, str) else runtime

        def measure(folder: Path, again: bool, kind: Mapping[str, Any] | None = None) -> Finished:
            with session.opened(
                folder,
                suite.name,
                names,
                plan,
                resume=again,
                time_budget=budget_s,
                cluster=cluster,
                kind=kind,
                code=suite.code,
            ) as opened:
                ending = _measured(opened, progress or Progress(), ceilings)
            return Finished(folder, report(folder) if pages else None, ending, store.read(folder))

        if not each_kind or cluster is None:
            return measure(folder, resume)
        found: list[Finished] = []
        if not resume:
            store.check_free(folder)
        for name, kind in session.kinds(names, cluster).items():
            again = resume and (folder / name / store.FILE).exists()
            found.append(measure(folder / name, again, kind))
            if found[-1].interrupted:
                break
        first, *others = found
        page = first.page
        if pages and others:
            with suppress(CnnbenchError):  # nothing was measured on two kinds: each has its page
                page = report(*(one.folder for one in found), out=folder)
        return replace(first, page=page, others=tuple(others))


def _counts(name: str, given: int | Sequence[int] | None) -> list[int]:
    """One number or several, each once."""
    counts = [given] if isinstance(given, int) else list(dict.fromkeys(given or ()))
    if wrong := [count for count in counts if type(count) is not int or count < 1]:
        raise CnnbenchError(f"{name} must be a whole number of at least 1; got {wrong[0]!r}")
    return counts


def _measured(opened: Opened, progress: Progress, ceilings: bool) -> Ending:
    """Make the launches of a run, after what is measured once, and say why it ended."""
    from cnnbench.machine import probing
    from cnnbench.runner.loop import Ending

    wanted, earlier = opened.plan, opened.earlier
    where = ", ".join(wanted.runtimes)
    progress.prepares(f"{wanted.suite}: {units.counted(len(wanted.cases), 'case')} on {where}")
    try:
        if ceilings and not (earlier and earlier.ceilings):
            for ceiling in opened.measuring.there(
                probing.of_cases, wanted.cases, wanted.threads, progress=progress
            ):
                opened.file.append("ceilings", ceiling.to_json())
        if not earlier:
            for rise in opened.measuring.there(
                _predicted, wanted.cases, wanted.threads, progress=progress
            ):
                opened.file.append("predicted", asdict(rise))
        return opened.measure(progress)
    except KeyboardInterrupt:  # among the ceilings; the run itself ends by its own word
        done = {(m.case.id, m.launch) for m in earlier.measurements} if earlier else ()
        left = max(len(wanted.cases) * wanted.launches - len(done), 0)
        return Ending("interrupted", 0, left)


def _predicted(
    _: Session, cases: Sequence[Case], threads: int | None, __: Progress
) -> list[PredictedRise]:
    """What the calibrated machine expects; the session says where that is."""
    from cnnbench.prediction import forecast

    return forecast.of_cases(cases, threads)


def report(*runs: Path | str, out: Path | str | None = None, figures: Sequence[str] = ()) -> Path:
    """Write the report of a stored run again, or of several side by side; returns its page.

    Of several runs, as of several machines, runtimes or versions, each is a column: times with
    ratios to the first, which networks change rank and why, memory. Their launches are never put
    together. Of pytest-benchmark's JSON, a file or a folder of files, the page goes to
    `FOLDER-report`.

    Args:
        *runs: the folder of a run; or several, where a folder of runs counts for all of them, and
            baselines.
        out: a folder for the page of several; if None that of a single folder of runs itself.
        figures: formats in which each figure is written beside its PNG: svg, pdf.

    Raises:
        StoreError: there is no such run, or one is in `out`.
        UnknownNameError: there is no such format.
        CnnbenchError: several runs without `out`, one run with it, or runs without a common case.
    """
    from cnnbench.reporting import style
    from cnnbench.reporting.runs import benchmarks, page
    from cnnbench.runs import recording, side_by_side

    also, names = style.suffixes(figures), [str(run) for run in runs]
    if not names:
        raise CnnbenchError(
            "expected the folder of a run, or several to put side by side; got none"
        )
    if out is None and len(names) == 1 and not recording.several(names[0]):
        write = benchmarks.write if recording.benchmarks(names[0]) else page.write
        return write(Path(names[0]), also)
    if out is None and len(names) > 1:
        raise CnnbenchError(
            f"got {len(names)} runs to put side by side; name a folder for their page with --out"
        )
    from cnnbench.reporting.runs import compared_machines

    folder = Path(names[0] if out is None else out)
    side_by_side.check_apart(folder, names)
    return compared_machines.write(side_by_side.side_by_side(names), folder, also)


def results(folder: Path | str) -> DataFrame:
    """The results of a stored run, one row a case, in base units.

    Raises:
        StoreError: there is no run in the folder.
    """
    from cnnbench.reporting.runs.exported import PER
    from cnnbench.runs.store import read

    return PER["case"](read(Path(folder)))
