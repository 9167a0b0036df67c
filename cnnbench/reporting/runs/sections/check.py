"""Check: whether Keras has the same layers, parameters and shapes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.data import Data, grouped
from cnnbench.reporting.tables import Table
from cnnbench.runs.result import Result

ORDER = 64


def add(document: Document, data: Data) -> None:
    """How many cases agree with Keras, and the result for every network."""
    document.section("Can I trust it?")
    document.text(summary(data.results))
    with document.folded("What Keras has"):
        document.table(rows(data.results))


def rows(results: Iterable[Result]) -> Table:
    """The result of the comparison with Keras: one row for each network and result."""
    asked = [r for r in results if r.equal is not None]
    headers = ["network", "input channels", "cases", "parameters", "result"]
    body = []
    for (network, outcome), group in grouped(asked, lambda r: (r.network, r.check)).items():
        channels = sorted({r.case.input_shape[-1] for r in group})
        params = sorted(r.cost.params for r in group)
        span = " to ".join(f"{p:,}" for p in dict.fromkeys([params[0], params[-1]]))
        body.append([network, ", ".join(map(str, channels)), str(len(group)), span, outcome])
    return headers, body


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
