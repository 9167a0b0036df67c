"""Not a benchmark: every application beside Keras, TensorFlow and XLA, for reports/agreement.

    python -m benchmarks.agreement tensorflow  traces them: layers.csv.gz and operations.csv
    python -m benchmarks.agreement jax         lowers their products: xla.csv.gz
    python -m benchmarks.agreement report      writes README.md and agreement.csv from these

The first two need Keras, and take a few minutes; the third needs nothing.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks import prose, public, xla_counts
from benchmarks.prose import cells
from cnnbench import units
from cnnbench.cost import cost
from cnnbench.crosscheck import pairing, profiler
from cnnbench.networks import resolve
from cnnbench.networks.applications import SIZES
from cnnbench.reporting import formats
from cnnbench.reporting.document import Document

FOLDER = Path(__file__).parent.parent / "reports" / "agreement"
SMALL = (97, 129, 3)  # odd and not square: every stride rounds, and "same" pads unevenly

LAYERS = (
    *("application", "input", "layer", "op", "params", "keras_params", "trainable"),
    *("keras_trainable", "shape", "traced_shape", "macs", "inside_macs", "traced_macs"),
    *("entered_macs", "not_compared"),
)
OPERATIONS = ("application", "input", "operation", "entered", "nodes", "flops")
XLA = ("application", "input", "layer", "xla_flops")
MODEL = ["application", "input"]

NUMBERS = (
    *("params", "keras_params", "trainable", "keras_trainable", "macs", "inside_macs"),
    *("traced_macs", "entered_macs"),
)
HEADS = {
    "application": "application",
    "input": "input",
    "params": "parameters",
    "layers": "layers",
    "equal_params": "equal in Keras",
    "equal_shapes": "in shape",
    "macs": "multiply-adds",
    "entered_macs": "in functions",
    "products": "products",
    "equal_products": "equal in TensorFlow",
    "inside_macs": "multiply-adds inside",
    "equal_xla_products": "equal in XLA",
}
"""The columns of the summary that the page shows, with their headers."""

MOVES, WORK = "moves or names values", "work that the profiler leaves out"
SILENT = {
    **dict.fromkeys(("Const", "Identity", "Placeholder", "StopGradient"), MOVES),
    **dict.fromkeys(("Cast", "ConcatV2", "Pad", "Reshape", "Squeeze", "StridedSlice"), MOVES),
    **dict.fromkeys(("Erfc", "Relu", "Relu6", "Sigmoid", "Sqrt"), WORK),
    "IdentityN": f"{MOVES}: a gradient of its own, of `silu`",
    "PartitionedCall": "a function, which the profiler does not enter: a grouped convolution",
}
"""TensorFlow's operations without a statistic, and what they are. A new one needs a line here."""

SUMS = (
    ("parameters", "{params}", "{keras_params} by Keras"),
    ("trainable parameters", "{trainable}", "{keras_trainable} by Keras"),
    ("layers", "{layers}", "{equal_params} in parameters, {equal_shapes} in shape"),
    ("multiply-adds", "{macs}", "{traced_macs} by TensorFlow's statistics"),
    (
        "products with weights",
        "{products}",
        "{equal_products} by TensorFlow, {equal_xla_products} by XLA",
    ),
)
"""What is added up over all models: ours, and how much of it the others give."""

