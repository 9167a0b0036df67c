"""Check: whether Keras has the same layers, parameters and shapes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.page import Data
from cnnbench.reporting.tables import Table
from cnnbench.runs.result import Result

ORDER = 80


def add(document: Document, data: Data) -> None:
    """How many cases agree, and the verdict on every network."""
    document.section("Check against Keras")
    document.text(summary(data.results))
    document.table(rows(data.results))


def rows(found: Iterable[Result]) -> Table:
    """The verdict of the comparison with Keras, a row a distinct network and verdict."""
    groups: dict[tuple[str, str], list[Result]] = {}
    for r in found:
        if r.equal is not None:
            groups.setdefault((r.network, r.check), []).append(r)
    headers = ["network", "input channels", "cases", "parameters", "verdict"]
    return headers, [
        [
            network,
            ", ".join(map(str, sorted({r.case.input_shape[-1] for r in group}))),
            str(len(group)),
            " to ".join(f"{p:,}" for p in sorted({min(params), max(params)})),
            verdict,
        ]
        for (network, verdict), group in groups.items()
        for params in [[r.cost.params for r in group]]
    ]


def summary(found: Sequence[Result]) -> str:
    """How many cases agree with Keras, in a sentence."""
    asked = [r for r in found if r.equal is not None]
    if not asked:
        return "No case was compared with Keras."
    equal = sum(r.equal is True for r in asked)
    rest = "" if len(asked) == len(found) else f"; {len(found) - len(asked)} were not compared"
    return (
        f"{equal} of {len(asked)} cases have, layer by layer, the parameters and output "
        f"shapes that Keras has{rest}."
    )
