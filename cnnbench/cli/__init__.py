"""The command line: parse, call one function of the package, print."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import TextIOWrapper
from pkgutil import resolve_name
from typing import Annotated, Any

import typer

import cnnbench
from cnnbench.cli import options
from cnnbench.errors import CnnbenchError, one_line

_Table = dict[str, Any]
"""Of each command its function, and two examples; then the command itself."""

# As `--help` lists them: on paper, on this machine, between runs, and what others say.
_COMMANDS: _Table = {
    "list": ("analysis:list_", "list", "list | grep resnet"),
    "analyze": (
        "analysis:analyze",
        "analyze resnet50 --top 10",
        "analyze MobileNetV2 my.keras --sort flops",
    ),
    "formula": (
        "analysis:formula",
        "formula vgg_block",
        "formula inception_module -p C=192 --format latex",
    ),
    "sweep": (
        "sweeps:sweep",
        "sweep conv_stack -p n_conv=1:5 --max-flops 5G",
        "sweep inception_module -p f2_in=16:256:x2 --pareto",
    ),
    "run": (
        "runs:run",
        "run MobileNetV2 my.keras --input 96x96x3 --time-budget 2m",
        "run tutorial --out reports/mine --resume",
    ),
    "report": (
        "runs:report",
        "report reports/mine --figures svg,pdf",
        "report runs/laptop runs/server --out reports/machines",
    ),
    "compare": (
        "stored:compare",
        "compare reports/before reports/after",
        "compare main reports/after --fail-above 5% --max-time 20ms",
    ),
    "history": (
        "stored:history",
        "history runs --since 30d --fail-on-change",
        "history runs --metric memory --report reports/history",
    ),
    "export": (
        "stored:export",
        "export reports/mine --per launch --out launches.csv",
        "export reports/mine --format pytest-benchmark --out mine.json",
    ),
    "verify": (
        "claims:verify",
        "verify less-compute-more-weights",
        "verify --run reports/mine --report reports/verdicts",
    ),
    "predict": (
        "machines:predict",
        "predict resnet50 --top 3",
        "predict my.keras --input 96x96x3 --batch 8",
    ),
    "profile": (
        "machines:profile",
        "profile MobileNetV2 --runtime onnxruntime --sort loss",
        "profile naive_inception_module --against inception_module",
    ),
    "advise": (
        "advice:advise",
        "advise MobileNetV2",
        "advise my.keras --input 96x96x3 --ways runtimes,layers",
    ),
    "roofline": ("machines:roofline", "roofline", "roofline ResNet50 --on A100 --time 4.16ms"),
    "doctor": ("machines:doctor", "doctor", "doctor --no-noise --format json"),
}
_OF_BASELINES: _Table = {
    "save": (
        "stored:save",
        "baseline save main reports/mine",
        "baseline save main reports/newer --replace",
    ),
    "list": ("stored:list_", "baseline list", "baseline list --format json"),
    "remove": ("stored:remove", "baseline remove main", "baseline remove before-the-upgrade"),
}


_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
_NO_TABLE = {"formula", "report", "export", "save", "remove"}


def _examples(*commands: str) -> str:
    return "\n".join(["\b", "Examples:", *(f"  cnnbench {command}" for command in commands)])


class _Built(Mapping[str, Any]):
    """The commands of a table, each imported and built when it is asked for.

    One command would wait for the options of all others, a tenth of a cold start.
    """

    def __init__(self, table: _Table) -> None:
        self._table = table

    def __getitem__(self, name: str) -> Any:
        if isinstance(found := self._table[name], tuple):
            self._table[name] = _build(name, *found)
        return self._table[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)


def _build(name: str, function: str, *examples: str) -> Any:
    command = _typer(resolve_name(f"{__name__}.{function}"), name, _examples(*examples))
    if name not in _NO_TABLE:
        command.params += _typer(options.shared).params
    return command


def _typer(function: Callable[..., None], name: str = "", epilog: str = "") -> Any:
    alone = typer.Typer(add_completion=False, context_settings=_SETTINGS, rich_markup_mode=None)
    alone.command(name, cls=_Command, epilog=epilog)(function)
    return typer.main.get_command(alone)


class _AsGiven:
    """Texts, and what nobody gave, need no conversion.

    Typer imports pydantic even for these, which takes a third of a cold start.
    """

    @staticmethod
    def coerce(value: Any, param: Any, ctx: typer.Context) -> Any:
        """What Typer makes of the value on the command line, or of the default."""
        if value == param.default or param.type_descriptor.annotation in (str, list[str]):
            return value
        return type(param).get_runtime_param(param).coerce(value, param=param, ctx=ctx)


def _light(params: list[Any]) -> list[Any]:
    for param in params:
        param.get_runtime_param = _AsGiven  # which Typer asks what to make of a value
    return params


class _Command(typer.core.TyperCommand):
    def get_params(self, ctx: Any) -> list[Any]:
        return _light(super().get_params(ctx))  # with --help, which is not in `params`


class _Group(typer.core.TyperGroup):
    def get_params(self, ctx: Any) -> list[Any]:
        return _light(super().get_params(ctx))


app = typer.Typer(
    cls=_Group,
    help="What CNN blocks and models cost: on paper, checked against Keras, and on your machine.",
    epilog=_examples("analyze resnet50", "run"),
    context_settings=_SETTINGS,
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


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


_COMMANDS["baseline"] = _Group(
    name="baseline",
    help="Runs kept under a name, to compare later runs with.",
    epilog=_examples("baseline save main reports/mine", "compare main reports/newer"),
    commands=_Built(_OF_BASELINES),  # type: ignore[arg-type]
    rich_markup_mode=None,
)
command: Any = typer.main.get_command(app)
command.commands = _Built(_COMMANDS)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 2 for bad input, 130 after Ctrl-C."""
    try:
        return command(args=argv, standalone_mode=False, prog_name="cnnbench") or 0
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
