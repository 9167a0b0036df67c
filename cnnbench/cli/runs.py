"""The commands that measure, and report what was measured."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer
from typer import Argument, Option

from cnnbench import api, units
from cnnbench.cli import options
from cnnbench.cli.options import complete, show
from cnnbench.errors import CnnbenchError


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
    timeout: options.Timeout = "120s",
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

    options.check_named(out=out)
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
            time_budget=time_budget,
            timeout=timeout,
            seed=seed,
            threads=_numbers("--threads", threads) if threads is not None else None,
            clients=_numbers("--clients", clients) if clients is not None else None,
            runtime=runtime,
            cluster=cluster,
            each_kind=each_kind,
            progress=progress,
            command=options.as_typed(),
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
            left = units.counted(sum(one.ending.remaining for one in every), "launch")
            print(f"\n{', '.join(early)}: {left} not made; continue with {again} --resume")
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
    options.check_named(out=out)
    print(f"report: {api.report(*runs, out=out, figures=options.listed(figures))}")
