"""The commands that need no measurement: analyze, formula, list."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cnnbench import api, blocks, units
from cnnbench.cli.app import Batch, DType, IncludeTop, Input, Params, app, parse_params
from cnnbench.errors import CnnbenchError
from cnnbench.reporting.analysis import choice, costs
from cnnbench.reporting.document import Document
from cnnbench.reporting.formats import show


class Format(StrEnum):
    """How `analyze` prints."""

    table = "table"
    markdown = "markdown"
    csv = "csv"
    json = "json"
    mermaid = "mermaid"


class FormulaFormat(StrEnum):
    """How `formula` prints."""

    text = "text"
    latex = "latex"
    markdown = "markdown"


@app.command()
def analyze(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TARGET",
            help="Names from `cnnbench list`, .keras files, SavedModels, or module:function. "
            "Several are compared, one row each.",
            show_default=False,
        ),
    ] = None,
    input: Input = None,
    batch: Batch = 1,
    dtype: DType = None,
    param: Params = None,
    include_top: IncludeTop = True,
    fold: Annotated[
        bool,
        typer.Option("--fold", help="Treat each batch norm as part of the convolution before it."),
    ] = False,
    view: Annotated[
        str | None,
        typer.Option(help=f"What the table shows: {', '.join(costs.VIEWS)}.", metavar="NAME"),
    ] = None,
    depth: Annotated[int | None, typer.Option(min=1, help="How deep the tree is shown.")] = None,
    sort: Annotated[
        str | None,
        typer.Option(
            help=f"Layers with most of this first: {', '.join(costs.SORT_KEYS)}. Of several "
            f"networks, the best first: {', '.join(choice.SORT_KEYS)}.",
            metavar="NAME",
        ),
    ] = None,
    top: Annotated[int | None, typer.Option(min=1, help="Show only this many layers.")] = None,
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.table,
    as_: Annotated[
        str | None,
        typer.Option(
            "--as", help="Count as another tool does: fvcore, thop, xla, ...", metavar="TOOL"
        ),
    ] = None,
    explain_differences: Annotated[
        bool, typer.Option("--explain-differences", help="What every tool prints, and why.")
    ] = False,
    training: Annotated[
        str | None,
        typer.Option(help="One training step with this optimizer: adam, sgd, ...", metavar="NAME"),
    ] = None,
    memory: Annotated[
        str | None,
        typer.Option(
            help="The largest batch and input that fit into 8GiB, say, for a forward pass and to "
            "train with --training, or adam.",
            metavar="SIZE",
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Compare with Keras and TensorFlow's profiler; exit 1 if they differ."
        ),
    ] = False,
    all_applications: Annotated[
        bool, typer.Option("--all-applications", help="Compare all models of keras.applications.")
    ] = False,
    max_params: Annotated[
        str | None,
        typer.Option(help="Only networks with at most so many parameters: 10M.", metavar="COUNT"),
    ] = None,
    max_flops: Annotated[
        str | None,
        typer.Option(help="Only networks with at most so many FLOPs: 5G.", metavar="COUNT"),
    ] = None,
    max_memory: Annotated[
        str | None,
        typer.Option(help="Only networks whose peak memory is at most 40MiB, say.", metavar="SIZE"),
    ] = None,
    max_time: Annotated[
        str | None,
        typer.Option(help="Only networks predicted to take at most 20ms, say.", metavar="TIME"),
    ] = None,
    pareto: Annotated[
        str | None,
        typer.Option(
            help="Only networks that no other beats in both of two columns: top1:time.",
            metavar="A:B",
        ),
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option(
            help="Draw into this file (.png, .svg, .pdf) each layer's share; with --pareto the "
            "networks."
        ),
    ] = None,
) -> None:
    """Cost on paper, per layer and in total, or of several networks to choose from.

    The catalogue needs no framework.
    """
    shapes = None if input is None else units.parse_shapes(input)
    at: dict[str, Any] = {"input_shape": shapes, "batch_size": batch, "dtype": dtype}
    limits: dict[str, Any] = {
        "max_params": max_params,
        "max_flops": max_flops,
        "max_memory": max_memory,
        "max_time": max_time,
    }
    for_one = {
        "--param": param,
        "--fold": fold,
        "--view": view,
        "--depth": depth,
        "--top": top,
        "--format mermaid": format is Format.mermaid,
        "--as": as_,
        "--explain-differences": explain_differences,
        "--memory": memory,
        "--training": training,
        "--check": check,
    }
    names = targets or []
    several = len(names) != 1 or all_applications
    if several or any(value is not None for value in (pareto, *limits.values())):
        if not names and not all_applications:
            raise CnnbenchError("name a network (see cnnbench list), or give --all-applications")
        if given := _given(for_one):
            raise CnnbenchError(f"{', '.join(given)}: for one network, not to compare several")
        if figure is not None and not pareto:
            raise CnnbenchError("a figure of several networks needs --pareto, as top1:flops")
        with _progress() as progress:
            chosen = api.choose(
                names,
                all_applications=all_applications,
                include_top=include_top,
                sort=sort,
                pareto=pareto,
                progress=progress,
                **limits,
                **at,
            )
        text = show(choice.document(chosen), format.value)
        if figure is not None:
            from cnnbench.reporting.analysis import front

            front.write(chosen, figure)
            text += _drawn(figure, format)
        print(text, end="")
        return
    _go_together(for_one | {"--sort": sort}, format)
    network = api.analysis.resolved(names[0], shapes, include_top, parse_params(param or []))
    rows = []
    if memory is not None:
        from cnnbench.reporting.analysis import budget

        uses = (None, training or "adam")
        page = budget.capacity_document(
            [api.capacity(network, memory, optimizer=use, **at) for use in uses]
        )
    elif training is not None:
        from cnnbench.reporting.analysis import budget

        page = budget.training_document(api.training(network, optimizer=training, **at))
    else:
        graph = api.trace(network, fold=fold, **at)
        if as_ is not None or explain_differences:
            from cnnbench.reporting.analysis import differences

            page = (
                differences.document(graph)
                if as_ is None
                else differences.tool_document(graph, as_)
            )
        elif format is Format.mermaid:
            from cnnbench.reporting.analysis import mermaid

            page = mermaid.document(graph, depth)
        else:
            page = costs.document(graph, view=view, depth=depth, sort=sort, top=top)
    if check:
        from cnnbench.reporting.analysis import checked

        rows = api.check(network, **at)
        page.blocks += checked.document(rows).blocks
    text = show(page, "markdown" if format is Format.mermaid else format.value)
    if figure is not None:  # when nothing is left that could be refused
        from cnnbench.reporting.analysis import shares

        shares.shares(api.analyze(network, fold=fold, **at), figure)
        text += _drawn(figure, format)
    print(text, end="")
    if any(row.equal is False for row in rows):
        raise typer.Exit(1)


def _given(options: dict[str, Any]) -> list[str]:
    """The names of those that somebody gave."""
    return [name for name, value in options.items() if value not in (None, False, [])]


def _go_together(options: dict[str, Any], format: Format) -> None:
    """Refuse options that ask for different answers about one network."""
    given = _given(options)
    answers = ["--format mermaid", "--as", "--explain-differences", "--memory", "--training"]
    asked = [name for name in answers if name in given]
    if "--memory" in asked and "--training" in asked:
        asked.remove("--training")  # which says how to train
    of_tables = ["--view", "--sort", "--top", "--check"]
    if format is not Format.mermaid:
        of_tables.append("--depth")
    wrong = [name for name in of_tables if name in given]
    if len(asked) > 1:
        raise CnnbenchError(f"{' and '.join(asked)} are different answers; choose one")
    if asked and wrong:
        raise CnnbenchError(
            f"{', '.join(wrong)} {'is' if len(wrong) == 1 else 'are'} for tables, "
            f"not for {asked[0].removeprefix('--format ')}"
        )
    if "--check" in given and format in (Format.csv, Format.json):
        raise CnnbenchError(f"--check is for tables, not for {format.value}")
    if "--fold" in given and {"--training", "--memory", "--check"} & set(given):
        raise CnnbenchError("--fold is for inference; not with --training, --memory or --check")


def _drawn(figure: Path, format: Format) -> str:
    return f"figure: {figure}\n" if format is Format.table else ""


@contextmanager
def _progress() -> Iterator[Callable[[str], None] | None]:
    """Tell somebody who waits which network is analysed: forty of them take a minute."""
    if not sys.stderr.isatty():
        yield None
        return
    try:
        yield lambda name: print(f"\r\033[K{name} ...", end="", file=sys.stderr, flush=True)
    finally:
        print("\r\033[K", end="", file=sys.stderr, flush=True)


@app.command()
def formula(
    target: Annotated[str, typer.Argument(help="A block or model of the catalogue.")],
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param", "-p", help="A size or parameter to keep as a number.", metavar="NAME=VALUE"
        ),
    ] = None,
    format: Annotated[FormulaFormat, typer.Option(help="How to print it.")] = FormulaFormat.text,
) -> None:
    """Closed forms of the cost of a block, in n, H, W, C and its parameters."""
    from cnnbench.reporting.analysis import formulas

    closed = api.formula(target, **parse_params(param or []))
    if format is FormulaFormat.latex:
        print(formulas.latex(closed))
    elif format is FormulaFormat.markdown:
        print(show(formulas.document(closed, as_latex=True), "markdown"), end="")
    else:
        print(show(formulas.document(closed), "table"), end="")


@app.command("list")
def list_() -> None:
    """The blocks, models and suites that you can name."""
    from cnnbench.cases import suites
    from cnnbench.networks.applications import SIZES

    page = Document()
    for kind in ("block", "model"):
        entries = [e for e in blocks.catalogue().values() if e.kind == kind]
        rows = [[e.name, units.shape(e.input_shape), e.summary] for e in entries]
        page.table(([f"{kind}s", "input", ""], rows))
    by_size: dict[str, list[str]] = {}
    for name, side in SIZES.items():
        by_size.setdefault(units.shape((side, side, 3)), []).append(name)
    rows = [[size, ", ".join(names)] for size, names in by_size.items()]
    page.table((["input", "keras.applications"], rows), wrap=88)
    page.table((["suites", ""], list(map(list, suites.describe().items()))))
    print(show(page, "table"), end="")
