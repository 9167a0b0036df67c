"""The command line: parse, call one function of the package, print."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

import cnnbench
from cnnbench.cli import analysis, claims, machines, runs, sweeps
from cnnbench.errors import CnnbenchError, one_line

app = typer.Typer(
    help="What CNN blocks and models cost: on paper, checked against Keras, and on your machine.",
    add_completion=False,
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


# As `--help` lists them: on paper, on this machine, between runs, and what others say.
app.command("list")(analysis.list_)
for _function in (
    *(analysis.analyze, analysis.formula, sweeps.sweep),
    *(runs.run, runs.report, runs.compare, runs.export, claims.verify),
    *(machines.predict, machines.roofline, machines.doctor),
):
    app.command()(_function)
app.add_typer(runs.baseline, name="baseline", no_args_is_help=False)
_command = typer.main.get_command(app)  # once: Typer reads the signatures of all commands


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 2 for bad input, 130 after Ctrl-C."""
    try:
        return _command(args=argv, standalone_mode=False, prog_name="cnnbench") or 0
    except CnnbenchError as error:
        message = str(error)
    except typer.TyperException as error:
        message = one_line(error.format_message())
    print(f"cnnbench: {message}", file=sys.stderr)
    return 2


def entry() -> None:
    """The `cnnbench` command."""
    raise SystemExit(main())