PAGE = """\
# Do the counts agree?

Parameters, shapes and multiply-adds of {applications} models of `keras.applications`, each at its
default size with its classifier and at 97x129x3 (odd and oblong, so that strides round and
padding is uneven) without, one image, beside three independent counts:

- **Keras** {keras}: the parameters of its own variables, layer by layer;
- **TensorFlow** {tensorflow}: the shapes that it infers while it traces the model, and the
  statistics of its graph profiler (`float_operation`), operation by operation;
- **XLA** through JAX {jax}: the cost analysis of each product's program before optimisation.

{sums}

No layer is without a rule, and none was left out of the comparison.

## Every model

{models}

**Multiply-adds** count the taps on padding, as TensorFlow does; **inside** leaves them out, as XLA
does. **In functions** are those of the multiply-adds that TensorFlow's profiler does not show.
[agreement.csv](agreement.csv) has both sides of each number.

## Where the tools differ, and why

- **TensorFlow's profiler does not enter functions.** On a CPU, Keras runs a grouped convolution
  as a function compiled by XLA, so the profiler's total lacks {entered_macs} multiply-adds of the
  depthwise convolutions in {entered}.
  The same statistics, applied inside the function, give ours.
- **Padding.** XLA counts only taps inside the input, {share} of ours.
  Padding by a layer of its own (`ZeroPadding2D`) is input to the convolution after it, for
  everybody.
- **XLA's precision.** It adds up in 32-bit floats, so a count above 2^24 is rounded; ours is
  rounded likewise before the two are compared.
- **Everything that is no multiply-add** is counted by other conventions: the profiler's total
  holds, for one, every operation of a batch normalisation on its four vectors, which
  we fold into a scale and a shift, and nothing for a sigmoid. We do not compare it.

## What TensorFlow's profiler leaves out

Operations without a statistic in these {graphs} graphs:

{silent}

And those that have one:

{counted}

In functions it would count {functions} more, all in `Conv2D`.
"""
AGAIN = """\
## Again

    python -m benchmarks.agreement tensorflow && python -m benchmarks.agreement jax
    python -m benchmarks.agreement report

The raw data: [layers.csv.gz](layers.csv.gz), a row for each call of a layer;
[operations.csv](operations.csv), TensorFlow's operations by type; [xla.csv.gz](xla.csv.gz), a row
for each product. The tests compare the same live: `tests/crosscheck/test_applications.py` and
`make test-jax`.
"""


def models() -> Iterator[tuple[str, str, Any, Any]]:
    """Name, input size, our graph and the Keras model of each application, at both sizes."""
    import keras

    for name, side in SIZES.items():
        for shape in ((side, side, 3), SMALL):
            keras.utils.clear_session()  # so that names do not depend on what came before
            target = resolve(f"keras.applications.{name}", include_top=shape != SMALL)
            graph = target.trace([shape])
            assert not cost(graph).uncounted, name
            yield name, units.shape(shape), graph, target.keras([shape])  # type: ignore[attr-defined]


def tensorflow() -> None:
    """Trace every model with TensorFlow."""
    rows, operations = [], []
    for name, size, graph, model in models():
        trace = profiler.trace(graph, model)
        counted: dict[tuple[str, bool], list[int | None]] = defaultdict(list)
        for call in trace.calls:
            for x in call.operations:
                counted[x.type, x.entered].append(x.flops)
        for (op, entered), flops in sorted(counted.items()):
            known = [x for x in flops if x is not None]
            total = sum(known) if known else ""
            operations.append((name, size, op, int(entered), len(flops), total))
        for x in pairing.pair(graph, trace.calls):
            shapes = [" ".join(map(units.shape, y)) for y in (x.shapes, x.traced_shapes)]
            rows.append(
                (
                    *(name, size, x.name, x.op, x.params[0], x.keras_params[0], x.params[1]),
                    *(x.keras_params[1], *shapes, x.macs, x.inside_macs, x.traced_macs),
                    *(x.entered_macs, x.not_compared),
                )
            )
    _write("layers.csv.gz", LAYERS, rows)
    _write("operations.csv", OPERATIONS, operations)
    _versions("tensorflow", "keras")


def jax() -> None:
    """Lower every product of every model with JAX, each distinct one once."""
    rows, known = [], {}
    for name, size, graph, _ in models():
        for node in graph.nodes:
            if node.rule.macs:
                shape = graph.nodes[node.inputs[0]].rule.shape
                key = xla_counts.key(node, shape)
                if key not in known:
                    known[key] = xla_counts.flops(node, shape)
                layer = "/".join((*node.scope, node.name))
                rows.append((name, size, layer, f"{known[key]:.0f}"))
    _write("xla.csv.gz", XLA, rows)
    _versions("jax")


