"""Check: whether Keras has the same layers, parameters and shapes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.page import Data
from cnnbench.reporting.tables import Table
from cnnbench.runs.result import Result

ORDER = 80


def add(document: Document, data: Data) -> None:
    """How many cases agree with Keras, and the result for every network."""
    document.section("Check against Keras")
    document.text(summary(data.results))
    document.table(rows(data.results))


def rows(results: Iterable[Result]) -> Table:
    """The result of the comparison with Keras: one row for each network and result."""
    groups: dict[tuple[str, str], list[Result]] = {}
    for r in results:
        if r.equal is not None:
            groups.setdefault((r.network, r.check), []).append(r)
    headers = ["network", "input channels", "cases", "parameters", "result"]
    return headers, [
        [
            network,
            ", ".join(map(str, sorted({r.case.input_shape[-1] for r in group}))),
            str(len(group)),
            " to ".join(f"{p:,}" for p in sorted({min(params), max(params)})),
            outcome,
        ]
        for (network, outcome), group in groups.items()
        for params in [[r.cost.params for r in group]]
    ]


def summary(results: Sequence[Result]) -> str:
    """How many cases agree with Keras, in a sentence."""
    asked = [r for r in results if r.equal is not None]
    if not asked:
        return "No case was compared with Keras."
    equal = sum(r.equal is True for r in asked)
    rest = "" if len(asked) == len(results) else f"; {len(results) - len(asked)} were not compared"
    return (
        f"{equal} of {len(asked)} cases have, layer by layer, the parameters and output "
        f"shapes that Keras has{rest}."
    )
