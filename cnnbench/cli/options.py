"""The options that commands share, and how they are read."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from typer import Option

from cnnbench import units
from cnnbench.errors import CnnbenchError

HOW = Option(help="How to print it.")
Format = Annotated[Literal["table", "markdown", "csv", "json"], HOW]
TextFormat = Annotated[Literal["table", "markdown", "json"], HOW]
"""Of an answer that is no single table."""

# What a parser makes of a text can have any type: Typer would read `list` as an option to repeat.
Input = Annotated[
    Any,
    Option(
        parser=units.parse_shapes,
        help="Size of one sample, as 224x224x3; a,b for two inputs.",
        metavar="SIZE",
    ),
]
Batch = Annotated[int, Option(help="Samples per forward pass.")]
DType = Annotated[
    str | None, Option(help="float32, float16 or bfloat16 [default: the model's, else float32].")
]
Params = Annotated[
    list[str] | None,
    Option("--param", "-p", help="A parameter of the target.", metavar="NAME=VALUE"),
]
IncludeTop = Annotated[bool, Option(help="The classifier of a model of keras.applications.")]
Top = Annotated[int | None, Option(min=1, help="Show only this many layers.")]
Resume = Annotated[
    bool, Option("--resume", help="Continue the run in --out, or the newest, as planned.")
]
Threads = Annotated[int | None, Option(min=1, help="Threads per operation.")]
Runtime = Annotated[str, Option(help="tensorflow, or fake to try it out.")]


def given_names(options: Mapping[str, Any]) -> list[str]:
    """The names of the options that somebody gave."""
    return [name for name, value in options.items() if value not in (None, False, [])]


def parse_params(pairs: Sequence[str] | None) -> dict[str, Any]:
    """n_filters=64 as {"n_filters": 64}."""
    return {name: literal(value) for name, value in split(pairs, "n_filters=64")}


def split(pairs: Sequence[str] | None, like: str) -> Iterator[tuple[str, str]]:
    """The names and the values of some parameters; an error shows `like` as an example."""
    for pair in pairs or ():
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise CnnbenchError(f"a parameter must look like {like}; got {pair!r}")
        yield name, value


def literal(text: str) -> Any:
    """A Python literal; what is none is text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return text  # the exceptions that `literal_eval` is documented to raise
