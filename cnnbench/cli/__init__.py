"""The command line: parse, call one function of the package, print."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from typing import Annotated, Any

import typer

import cnnbench
from cnnbench.cli import analysis, claims, machines, options, runs, sweeps
from cnnbench.errors import CnnbenchError, one_line

_Commands = dict[str, tuple[Callable[..., None], str, str]]
"""Of each command its function, and two examples."""

# As `--help` lists them: on paper, on this machine, between runs, and what others say.
_COMMANDS: _Commands = {
    "list": (analysis.list_, "list", "list | grep resnet"),
    "analyze": (
        analysis.analyze,
        "analyze resnet50 --top 10",
        "analyze MobileNetV2 my.keras --sort flops",
    ),
    "formula": (
        analysis.formula,
        "formula vgg_block",
        "formula inception_module -p C=192 --format latex",
    ),
    "sweep": (
        sweeps.sweep,
        "sweep conv_stack -p n_conv=1:5 --max-flops 5G",
        "sweep inception_module -p f2_in=16:256:x2 --pareto",
    ),
    "run": (
        runs.run,
        "run MobileNetV2 my.keras --input 96x96x3 --time-budget 2m",
        "run tutorial --out reports/mine --resume",
    ),
    "report": (
        runs.report,
        "report reports/mine --figures svg,pdf",
        "report pytest-benchmark.json",
    ),
    "compare": (
        runs.compare,
        "compare reports/before reports/after",
        "compare main reports/after --fail-above 5% --max-time 20ms",
    ),
    "export": (
        runs.export,
        "export reports/mine --per launch --out launches.csv",
        "export reports/mine --format pytest-benchmark --out mine.json",
    ),
    "verify": (
        claims.verify,
        "verify less-compute-more-weights",
        "verify --run reports/mine --report reports/verdicts",
    ),
    "predict": (
        machines.predict,
        "predict resnet50 --top 3",
        "predict my.keras --input 96x96x3 --batch 8",
    ),
    "roofline": (machines.roofline, "roofline", "roofline ResNet50 --on A100 --time 4.16ms"),
    "doctor": (machines.doctor, "doctor", "doctor --no-noise --format json"),
}
_OF_BASELINES: _Commands = {
    "save": (
        runs.save,
        "baseline save main reports/mine",
        "baseline save main reports/newer --replace",
    ),
    "list": (runs.list_, "baseline list", "baseline list --format json"),
    "remove": (runs.remove, "baseline remove main", "baseline remove before-the-upgrade"),
}


_NO_TABLE = {"formula", "report", "export", "save", "remove"}


def _examples(*commands: str) -> str:
    return "\n".join(["\b", "Examples:", *(f"  cnnbench {command}" for command in commands)])


app = typer.Typer(
    help="What CNN blocks and models cost: on paper, checked against Keras, and on your machine.",
    epilog=_examples("analyze resnet50", "run"),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
_baseline = typer.Typer(
    help="Runs kept under a name, to compare later runs with.",
    epilog=_examples("baseline save main reports/mine", "compare main reports/newer"),
)
_shared = typer.Typer(add_completion=False)
_shared.command()(options.shared)


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        print(f"cnnbench {cnnbench.__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help(), file=sys.stderr)
        raise typer.Exit(2)


for _app, _table in ((app, _COMMANDS), (_baseline, _OF_BASELINES)):
    for _name, (_function, *_lines) in _table.items():
        _app.command(_name, epilog=_examples(*_lines))(_function)
app.add_typer(_baseline, name="baseline", no_args_is_help=False)
_command: Any = typer.main.get_command(app)  # once: Typer reads the signatures of all commands
_wide = typer.main.get_command(_shared).params
for _name, _each in (*_command.commands.items(), *_command.commands["baseline"].commands.items()):
    if _name not in _NO_TABLE:
        _each.params += _wide


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 2 for bad input, 130 after Ctrl-C."""
    try:
        return _command(args=argv, standalone_mode=False, prog_name="cnnbench") or 0
    except CnnbenchError as error:
        message = str(error)
    except typer.TyperException as error:
        message = one_line(_advised(error))
    print(f"cnnbench: {message}", file=sys.stderr)
    return 2


def _advised(error: typer.TyperException) -> str:
    """What is wrong, then an example where something is missing, or else where to read."""
    message = error.format_message().replace("Value error, ", "")  # of pydantic, inside Typer
    context = getattr(error, "ctx", None)
    if context is None:
        return message
    stop = "" if message.endswith((".", "?")) else "."
    if message.startswith("Missing") and context.command.epilog:
        return f"{message}{stop} For example: {context.command.epilog.splitlines()[2].strip()}"
    return f"{message}{stop} See: {context.command_path} -h"


def entry() -> None:
    """The `cnnbench` command; a letter that the terminal does not have becomes a question mark."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    raise SystemExit(main())
