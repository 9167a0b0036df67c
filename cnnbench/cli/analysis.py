"""The commands that need no measurement: analyze, formula, list."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer import Argument, Option

from cnnbench import api, blocks, networks, units
from cnnbench.cli import options
from cnnbench.cli.options import complete, show
from cnnbench.errors import CnnbenchError
from cnnbench.reporting.analysis import choice, costs
from cnnbench.reporting.document import Document

Format = Literal["table", "markdown", "html", "csv", "json", "mermaid"]


def analyze(
    targets: Annotated[
        list[str] | None,
        Argument(
            metavar="TARGET",
            help="Names from `cnnbench list`, .keras files, SavedModels, or module:function. "
            "Several are compared, one row each.",
            show_default=False,
            autocompletion=complete(options.targets),
        ),
    ] = None,
    input: options.Input = None,
    batch: options.Batch = 1,
    dtype: options.DType = None,
    param: options.Params = None,
    include_top: options.IncludeTop = True,
    fold: Annotated[
        bool, Option("--fold", help="Treat each batch norm as part of the convolution before it.")
    ] = False,
    view: Annotated[
        str | None,
        Option(
            help=f"What the table shows: {', '.join(costs.VIEWS)}.",
            metavar="NAME",
            autocompletion=complete(lambda: costs.VIEWS),
        ),
    ] = None,
    depth: Annotated[int | None, Option(min=1, help="How deep the tree is shown.")] = None,
    sort: Annotated[
        str | None,
        Option(
            help=f"Layers with most of this first: {', '.join(costs.SORT_KEYS)}. Of several "
            f"networks, the best first: {', '.join(choice.SORT_KEYS)}.",
            metavar="NAME",
            autocompletion=complete(lambda: {*costs.SORT_KEYS, *choice.SORT_KEYS}),
        ),
    ] = None,
    top: options.Top = None,
    format: Annotated[Format, options.HOW] = "table",
    as_: Annotated[
        str | None,
        Option("--as", help="Count as another tool does: fvcore, thop, xla, ...", metavar="TOOL"),
    ] = None,
    explain_differences: Annotated[
        bool, Option("--explain-differences", help="What every tool prints, and why.")
    ] = False,
    training: Annotated[
        str | None,
        Option(help="One training step with this optimizer: adam, sgd, ...", metavar="NAME"),
    ] = None,
    memory: Annotated[
        str | None,
        Option(
            help="The largest batch and input that fit into 8GiB, say, for a forward pass and to "
            "train with --training, or adam.",
            metavar="SIZE",
        ),
    ] = None,
    check: Annotated[
        bool,
        Option(
            "--check", help="Compare with Keras and TensorFlow's profiler; exit 1 if they differ."
        ),
    ] = False,
    import_: options.Imports = None,
    unsafe: Annotated[
        bool, Option("--unsafe", help="Open a file although it may run code of who made it.")
    ] = False,
    all_applications: Annotated[
        bool, Option("--all-applications", help="Compare all models of keras.applications.")
    ] = False,
    max_params: Annotated[
        str | None,
        Option(help="Only networks with at most so many parameters: 10M.", metavar="COUNT"),
    ] = None,
    max_flops: Annotated[
        str | None, Option(help="Only networks with at most so many FLOPs: 5G.", metavar="COUNT")
    ] = None,
    max_memory: Annotated[
        str | None,
        Option(help="Only networks whose peak memory is at most 40MiB, say.", metavar="SIZE"),
    ] = None,
    max_time: Annotated[
        str | None,
        Option(help="Only networks predicted to take at most 20ms, say.", metavar="TIME"),
    ] = None,
    pareto: Annotated[
        str | None,
        Option(
            help="Only networks that no other beats in both of two columns: top1:time.",
            metavar="A:B",
        ),
    ] = None,
    figure: Annotated[
        Path | None,
        Option(
            help="Draw into this file (.png, .svg, .pdf) each layer's share; with --pareto the "
            "networks."
        ),
    ] = None,
    diagram: Annotated[
        Path | None,
        Option(
            help="Draw the architecture into this file (.svg, .png, .pdf), with shapes on the "
            "arrows; of two networks, side by side. --depth says how deep."
        ),
    ] = None,
) -> None:
    """Cost on paper: per layer, in total, or of several networks.

    The catalogue and most files need no framework.
    """
    at: dict[str, Any] = {"input_shape": input, "batch_size": batch, "dtype": dtype}
    limits: dict[str, Any] = {"max_params": max_params, "max_flops": max_flops}
    limits |= {"max_memory": max_memory, "max_time": max_time, "pareto": pareto}
    for_one = {
        "--param": param,
        "--fold": fold,
        "--view": view,
        "--depth": depth,
        "--top": top,
        "--format mermaid": format == "mermaid",
        "--as": as_,
        "--explain-differences": explain_differences,
        "--memory": memory,
        "--training": training,
        "--check": check,
        "--import": import_,
        "--unsafe": unsafe,
    }
    names = targets or []
    chosen = None
    rows = []
    if len(names) != 1 or all_applications or any(limit is not None for limit in limits.values()):
        if not names and not all_applications:
            raise CnnbenchError(
                "name a network (see cnnbench list), or give --all-applications; "
                "for example: cnnbench analyze resnet50"
            )
        if given := options.given_names(for_one):
            raise CnnbenchError(f"{', '.join(given)}: for one network, not to compare several")
        if figure is not None and not pareto:
            raise CnnbenchError("a figure of several networks needs --pareto, as top1:flops")
        if diagram is not None and (len(names) > 2 or all_applications):
            raise CnnbenchError("--diagram shows one network, or two side by side; got more")
        with _progress() as progress:
            chosen = api.choose(
                names,
                all_applications=all_applications,
                include_top=include_top,
                sort=sort,
                progress=progress,
                **(at | limits),
            )
        page = choice.document(chosen)
    else:
        _go_together(for_one | {"--sort": sort}, format)
        if unsafe:
            print(f"cnnbench: {names[0]} may run any code of whoever made it", file=sys.stderr)
        network = networks.resolve(
            names[0], input, include_top, options.parse_params(param), unsafe, import_ or ()
        )
        # What one command shows is imported with it: the others would take a tenth of its time.
        if memory is not None or training is not None:
            from cnnbench.reporting.analysis import budget
        if as_ is not None or explain_differences or check:
            from cnnbench.reporting.analysis import differences
        if memory is not None:
            uses = (None, training or "adam")
            found = [api.capacity(network, memory, optimizer=use, **at) for use in uses]
            page = budget.capacity_document(found)
        elif training is not None:
            page = budget.training_document(api.training(network, optimizer=training, **at))
        else:
            graph = api.trace(network, fold=fold, **at)
            if as_ is not None:
                page = differences.tool_document(graph, as_)
            elif explain_differences:
                page = differences.document(graph)
            elif format == "mermaid":
                from cnnbench.reporting.analysis import mermaid

                page = mermaid.document(graph, depth)
            else:
                page = costs.document(graph, view=view, depth=depth, sort=sort, top=top)
        if network.keras_because and format in ("table", "markdown", "html"):
            page.text(f"opened with Keras, which takes longer: {network.keras_because[0]}")
        if check:
            rows = api.check(network, **at)
            page.table(differences.checked(rows))
    text = show(page, "markdown" if format == "mermaid" else format)
    if figure is not None:  # when nothing is left that could be refused
        from cnnbench.reporting.analysis import figures

        if chosen:
            figures.front(chosen, figure)
        else:
            figures.shares(api.analyze(network, fold=fold, **at), figure)
        text += f"figure: {figure}\n" if format == "table" else ""
    if diagram is not None:
        shown = names if chosen else network
        api.diagram(shown, diagram, depth=depth, include_top=include_top, fold=fold, **at)
        text += f"diagram: {diagram}\n" if format == "table" else ""
    print(text, end="")
    if any(row.equal is False for row in rows):
        raise typer.Exit(1)


def _go_together(asked_for: dict[str, Any], format: Format) -> None:
    """Refuse options that ask for different answers about one network."""
    given = options.given_names(asked_for)
    answers = ["--format mermaid", "--as", "--explain-differences", "--memory", "--training"]
    asked = [name for name in answers if name in given]
    if "--memory" in asked and "--training" in asked:
        asked.remove("--training")  # which says how to train
    of_tables = ["--view", "--sort", "--top", "--check"]
    if format != "mermaid":
        of_tables.append("--depth")
    wrong = [name for name in of_tables if name in given]
    if len(asked) > 1:
        raise CnnbenchError(f"{' and '.join(asked)} are different answers; choose one")
    if asked and wrong:
        raise CnnbenchError(
            f"{', '.join(wrong)} {'is' if len(wrong) == 1 else 'are'} for tables, "
            f"not for {asked[0].removeprefix('--format ')}"
        )
    if "--check" in given and format in ("csv", "json"):
        raise CnnbenchError(f"--check is for tables, not for {format}")
    if "--fold" in given and {"--training", "--memory", "--check"} & set(given):
        raise CnnbenchError("--fold is for inference; not with --training, --memory or --check")


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


def formula(
    target: options.Entry,
    param: Annotated[
        list[str] | None,
        Option(
            "--param", "-p", help="A size or parameter to keep as a number.", metavar="NAME=VALUE"
        ),
    ] = None,
    format: Annotated[Literal["text", "latex", "markdown"], options.HOW] = "text",
) -> None:
    """The cost of a block as closed forms, in n, H, W and C."""
    from cnnbench.reporting.analysis import formulas

    closed = api.formula(target, **options.parse_params(param))
    if format == "latex":
        print(formulas.latex(closed))
    elif format == "markdown":
        print(show(formulas.document(closed, as_latex=True), "markdown"), end="")
    else:
        print(show(formulas.document(closed), "table"), end="")


def list_() -> None:
    """The blocks, models, suites and runtimes that you can name."""
    from cnnbench import runtimes
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
    rows = [
        [name, ", ".join(runtimes.load(name).MODES), runtimes.missing(name) or "installed"]
        for name in runtimes.names()
    ]
    page.table((["runtimes", "modes", ""], rows))
    print(show(page, "table"), end="")
