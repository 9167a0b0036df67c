"""What the commands share: the application, common options, and parameters as NAME=VALUE."""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

import cnnbench
from cnnbench.errors import CnnbenchError

app = typer.Typer(
    help="What CNN blocks and models cost: on paper, checked against Keras, and on your machine.",
    add_completion=False,
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


class Format(StrEnum):
    """How most commands print."""

    table = "table"
    markdown = "markdown"
    csv = "csv"
    json = "json"


class TextFormat(StrEnum):
    """How those print whose answer is no single table."""

    table = "table"
    markdown = "markdown"
    json = "json"


Input = Annotated[
    str | None,
    typer.Option(help="Size of one sample, as 224x224x3; a,b for two inputs.", metavar="SIZE"),
]
Batch = Annotated[int, typer.Option(help="Samples per forward pass.")]
DType = Annotated[
    str | None,
    typer.Option(help="float32, float16 or bfloat16 [default: the model's, else float32]."),
]
Params = Annotated[
    list[str] | None,
    typer.Option("--param", "-p", help="A parameter of the target.", metavar="NAME=VALUE"),
]
IncludeTop = Annotated[bool, typer.Option(help="The classifier of a model of keras.applications.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads per operation.")]
Runtime = Annotated[str, typer.Option(help="tensorflow, or fake to try it out.")]


def _version(wanted: bool) -> None:
    if wanted:
        print(f"cnnbench {cnnbench.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help(), file=sys.stderr)
        raise typer.Exit(2)


def parse_params(pairs: Sequence[str]) -> dict[str, Any]:
    """n_filters=64 as {"n_filters": 64}."""
    params = {}
    for text in pairs:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise CnnbenchError(f"a parameter must look like n_filters=64; got {text!r}")
        params[name] = literal(value)
    return params


def literal(text: str) -> Any:
    """A Python literal; what is none is text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return text  # the exceptions that `literal_eval` is documented to raise
