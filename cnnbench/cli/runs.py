"""The commands that measure, and show what was measured."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer import Argument, Option

from cnnbench import api, units
from cnnbench.cli import options
from cnnbench.cli.options import complete, show
from cnnbench.errors import CnnbenchError

INPUT = "A run, a folder of runs, a baseline, or pytest-benchmark's JSON: a file or a folder."


NOTHING_JUDGED = 3
"""The exit status of a gate of which a kind of limit had not a single case with an interval."""


def _stored(metavar: str, help: str) -> Any:
    """An argument that may be a baseline."""
    return Argument(help=help, metavar=metavar, autocompletion=complete(options.baselines))


def run(
    targets: Annotated[
        list[str] | None,
        Argument(
            help="Networks, as `analyze` takes them: all are compared with the first. Or one "
            "suite, by its name or as a TOML file. [default: the suite tutorial]",
            metavar="TARGET",
            autocompletion=complete(options.targets, options.suites),
        ),
    ] = None,
    input: options.Input = None,
    batch: Annotated[
        str,
        Option(
            help="Samples per call: 8; several as 1,8,32; or max: 1, 2, ... until memory is full.",
            metavar="NUMBERS",
        ),
    ] = "1",
    dtype: Annotated[
        str,
        Option(
            help="float32, float16, bfloat16, mixed_float16, mixed_bfloat16 or int8; several as "
            "float32,int8 [default: the network's own].",
            metavar="NAMES",
        ),
    ] = "",
    mode: Annotated[
        str,
        Option(
            help="graph, eager, xla, predict or train of tensorflow; several as graph,xla "
            "[default: the usual one].",
            metavar="NAMES",
        ),
    ] = "",
    param: options.Params = None,
    data: Annotated[
        str,
        Option(
            help="FILE.npz or module:function with real input [default: random].", metavar="SOURCE"
        ),
    ] = "",
    import_: options.Imports = None,
    out: Annotated[
        str | None, Option(help="Folder of the run [default: reports/NAME-TIME].", metavar="FOLDER")
    ] = None,
    resume: options.Resume = False,
    device: Annotated[
        str, Option(help="Where to measure: cpu, gpu (the first), gpu:1, or all.", metavar="DEVICE")
    ] = "all",
    launches: Annotated[int | None, Option(min=1, help="Processes per case, exactly.")] = None,
    precision: Annotated[
        str | None,
        Option(
            help="Keep launching until intervals are within this width [default: 2%].", metavar="%"
        ),
    ] = None,
    time_budget: Annotated[
        str | None, Option(help="For all launches: 90s, 5m, 1h.", metavar="TIME")
    ] = None,
    timeout: Annotated[
        str, Option(help="For one launch, and to open a network.", metavar="TIME")
    ] = "120s",
    seed: Annotated[int | None, Option(help="Of the order and the inputs.")] = None,
    threads: Annotated[
        str | None,
        Option(
            help="Threads per operation: 2, or several as 1,2,4 [default: all cores].",
            metavar="NUMBERS",
        ),
    ] = None,
    clients: Annotated[
        str | None,
        Option(
            help="Calls at once, each in a thread: 4, or several as 1,4 [default: 1].",
            metavar="NUMBERS",
        ),
    ] = None,
    runtime: options.Runtimes = "tensorflow",
    cluster: options.Cluster = None,
    each_kind: Annotated[
        bool,
        Option(
            "--each-kind",
            help="Measure on each kind of machine of the cluster, side by side in the report.",
        ),
    ] = False,
    ceilings: Annotated[
        bool, Option(help="Measure the machine's ceilings first, unless they are known.")
    ] = True,
    profile: Annotated[
        bool, Option("--profile", help="Also time each layer, where the runtime can.")
    ] = False,
    quiet: Annotated[bool, Option("--quiet", "-q", help="Only where the report is.")] = False,
    json: Annotated[bool, Option("--json", help="Progress and result as JSON.")] = False,
) -> None:
    """Time networks against each other, or a suite, and report."""
    from cnnbench.reporting.runs import summary
    from cnnbench.runner.progress import watcher  # here: `analyze` need not wait for pydantic

    if out == "":  # which pathlib takes for the folder that we are in
        raise CnnbenchError("--out must be a folder; got an empty name")
    width = None if precision is None else units.parse_percent(precision)
    if width == 0:
        raise CnnbenchError("--precision must be more than 0%; no interval has no width")
    with watcher(quiet, json) as progress:
        finished = api.run(
            *(targets or ()),
            input_shape=input,
            batch_size=batch if batch == "max" else _numbers("--batch", batch),
            dtype=options.listed(dtype),
            mode=options.listed(mode),
            params=options.parse_params(param),
            data=data,
            imports=import_ or (),
            out=out,
            resume=resume,
            device=device,
            launches=launches,
            precision=width,
            time_budget=None if time_budget is None else units.parse_duration(time_budget),
            timeout=units.parse_duration(timeout),
            seed=seed,
            threads=_numbers("--threads", threads) if threads is not None else None,
            clients=_numbers("--clients", clients) if clients is not None else None,
            runtime=runtime,
            cluster=cluster,
            each_kind=each_kind,
            progress=progress,
            command=shlex.join(["cnnbench", *sys.argv[1:]]),
            ceilings=ceilings,
            profile=profile,
        )
    every = (finished, *finished.others)
    if json:
        from json import dumps

        reason = next((x.ending.reason for x in every if x.ending.reason != "done"), "done")
        print(dumps({"event": "end", "reason": reason, "report": str(finished.page)}))
    elif quiet:
        print(finished.page)
    else:
        for one in every:
            if each_kind:
                print(f"\n{one.folder}:")
            print("\n" + show(summary.document(one.run), "table"), end="")
        early = dict.fromkeys(x.ending.reason for x in every if x.ending.reason != "done")
        if early:
            where = [] if cluster is None else ["--cluster", cluster]
            folder = finished.folder.parent if each_kind else finished.folder
            where += ["--each-kind"] * each_kind
            # What runs code is asked for again.
            where += [f"--import={module}" for module in import_ or ()]
            where += ["--data", data] if data else []
            where += ["--runtime", runtime] if "." in runtime else []
            again = shlex.join(["cnnbench", "run", *(targets or ()), "--out", str(folder), *where])
            count = sum(one.ending.remaining for one in every)
            print(
                f"\n{', '.join(early)}: {count} launches not made; continue with {again} --resume"
            )
        print(f"\nreport: {finished.page}")
    if finished.interrupted:
        raise typer.Exit(130)
    if not finished.measured:
        raise typer.Exit(1)


def _numbers(option: str, text: str) -> list[int]:
    """1,8,32 as a list."""
    parts = options.listed(text) or [""]
    if not all(part.isascii() and part.isdigit() and len(part) <= 18 for part in parts):
        raise CnnbenchError(f"{option} must look like 8 or 1,8,32; got {text!r}")
    return [int(part) for part in parts]


def report(
    runs: Annotated[
        list[str],
        Argument(
            help="Folder of a run; or several runs, folders of runs or baselines, side by side.",
            metavar="RUN",
            autocompletion=complete(options.baselines),
        ),
    ],
    out: Annotated[
        str | None,
        Option(
            help="Folder for the page of several runs [default: the folder that they are in].",
            metavar="FOLDER",
        ),
    ] = None,
    figures: Annotated[
        str, Option(help="Each figure also as svg, pdf or both: svg,pdf.", metavar="FORMATS")
    ] = "",
) -> None:
    """Write the page of a stored run again, or of runs side by side.

    index.html and README.md. Of several runs, as on several machines or runtimes, each is a
    column, with ratios to the first.
    """
    if out == "":  # pathlib would take it for the current folder
        raise CnnbenchError("--out must be a folder; got an empty name")
    print(f"report: {api.report(*runs, out=out, figures=options.listed(figures))}")


def compare(
    base: Annotated[str, _stored("BASE", INPUT)],
    new: Annotated[
        str | None,
        _stored("NEW", "The same; not with --blocks, nor to hold one run to --max-time."),
    ] = None,
    blocks: Annotated[
        tuple[str, str] | None,
        Option(help="Two blocks of one run, paired launch by launch.", metavar="BASE NEW"),
    ] = None,
    metric: Annotated[
        Literal["time", "memory", "params", "flops"], Option(help="What to compare.")
    ] = "time",
    fail_above: Annotated[
        list[str] | None,
        Option(
            help="Exit with 1 if the whole interval of a case is above this, or if a case broke. "
            "Repeatable, with cases by a shell pattern of their names, as 'resnet50 *: 10%': the "
            "last that matches counts, before one without a pattern. So for the four below.",
            metavar="[CASES:]5%",
        ),
    ] = None,
    max_time: Annotated[
        list[str] | None,
        Option(
            help="Exit with 1 if the whole interval of a case's time in NEW is above 20ms, say.",
            metavar="[CASES:]TIME",
        ),
    ] = None,
    max_memory: Annotated[
        list[str] | None,
        Option(help="The same for the measured peak memory: 40MiB.", metavar="[CASES:]SIZE"),
    ] = None,
    max_params: Annotated[
        list[str] | None,
        Option(help="The same for the parameters: 10M.", metavar="[CASES:]COUNT"),
    ] = None,
    max_flops: Annotated[
        list[str] | None,
        Option(help="The same for the FLOPs: 5G.", metavar="[CASES:]COUNT"),
    ] = None,
    format: options.Format = "table",
) -> None:
    """Are two runs different? Ratio, interval and verdict per case.

    One run alone is held against --max-time and the like. markdown is for a pull request: the
    verdict first, what did not change folded, at most 65,536 characters.

    A limit inside an interval is "not decided" and does not fail. The exit status is 1 if a limit
    is broken, and 3 if nothing could be judged.
    """
    from cnnbench.reporting.runs import compared_runs

    largest = {
        "max_time": options.by_pattern("--max-time", max_time),
        "max_memory": options.by_pattern("--max-memory", max_memory),
        "max_params": options.by_pattern("--max-params", max_params),
        "max_flops": options.by_pattern("--max-flops", max_flops),
    }
    change = options.by_pattern("--fail-above", fail_above)
    alone = new is None and blocks is None and any(largest.values())
    if alone and (change or metric != "time"):
        raise CnnbenchError("--fail-above and --metric compare two runs; name both")
    comparison = gate = None
    if alone:
        gate = api.gate(base, **largest)
        page, said = compared_runs.limits(gate), compared_runs.judged(gate)
    else:
        comparison = api.compare(base, new, metric=metric, blocks=blocks)
        if change or any(largest.values()):
            gate = comparison.gate(change, **largest)
        page = compared_runs.document(comparison, gate)
        said = compared_runs.remarks(comparison, gate)
    if format == "markdown":
        page = compared_runs.pull_request(comparison, gate)
    print(show(page, format), end="")
    if format == "csv":
        for line in said:
            print(line, file=sys.stderr)
    if gate and not gate.passed:
        raise typer.Exit(1 if gate.failed else NOTHING_JUDGED)


def history(
    runs: Annotated[
        list[str] | None,
        Argument(
            help="Folders of runs, runs, baselines, or files of pytest-benchmark. "
            "[default: all baselines]",
            metavar="RUNS",
            autocompletion=complete(options.baselines),
        ),
    ] = None,
    metric: Annotated[Literal["time", "memory"], Option(help="What to follow.")] = "time",
    since: Annotated[
        str,
        Option(
            help="Only runs since a date (2026-11-30), so many days (30d), or a commit of the "
            "project.",
            metavar="WHEN",
        ),
    ] = "",
    fail_on_change: Annotated[
        bool,
        Option("--fail-on-change", help="Exit with 1 if a case became slower, or needs more."),
    ] = False,
    report: Annotated[
        str | None, Option(help="Write a page with a figure into this folder.", metavar="FOLDER")
    ] = None,
    figure: Annotated[
        str | None, Option(help="Draw the figure into this file: .png, .svg, .pdf.", metavar="FILE")
    ] = None,
    format: options.Format = "table",
) -> None:
    """When did a case become slower, or need more memory?

    The time of a case counts by how many times the time of the reference beside it it took. Change
    points are found by PELT of the library ruptures, from the second run after a change on; in 50
    runs, 5 % or fewer of cases that did not change show one. The exit status is 3 if
    --fail-on-change has no case of four runs.
    """
    from cnnbench.reporting.runs import history as pages

    if "" in (report, figure):  # pathlib would take it for the current folder
        raise CnnbenchError("--report and --figure must name a folder and a file; got nothing")
    found = api.history(*(runs or ()), metric=metric, since=since, report=report, figure=figure)
    print(show(pages.document(found), format), end="")
    if format == "table":
        made = {"report": report and Path(report) / "README.md", "figure": figure}
        print("".join(f"{what}: {path}\n" for what, path in made.items() if path), end="")
    if format == "csv":
        for line in pages.remarks(found):
            print(line, file=sys.stderr)
    if fail_on_change and not (found.judged and not found.slower):
        raise typer.Exit(1 if found.slower else NOTHING_JUDGED)


def save(
    name: Annotated[str, Argument(help="Letters, digits, '.', '_' and '-'.", metavar="NAME")],
    run: Annotated[Path, Argument(help="Folder of a run.", metavar="FOLDER")],
    replace: Annotated[
        bool, Option("--replace", help="Overwrite a baseline of this name.")
    ] = False,
) -> None:
    """Keep a copy of a run under a name."""
    print(f"baseline {name}: {api.save_baseline(name, run, replace=replace)}")


def list_(format: options.TextFormat = "table") -> None:
    """List the baselines."""
    from cnnbench.reporting.runs.compared_runs import baselines

    print(show(baselines(api.list_baselines()), format), end="")


def remove(name: Annotated[str, _stored("NAME", "A name from `baseline list`.")]) -> None:
    """Delete a baseline."""
    api.remove_baseline(name)
    print(f"removed baseline {name}")


def export(
    run: Annotated[str, _stored("RUN", "A run's folder, or a baseline.")],
    format: Annotated[
        Literal["csv", "parquet", "pytest-benchmark"], Option(help="What to write.")
    ] = "csv",
    per: Annotated[
        Literal["case", "launch", "call"] | None,
        Option(help="What one row of CSV or Parquet is [default: case]."),
    ] = None,
    out: Annotated[
        Path | None, Option(help="File to write; printed if not given.", metavar="FILE")
    ] = None,
) -> None:
    """Export a stored run to other tools."""
    if format == "parquet" and out is None:
        raise CnnbenchError("parquet is not text; name a file with --out")
    if per and format == "pytest-benchmark":
        raise CnnbenchError("--per is for csv and parquet; pytest-benchmark has one row a case")
    exported = api.export(run, format, per=per or "case", out=out)
    if out is None:
        sys.stdout.write(exported.data.decode())
    else:
        print(f"{format}: {out}")
    for name in exported.left_out:
        print(f"left out: {name}", file=sys.stderr)
