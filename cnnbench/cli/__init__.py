"""The command line: parse, call one function of the package, print."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from cnnbench.cli import analysis, claims, comparisons, machines, prediction, runs, sweeps
from cnnbench.cli.app import app
from cnnbench.errors import CnnbenchError, one_line

__all__ = [
    "analysis",
    "app",
    "claims",
    "comparisons",
    "entry",
    "machines",
    "main",
    "prediction",
    "runs",
    "sweeps",
]

# As `--help` lists them: on paper, on this machine, between runs, and what others say. Imports
# register commands in the order of the files' names.
_ORDER = (
    *("list_", "analyze", "formula", "sweep", "run", "report", "compare", "export"),
    *("verify", "predict", "roofline", "doctor"),
)
app.registered_commands.sort(
    key=lambda command: _ORDER.index(getattr(command.callback, "__name__", ""))
)
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
