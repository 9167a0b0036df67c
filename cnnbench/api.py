"""The commands as functions. Each imports what it needs when it is called."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Any

from cnnbench import blocks, targets
from cnnbench.cost import Cost, cost
from cnnbench.errors import CnnbenchError, RuntimeMissingError, StoreError
from cnnbench.graph import Graph
from cnnbench.rule import Shape

if TYPE_CHECKING:
    from pandas import DataFrame

    from cnnbench.baselines import Baseline
    from cnnbench.claims.finding import Finding as ClaimFinding
    from cnnbench.comparison import Compared
    from cnnbench.formulas import Formula
    from cnnbench.machine.health import Finding, Health
    from cnnbench.machine.roofline import Roofline
    from cnnbench.prediction.forecast import Prediction
    from cnnbench.runner.loop import Ending, Progress
    from cnnbench.space import Sweep, Watch
    from cnnbench.store import Plan, Run

REPORTS = Path("reports")
PRECISION = 0.02


def trace(
    target: Any,
    input_shape: Shape | Sequence[Shape] | None = None,
    *,
    batch_size: int = 1,
    dtype: str | None = None,
    include_top: bool = True,
    **params: Any,
) -> Graph:
    """The layers of a network, each with what it costs.

    Args:
        target: a name from `cnnbench list`, a `.keras` file, a SavedModel's folder,
            `package.module:factory`, or a Keras model.
        input_shape: of one sample, as (h, w, c); a list of them for several inputs; the
            target's own if None.
        batch_size: samples per forward pass.
        dtype: float32, float16 or bfloat16; a Keras model's own, else float32, if None.
        include_top: the classifier of a model of `keras.applications`.
        **params: the target's parameters, where its defaults do not do.

    Raises:
        UnknownNameError: no such target or parameter.
        TargetError: a file or a function that gives no model.
        ShapeError: a layer cannot take its input.
    """
    shapes = _shapes(input_shape)
    return targets.resolve(target, shapes, include_top, params).trace(shapes, batch_size, dtype)


def analyze(
    target: Any,
    input_shape: Shape | Sequence[Shape] | None = None,
    *,
    batch_size: int = 1,
    dtype: str | None = None,
    include_top: bool = True,
    **params: Any,
) -> Cost:
    """The cost on paper of a network; the arguments are those of `trace`."""
    return cost(
        trace(
            target,
            input_shape,
            batch_size=batch_size,
            dtype=dtype,
            include_top=include_top,
            **params,
        )
    )


def formula(target: str, /, **given: Any) -> Formula:
    """The closed forms of the cost of a catalogue entry.

    Args:
        target: a name from `cnnbench list`.
        **given: sizes (n, H, W, C) and parameters that stay numbers; all others that can be
            become symbols.

    Raises:
        UnknownNameError: no such entry or parameter.
        ShapeError: the block refuses these numbers.
    """
    from cnnbench.formulas import formula

    return formula(blocks.get(target), **given)


def _shapes(given: Shape | Sequence[Shape] | None) -> list[Shape] | None:
    if not given:
        return None
    shapes = [given] if isinstance(given[0], int) else given
    return [tuple(shape) for shape in shapes]  # type: ignore[arg-type]  # one or several


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
        precision: the half-width of an interval that is narrow enough, relative; `PRECISION`
            if neither this nor `launches` is given.
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
    from cnnbench import reporting, store, suites
    from cnnbench.machine import probing
    from cnnbench.progress import Silent
    from cnnbench.runner import session
    from cnnbench.runner.loop import Ending

    chosen = suites.load(suite)
    folder = Path(out) if out else _latest(chosen.name) if resume else _new(chosen.name)
    earlier = store.read(folder) if resume else None
    if earlier is None:
        store.check_free(folder)
    measuring = session.start(earlier.plan.runtime if earlier else runtime)
    if earlier:
        _same_run(earlier, chosen.name, measuring.described)
        plan = replace(earlier.plan, time_budget_s=time_budget or earlier.plan.time_budget_s)
        file = store.resume(folder)
    else:
        kinds = _devices(device, measuring.described)
        plan = store.Plan(
            suite=chosen.name,
            description=chosen.description,
            cases=chosen.cases(kinds),
            together=chosen.together(kinds),
            comparisons=chosen.comparisons(),
            blocks=chosen.blocks(),
            launches=launches or chosen.launches,
            precision=precision or (None if launches else PRECISION),
            reference=True,
            seed=SystemRandom().randrange(2**31) if seed is None else seed,
            time_budget_s=time_budget or chosen.time_budget,
            timeout_s=timeout,
            runtime=runtime,
            threads=threads,
            command=command,
        )
        file = store.create(folder, plan)
    progress = progress or Silent()
    with file:
        try:
            if ceilings and not (earlier and earlier.ceilings):
                for ceiling in probing.of_cases(plan.cases, measuring, plan.threads, progress):
                    file.append("ceilings", ceiling.to_json())
            ending = measuring.continued(plan, file, progress, earlier)
        except KeyboardInterrupt:  # among the ceilings; the run itself ends by its own word
            done = len(earlier.measurements) if earlier else 0
            ending = Ending("interrupted", 0, len(plan.cases) * plan.launches - done)
    return Finished(folder, reporting.write(folder), ending)


def report(folder: Path | str) -> Path:
    """Write the report of a stored run again; returns its page.

    Of pytest-benchmark's JSON, a file or a folder of files, the page goes to `FOLDER-report`.

    Raises:
        StoreError: there is no run in the folder.
    """
    from cnnbench import reporting, sources

    if sources.benchmarks(str(folder)):
        return reporting.write_benchmarks(Path(folder))
    return reporting.write(Path(folder))


def results(folder: Path | str) -> DataFrame:
    """The results of a stored run, one row a case, in base units.

    Raises:
        StoreError: there is no run in the folder.
    """
    from cnnbench import reporting

    return reporting.as_frame(Path(folder))


def compare(
    base: Path | str,
    new: Path | str | None = None,
    *,
    metric: str = "time",
    blocks: tuple[str, str] | None = None,
) -> Compared:
    """Two runs case by case, or two blocks of one run; `.records()` is for a pandas frame.

    Args:
        base: a run's folder, a baseline, or pytest-benchmark's JSON (a file, or a folder).
        new: the same; None where two blocks are compared.
        metric: time, memory, params or flops.
        blocks: the labels of two blocks of `base`, which are paired launch by launch.

    Raises:
        CnnbenchError: there is no such run or block, or nothing in common.
    """
    from cnnbench import comparison, sources

    if (new is None) == (blocks is None):
        raise CnnbenchError("compare takes two runs, or one run and two of its blocks")
    left = sources.recording(str(base))
    if blocks:
        before, after = map(left.of_block, blocks)
        return comparison.compare(before, after, metric, paired=True)
    return comparison.compare(left, sources.recording(str(new)), metric)


def save_baseline(name: str, run: Path | str, *, replace: bool = False) -> Path:
    """Keep a copy of a run under a name; see `cnnbench.baselines.save`."""
    from cnnbench import baselines

    return baselines.save(name, Path(run), replace=replace)


def list_baselines() -> list[Baseline]:
    """The baselines that there are, in the order of their names."""
    from cnnbench.baselines import read_all

    return read_all()


def remove_baseline(name: str) -> None:
    """Forget a baseline; see `cnnbench.baselines.remove`."""
    from cnnbench import baselines

    baselines.remove(name)


@dataclass(frozen=True, slots=True)
class Exported:
    """The bytes of a file, and the cases that its format has no place for."""

    data: bytes
    left_out: tuple[str, ...] = ()


def export(
    run: Path | str, format: str = "csv", *, per: str = "case", out: Path | None = None
) -> Exported:
    """A stored run for other tools.

    Args:
        run: its folder, or a baseline.
        format: csv, parquet or pytest-benchmark.
        per: what a row of the first two is: a case, a launch or a call.
        out: the file to write; none if None.

    Raises:
        StoreError: there is no run, or nothing in it, or the file cannot be written.
        CnnbenchError: another format, or one whose library is not installed.
    """
    from cnnbench import exchange, reporting, sources

    stored = sources.run(str(run))
    if format == "pytest-benchmark":
        text, left_out = exchange.write(stored)
        found = Exported(text.encode(), tuple(left_out))
    else:
        found = Exported(reporting.export(stored, format, per))
    if out is not None:
        exchange.save(out, found.data)
    return found


def sweep(
    target: str,
    grid: Mapping[str, Any],
    input_shape: Shape | None = None,
    *,
    dtype: str = "float32",
    at_most: Mapping[str, int] | None = None,
    at_least: Mapping[str, int] | None = None,
    minimize: Sequence[str] | None = None,
    maximize: Sequence[str] | None = None,
    pareto: bool = False,
    top: int = 20,
    sample: int | None = None,
    seed: int = 0,
    watch: Watch | None = None,
    measure: int = 0,
    progress: Progress | None = None,
    out: Path | str | None = None,
    runtime: str = "tensorflow",
    launches: int = 3,
    time_budget: float = 120.0,
) -> Sweep:
    """Cost every combination of some parameters and sizes of a block, and keep the best.

    The metrics are params, macs, flops, activation, peak (of activation memory), memory (that
    and the weights), all of which one wants small, and channels, those of the output: the width
    that a block hands to the next one, which is what the cost on paper buys. So by default the
    FLOPs should be small and the output channels many. The parameters can be that in their
    place (`maximize=["params"]`); at stride 1 they are nearly proportional to the FLOPs.

    Args:
        target: a name from `cnnbench list`.
        grid: a range or a list of values by parameter, or one value; also of `input_size`
            (square), `input_channels` and `batch`.
        input_shape: of one sample, as (h, w, c); the entry's own if None.
        dtype: float32, float16 or bfloat16.
        at_most: what a metric may be.
        at_least: what a metric must be.
        minimize: metrics; FLOPs if None.
        maximize: metrics; output channels if None.
        pareto: keep those that no other beats in all of these, exactly; of equal ones the
            first. Else keep the best in one metric, then in the next: those to maximize first,
            unless only others are given.
        top: rows that are kept, of a front evenly along it; 0 for all.
        sample: configurations to try, drawn evenly from the grid; all if None.
        seed: of the sample.
        watch: told how many configurations are done, and of how many.
        measure: rows to put on a stopwatch, on the CPU.
        progress: who is told of that.
        out: a folder that keeps what was measured; none if None.
        runtime: tensorflow, fake, or a module of your own.
        launches: processes per row.
        time_budget: seconds for all launches.

    Raises:
        UnknownNameError: no such entry, parameter or metric.
        CnnbenchError: an empty grid, one that is too large, or nothing in it that can be built
            within the limits.
    """
    from cnnbench import space, store
    from cnnbench.space.grid import grid as grid_of

    started = None
    if measure:
        from cnnbench.runner import session

        # What is wrong with these is said before minutes are spent.
        if measure < 0:
            raise CnnbenchError(f"at least 1 configuration must be measured; got {measure}")
        if out is not None:
            store.check_free(Path(out))
        started = session.start(runtime)
    found = space.sweep(
        grid_of(blocks.get(target), grid, input_shape, dtype),
        at_most=at_most or {},
        at_least=at_least or {},
        minimize=minimize,
        maximize=maximize,
        pareto=pareto,
        top=top,
        sample=sample,
        seed=seed,
        watch=watch,
    )
    if started is None:
        return found
    from cnnbench.progress import Silent
    from cnnbench.space.measured import measure as measured

    folder = None if out is None else Path(out)
    watching = progress or Silent()
    plan = {"launches": launches, "time_budget_s": time_budget}
    return replace(found, measured=measured(found, measure, started, watching, folder, **plan))


def doctor(
    *,
    noise_s: float | None = 20.0,
    runtime: str = "tensorflow",
    progress: Progress | None = None,
    told: Callable[[Sequence[Finding]], None] | None = None,
) -> Health:
    """Whether this machine is fit for timing, and the smallest difference that it can show.

    Args:
        noise_s: seconds for the noise floor, the start of the runtime included; None for none.
        runtime: what measures it.
        progress: who is told of its launches; nobody if None.
        told: called with the findings before the noise floor is measured.

    Raises:
        CnnbenchError: there is no such runtime.
    """
    from cnnbench.machine import checkup
    from cnnbench.progress import Silent

    return checkup.checkup(noise_s, runtime, progress or Silent(), told)


def roofline(
    target: Any = None,
    input_shape: Shape | Sequence[Shape] | None = None,
    *,
    batch_size: int = 1,
    dtype: str | None = None,
    include_top: bool = True,
    seconds: float | None = None,
    on: str | None = None,
    peak: float | None = None,
    bandwidth: float | None = None,
    device: str = "cpu",
    threads: int | None = None,
    runtime: str = "tensorflow",
    again: bool = False,
    progress: Progress | None = None,
    **params: Any,
) -> tuple[str, Roofline]:
    """What a network is called, and the least time of its layers on a device.

    Args:
        target: as for `trace`; None for the ceilings of the device alone.
        input_shape: of one sample; the target's own if None.
        batch_size: samples per forward pass.
        dtype: as for `trace`.
        include_top: as for `trace`.
        seconds: of one forward pass; whether it is possible is then judged.
        on: a known device; this machine if None and no peak is given.
        peak: FLOP/s, instead of a device.
        bandwidth: bytes a second, with a peak.
        device: of this machine: cpu or gpu.
        threads: that one operation may use; all cores if None.
        runtime: what measures this machine, where it was not measured before.
        again: measure it in any case.
        progress: who is told of that.
        **params: the target's parameters.

    Raises:
        CnnbenchError: what `trace` raises; no such device; a time without a network.
    """
    from cnnbench.machine import devices, probing
    from cnnbench.machine.roofline import given, roofline
    from cnnbench.progress import Silent

    if on is not None and peak is not None:
        raise CnnbenchError("a known device and a peak are two answers; choose one")
    if target is None and seconds is not None:
        raise CnnbenchError("a time can be judged only of a network; name one")
    shapes = _shapes(input_shape)
    title, graph, note = "", None, ""
    if target is not None:
        found = targets.resolve(target, shapes, include_top, params)
        title, graph = found.title, found.trace(shapes, batch_size, dtype)
    kind = graph.dtype if graph else dtype or "float32"
    if on is not None:
        ceilings = devices.get(on)
    elif peak is not None:
        ceilings = given(peak, bandwidth, kind)
    else:
        measured = probing.find(runtime, device, kind, threads, progress or Silent(), again=again)
        if measured.ceiling is None:
            raise CnnbenchError(measured.note)
        ceilings, note = {kind: measured.ceiling}, measured.note
    return title, roofline(ceilings, graph, seconds, note)


def predict(
    target: Any,
    input_shape: Shape | Sequence[Shape] | None = None,
    *,
    batch_size: int = 1,
    dtype: str | None = None,
    include_top: bool = True,
    calibrate: bool = False,
    runtime: str = "tensorflow",
    progress: Progress | None = None,
    **params: Any,
) -> tuple[str, Prediction]:
    """What a network is called, and the time and peak memory that it should take here.

    Args:
        target: as for `trace`, or what `targets.resolve` made of it.
        input_shape: of one sample; the target's own if None.
        batch_size: samples per forward pass.
        dtype: float32, which is what is calibrated.
        include_top: as for `trace`.
        calibrate: measure this machine again, though it was measured before.
        runtime: what measures it.
        progress: who is told of that; nobody if None.
        **params: the target's parameters.

    Raises:
        CnnbenchError: what `trace` raises; another type; the machine cannot be calibrated.
    """
    from cnnbench.prediction import calibration, forecast
    from cnnbench.progress import Silent

    shapes = _shapes(input_shape)
    resolved = isinstance(target, (targets.CatalogueTarget, targets.KerasTarget))
    found = target if resolved else targets.resolve(target, shapes, include_top, params)
    graph = found.trace(shapes, batch_size, dtype)
    forecast.check(graph)  # before a minute is spent
    measured = calibration.find(runtime, progress or Silent(), calibrate)
    return found.title, forecast.forecast(graph, measured.calibration, measured.note)


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
        time_budget: seconds for all launches; eight minutes, or what was planned, if None.
        threads: that one operation may use; all cores if None.
        runtime: tensorflow, fake, or a module of your own.
        progress: who is told; nobody if None.
        command: recorded, so that the report can say how it was made.
        report: a folder to write the report into.
        figure: a file to draw the first claim into.

    Raises:
        CnnbenchError: anything wrong with these.
    """
    from cnnbench import sources, store
    from cnnbench.claims import finding, load

    if figure is not None and Path(figure).suffix.lower() != ".png":
        raise CnnbenchError(f"a figure must end in .png; got {Path(figure).name!r}")
    chosen = load(claims)
    judged = finding.judged(chosen)
    stored, ending = sources.run(str(run)) if run is not None else None, None
    if measure:
        folder = Path(out) if out else _latest("claims") if resume else _new("claims")
        groups = finding.groups(judged)
        cases = {case.id: case for group in groups for case in group}
        if not cases:
            raise CnnbenchError("nothing in these claims takes a run to judge")
        plan = store.Plan(
            suite="claims",
            description="what it takes to judge claims about time and memory",
            cases=tuple(cases.values()),
            together=tuple(tuple(case.id for case in group) for group in groups),
            launches=launches,
            seed=SystemRandom().randrange(2**31),
            time_budget_s=time_budget or 480.0,
            runtime=runtime,
            threads=threads,
            command=command,
        )
        ending = _measured(plan, folder, time_budget, resume, progress)
        stored = store.read(folder)
        report = report or folder
    if stored:
        judged = finding.judged(chosen, stored)
    page = None
    if report is not None:
        from cnnbench.reporting import claims_page

        page = claims_page.write(judged, stored, Path(report))
    if figure is not None:
        from cnnbench.reporting import claim_figure

        claim_figure.write(judged[0], Path(figure))
    return Verified(tuple(judged), stored, page, ending)


