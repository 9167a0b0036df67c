"""Not a benchmark: networks of public packages beside Keras and TensorFlow, for reports/agreement.

    python -m benchmarks.public [PACKAGE ...]

It counts those of the packages in `public_networks.toml` that are installed, and keeps a row for
each network in `public.csv`, from which `benchmarks.agreement report` writes its part of the page.
Keep the packages apart from the tests: pip install --no-deps --target FOLDER, and FOLDER on
PYTHONPATH. Each network has a process of its own, which is stopped after LIMIT.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import sys
import time
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from math import prod
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks import prose
from benchmarks.prose import cells
from cnnbench import crosscheck
from cnnbench.cost import cost
from cnnbench.errors import CnnbenchError
from cnnbench.networks import resolve
from cnnbench.networks.inputs import own_shapes
from cnnbench.networks.reader import NO_CALL
from cnnbench.reporting.document import Document

NETWORKS = Path(__file__).with_name("public_networks.toml")
FOLDER = Path(__file__).parent.parent / "reports" / "agreement"
FILE = "public.csv"
LIMIT = 120  # seconds for one network
OPEN = 16  # samples, words or pixels, where a network leaves the size of its input open

COLUMNS = (
    *("package", "version", "network", "result", "params", "keras_params", "weights", "macs"),
    *("traced_macs", "beside_macs", "reason", "seconds"),
)


def networks() -> Iterator[tuple[str, str]]:
    """Package and name of every network of the packages that are installed."""
    for package, table in tomllib.loads(NETWORKS.read_text(encoding="utf-8")).items():
        names = table["names"]
        for name in names.split() if isinstance(names, str) else names:
            yield package, name


def made(package: str, name: str) -> Any:
    """A network, by its package and its name in `public_networks.toml`."""
    import keras

    keras.utils.clear_session()
    table = tomllib.loads(NETWORKS.read_text(encoding="utf-8"))[package]
    scope: dict[str, Any] = {"keras": keras}
    for module in table.get("import", [package.replace("-", "_")]):
        importlib.import_module(module)
        top = module.partition(".")[0]
        scope[top] = sys.modules[top]
    return eval(table["make"].format(name), scope)


def counted(package: str, name: str) -> dict[str, Any]:
    """What is found of a network."""
    network = resolve("benchmarks.public:made", params={"package": package, "name": name})
    model = network.keras()
    sizes = [tuple(OPEN if n is None else n for n in shape) for shape in own_shapes(model)]
    graph = network.trace(sizes or None)
    found = cost(graph)
    open_layers = dict.fromkeys(f"{x.op}: {x.uncounted}" for x in found.uncounted)
    row = {
        "params": found.params,
        "keras_params": model.count_params(),
        "weights": sum(prod(v.shape) for v in {id(v): v for v in model.weights}.values()),
        "macs": int(found.macs),
    }
    try:
        rows = crosscheck.report(graph, model)
    except CnnbenchError as error:
        return row | {"result": "not compared", "reason": str(error)}
    (total,) = [x for x in rows if x.what.startswith("multiply-adds, by TensorFlow")]
    row["traced_macs"] = total.theirs
    row["beside_macs"] = sum(x.ours for x in rows if x.what.startswith("multiply-adds in "))
    wrong = [f"{x.what}: {x.ours} for {x.theirs}" for x in rows if x.equal is False]
    if row["params"] != row["weights"]:
        wrong.insert(0, "the parameters are not the values of the weights")
    uncalled = any(NO_CALL in x.uncounted for x in found.uncounted)
    if wrong and not (uncalled and total.equal and row["params"] == row["weights"]):
        return row | {"result": "differs", "reason": "; ".join(wrong[:4])}
    result = "at least" if open_layers else "agrees"
    return row | {"result": result, "reason": "; ".join(open_layers)}


def _child(pipe: Any, package: str, name: str) -> None:
    start = time.perf_counter()
    try:
        row = counted(package, name)
    except CnnbenchError as error:
        row = {"result": "refused", "reason": str(error)}
    except BaseException as error:  # a fault of ours, which must show
        import traceback

        last = traceback.extract_tb(error.__traceback__)[-1]
        at = f"{Path(last.filename).name}:{last.lineno}"
        row = {"result": "fails", "reason": f"{type(error).__name__}: {error} ({at})"}
    pipe.send(row | {"seconds": round(time.perf_counter() - start, 1)})


def run(*packages: str) -> None:
    """Count those that have no row yet, of some packages or of all."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tensorflow", "keras", "cnnbench.networks.reader", __name__])
    rows = table().to_dict("records") if (FOLDER / FILE).exists() else []
    known = {(row["package"], row["network"]) for row in rows}
    for package, name in networks():
        if (package, name) in known or (packages and package not in packages):
            continue
        try:
            release = version(package)
        except PackageNotFoundError:
            continue
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=_child, args=(theirs, package, name))
        child.start()
        theirs.close()
        row: dict[str, Any] = {"result": "stopped", "reason": f"after {LIMIT} s"}
        try:
            if ours.poll(LIMIT):
                row = ours.recv()
        except EOFError:
            row = {"result": "fails", "reason": "its process died"}
        child.kill()
        child.join()
        row |= {"package": package, "version": release, "network": name}
        row["reason"] = " ".join(str(row.get("reason", "")).split())[:300]
        print(f"{package} {name}: {row['result']} {row['reason'][:200]}", flush=True)
        rows.append(row)
        frame = pd.DataFrame(rows, columns=list(COLUMNS))
        frame.to_csv(FOLDER / FILE, index=False, lineterminator="\n")