def summary() -> pd.DataFrame:
    """One row for each application and size, from the raw data."""
    layers = _read("layers.csv.gz").merge(_read("xla.csv.gz"), "left", [*MODEL, "layer"])
    product = (layers.macs > 0) | (layers.traced_macs > 0)
    flags = {
        "layers": True,
        "equal_params": (layers.params == layers.keras_params)
        & (layers.trainable == layers.keras_trainable),
        "equal_shapes": layers["shape"] == layers.traced_shape,
        "products": product,
        "equal_products": product
        & (layers.macs == layers.traced_macs)
        & (layers.not_compared == ""),
        # XLA keeps its count in a 32-bit float.
        "equal_xla_products": (2 * layers.inside_macs).astype("float32") == layers.xla_flops,
    }
    columns = [*NUMBERS, *flags]
    rows = layers.assign(**flags).groupby(MODEL, sort=False)[columns].sum().astype(int)
    operations = _read("operations.csv")
    rows["profiler_flops"] = operations[operations.entered == 0].groupby(MODEL).flops.sum()
    return rows.astype(int).reset_index()


def report() -> None:
    """Write the page and the table from the raw data."""
    rows = summary()
    rows.to_csv(FOLDER / "agreement.csv", index=False, lineterminator="\n")
    formats.write(page(rows), FOLDER)


def page(rows: pd.DataFrame) -> Document:
    """The page."""
    operations = _read("operations.csv")
    outside = operations[operations.entered == 0].groupby("operation", sort=False)
    nodes = outside.nodes.sum().sort_values(ascending=False, kind="stable")
    flops = outside.flops.sum(min_count=1).sort_values(ascending=False, kind="stable")
    share = rows.inside_macs / rows.macs
    said = {name: f"{value:,}" for name, value in rows.sum(numeric_only=True).items()}
    made = Document(rows=rows.to_dict("records"))
    tables = {
        "sums": cells(
            ("", "ours", "agree"), ((x, y.format(**said), z.format(**said)) for x, y, z in SUMS)
        ),
        "models": cells(HEADS.values(), rows[list(HEADS)].itertuples(index=False)),
        "silent": cells(
            ("operation", "times", "what it is"),
            ((op, n, SILENT[op]) for op, n in nodes.items() if pd.isna(flops[op])),
        ),
        "counted": cells(
            ("operation", "times", "FLOPs that it counts"),
            ((op, nodes[op], int(n)) for op, n in flops.dropna().items()),
        ),
    }
    prose.add(
        made,
        PAGE,
        tables,
        applications=rows.application.nunique(),
        graphs=len(rows),
        **said,
        **_read("versions.csv").set_index("package").version,
        entered=", ".join(rows.application[rows.entered_macs > 0].unique()),
        share=f"{share.min():.1%} to {share.max():.1%}",
        functions=f"{operations[operations.entered == 1].flops.sum():,.0f}",
    )
    public.add(made)
    prose.add(made, AGAIN, {})
    return made


def _versions(*names: str) -> None:
    file = FOLDER / "versions.csv"
    known = dict(_read("versions.csv").itertuples(index=False)) if file.exists() else {}
    known |= {name: version(name) for name in names}
    _write("versions.csv", ("package", "version"), sorted(known.items()))


def _write(name: str, columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    FOLDER.mkdir(exist_ok=True)
    # Without a time stamp, so that the same rows give the same bytes.
    how: Any = {"method": "gzip", "mtime": 0} if name.endswith(".gz") else None
    frame = pd.DataFrame(rows, columns=list(columns))
    frame.to_csv(FOLDER / name, index=False, lineterminator="\n", compression=how)


def _read(name: str) -> pd.DataFrame:
    return pd.read_csv(FOLDER / name, keep_default_na=False, na_values={"flops": ""})


if __name__ == "__main__":
    os.environ["KERAS_BACKEND"] = sys.argv[1]
    {"tensorflow": tensorflow, "jax": jax, "report": report}[sys.argv[1]]()
