"""The options that commands share, and how they are read."""

from __future__ import annotations

import ast
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from shutil import get_terminal_size
from typing import Annotated, Any, Literal

from typer import Argument, Option

from cnnbench import units
from cnnbench.errors import CnnbenchError
from cnnbench.reporting import formats
from cnnbench.reporting.document import Document


def complete(*kinds: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """What a shell offers when somebody types a name of one of some kinds and presses Tab."""

    def completed(incomplete: str) -> list[str]:
        return [name for kind in kinds for name in kind() if name.startswith(incomplete)]

    return completed


def blocks() -> Iterable[str]:
    """The names of the catalogue."""
    from cnnbench.blocks import catalogue

    return catalogue()


def targets() -> Iterable[str]:
    """The networks that have a name: of the catalogue and of keras.applications."""
    from cnnbench.networks.applications import SIZES

    return [*blocks(), *SIZES]


def suites() -> Iterable[str]:
    """The suites that come with the package."""
    from cnnbench.cases import suites

    return suites.names()


def claims() -> Iterable[str]:
    """The claims that can be judged."""
    from cnnbench import claims

    return claims.names()


def baselines() -> Iterable[str]:
    """The baselines that are kept on this machine."""
    from cnnbench.runs import baselines

    return baselines.names()


HOW = Option(help="How to print it.")
Format = Annotated[Literal["table", "markdown", "html", "csv", "json"], HOW]
TextFormat = Annotated[Literal["table", "markdown", "html", "json"], HOW]
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
Entry = Annotated[
    str,
    Argument(
        help="A block or model of the catalogue.",
        metavar="TARGET",
        autocompletion=complete(blocks),
    ),
]
Target = Annotated[
    str,
    Argument(help="What `analyze` takes.", metavar="TARGET", autocompletion=complete(targets)),
]
Batch = Annotated[int, Option(help="Samples per forward pass.")]
DType = Annotated[
    str | None,
    Option(
        help="float32, float16, bfloat16, mixed_float16, mixed_bfloat16 or int8 [default: the "
        "model's, else float32]."
    ),
]
Params = Annotated[
    list[str] | None,
    Option("--param", "-p", help="A parameter of the target.", metavar="NAME=VALUE"),
]
Imports = Annotated[
    list[str] | None,
    Option(
        "--import",
        help="Import this first: it registers layers that a file names.",
        metavar="MODULE",
    ),
]
IncludeTop = Annotated[bool, Option(help="The classifier of a model of keras.applications.")]
Top = Annotated[int | None, Option(min=1, help="Show only this many layers.")]
Resume = Annotated[
    bool, Option("--resume", help="Continue the run in --out, or the newest, as planned.")
]
Timeout = Annotated[str, Option(help="For one launch, and to open a network.", metavar="TIME")]
Quiet = Annotated[bool, Option("--quiet", "-q", help="No progress.")]
Threads = Annotated[int | None, Option(min=1, help="Threads per operation.")]
Runtimes = Annotated[
    str,
    Option(
        help="tensorflow, jax, torch, onnxruntime, openvino or litert; several as "
        "tensorflow,openvino; all that are installed as all. fake to try it out.",
        metavar="NAMES",
    ),
]
Cluster = Annotated[
    str | None,
    Option(
        help="Measure on the workers of a dask scheduler: HOST:8786; or local:N for N GPUs here.",
        metavar="ADDRESS",
    ),
]
Runtime = Annotated[str, Option(help="tensorflow, or fake to try it out.")]

_wide = ContextVar("wide", default=False)


def _remember(wide: bool) -> None:
    _wide.set(wide)


def shared(
    wide: Annotated[
        bool,
        Option(
            "--wide",
            help="Show all columns of a table, also those that do not fit the window.",
            callback=_remember,
            expose_value=False,
        ),
    ] = False,
) -> None:
    """The options of every command that prints tables; `cnnbench.cli` adds them."""


def show(page: Document, format: str) -> str:
    """A document to be printed: a table fits the window if there is one, a pipe gets all of it."""
    if format != "table" or not sys.stdout.isatty():
        return formats.show(page, format)
    from cnnbench.reporting import terminal  # here: a pipe need not wait for rich

    return terminal.text(page, get_terminal_size().columns, wide=_wide.get())


def say(**made: object) -> None:
    """Where each thing is that was made."""
    for what, place in made.items():
        if place:
            print(f"{what}: {place}")


def as_typed() -> str:
    """The command as somebody typed it."""
    return shlex.join(["cnnbench", *sys.argv[1:]])


def check_named(**options: str | None) -> None:
    """Refuse an empty name, which pathlib would take for the current folder."""
    for option, given in options.items():
        if given == "":
            raise CnnbenchError(f"--{option} must name a folder or a file; got an empty name")


def given_names(options: Mapping[str, Any]) -> list[str]:
    """The names of the options that somebody gave."""
    return [name for name, value in options.items() if value not in (None, False, [])]


def listed(text: str) -> list[str]:
    """graph,xla as a list of two; none of an empty text."""
    return [part.strip() for part in text.split(",")] if text else []


def parse_params(pairs: Sequence[str] | None) -> dict[str, Any]:
    """n_filters=64 as {"n_filters": 64}."""
    return {name: literal(value) for name, value in split(pairs, "n_filters=64")}


def by_pattern(name: str, texts: Sequence[str] | None) -> dict[str, str] | None:
    """5% and "resnet50 *: 10%" as {"*": "5%", "resnet50 *": "10%"}: in the order of the patterns.

    What has no pattern stands first, so that any pattern counts before it.
    """
    found: dict[str, str] = {}
    parts = [text.rpartition(":") for text in texts or ()]
    for pattern, colon, limit in sorted(parts, key=lambda part: bool(part[1])):
        if colon and not pattern.strip():
            raise CnnbenchError(f"{name} must name cases before the colon; got {colon + limit!r}")
        found.pop(pattern.strip() or "*", None)  # the last of a pattern stands last
        found[pattern.strip() or "*"] = limit.strip()
    return found or None


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