RESULTS = {
    "agrees": "every weight is Keras', and every multiply-add that TensorFlow counts is ours",
    "at least": "a layer has no rule, or nothing calls its weights: it is named, and the total is "
    "a lower bound",
    "differs": "a number is not that of Keras or of TensorFlow's graph",
    "not compared": "counted, but TensorFlow does not trace it",
    "refused": "one line says why it is not counted",
    "fails": "an error of ours",
    "stopped": f"it took more than {LIMIT} s",
}

PAGE = """\
## Networks of public packages

{networks} networks of {packages} packages from PyPI that work with Keras 3, made without trained
weights and at small sizes: their own layers, operations of `keras.ops` and of TensorFlow itself,
attention, 3D, sequences, language models. Each is held against the values of its weights in Keras
and the multiply-adds of TensorFlow's graph.

{results}

In {beside} of those that agree a part of the multiply-adds has no statistic in TensorFlow (einsums,
transposed convolutions, loops), and is not compared.

{by_package}

Those that do not agree, and why:

{others}

A network that its package itself cannot make with Keras 3 is not in the list.
[public.csv](public.csv) has all rows; `python -m benchmarks.public` makes them.
"""


def add(page: Document) -> None:
    """Add this part to the page."""
    rows = table()
    counts = rows.result.value_counts()
    agrees = rows[rows.result == "agrees"]
    grouped = rows.groupby(["package", "version"], sort=True)
    tables = {
        "results": cells(
            ("result", "networks", "what it says"),
            ((name, int(counts[name]), RESULTS[name]) for name in RESULTS if name in counts),
        ),
        "by_package": cells(
            ("package", "networks", "agree"),
            (
                (f"{name} {release}", len(part), int((part.result == "agrees").sum()))
                for (name, release), part in grouped
            ),
        ),
        "others": cells(
            ("network", "result", "why"),
            (
                (f"{row.package}: `{row.network}`", row.result, row.reason)
                for row in rows[rows.result != "agrees"].itertuples()
            ),
        ),
    }
    prose.add(
        page,
        PAGE,
        tables,
        networks=len(rows),
        packages=rows.package.nunique(),
        beside=int((pd.to_numeric(agrees.beside_macs) > 0).sum()),
    )


def table() -> pd.DataFrame:
    """The rows that are stored."""
    return pd.read_csv(FOLDER / FILE, keep_default_na=False, dtype=str)


if __name__ == "__main__":
    os.environ["KERAS_BACKEND"] = "tensorflow"
    run(*sys.argv[1:])