def _measured(
    plan: Plan, folder: Path, time_budget: float | None, resume: bool, progress: Progress | None
) -> Ending:
    """Measure what a plan asks for, or what the run in the folder still lacks of its own plan."""
    from cnnbench import store
    from cnnbench.progress import Silent
    from cnnbench.runner import session

    earlier = store.read(folder) if resume else None
    if earlier is None:
        store.check_free(folder)
    else:
        plan = replace(earlier.plan, time_budget_s=time_budget or earlier.plan.time_budget_s)
    measuring = session.start(plan.runtime)
    if earlier:
        _same_run(earlier, "claims", measuring.described)
    with store.resume(folder) if earlier else store.create(folder, plan) as file:
        return measuring.continued(plan, file, progress or Silent(), earlier)


def _new(suite: str) -> Path:
    return REPORTS / f"{suite}-{time.strftime('%Y%m%d-%H%M%S')}"


def _latest(suite: str) -> Path:
    from cnnbench.store import FILE

    found = sorted(path.parent for path in REPORTS.glob(f"{suite}-*/{FILE}"))
    if not found:
        raise StoreError(
            f"no run of {suite} under {REPORTS}/ to continue; name its folder with --out"
        )
    return found[-1]


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


def _same_run(earlier: Run, suite: str, described: dict[str, Any]) -> None:
    """Refuse to mix samples that cannot be compared into one run."""
    import platform

    if earlier.plan.suite != suite:
        raise StoreError(
            f"{earlier.folder} holds a run of {earlier.plan.suite}, not of {suite}; "
            "name the suite that it was started with"
        )
    for measurement in earlier.measurements[:1]:
        before = measurement.environment
        now = {"host": platform.node(), **described["versions"]}
        then = {"host": before.get("host"), **before.get("versions", {})}
        for key, value in now.items():
            if then.get(key) != value:
                raise StoreError(
                    f"{earlier.folder} was measured with {key} {then.get(key)}, this is {value}; "
                    "start a new run instead of continuing it"
                )
