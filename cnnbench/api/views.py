"""What a notebook shows of what the functions return: the documents that the commands print."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from cnnbench import records

if TYPE_CHECKING:
    from cnnbench.reporting.document import Document

Maker = Callable[[Any], "Document"]


def show(record: object, format: str) -> str:
    """A record as html or markdown; of long tables the first rows, the others folded."""
    from cnnbench.reporting import formats, html
    from cnnbench.reporting.document import ROWS

    page = document(record)
    return html.fragment(page) if format == "html" else formats.markdown(page, ROWS)


def document(record: object) -> Document:
    """The document of a record, or of a list of them; its fields where it has none of its own."""
    kind = type(record).__name__
    if isinstance(record, list):
        kind = f"{type(record[0]).__name__} list" if record else ""
    return DOCUMENTS.get(kind, _fields)(record)


def _of(where: str, **options: Any) -> Maker:
    """A function of `reporting`, which is imported when it is called: it may need matplotlib."""
    return lambda record: resolve_name(f"cnnbench.reporting.{where}")(record, **options)


def _finished(finished: Any) -> Document:
    page: Document = _of("runs.summary:document")(finished.run)
    page.text(f"report: `{finished.page}`")
    return page


def _checked(rows: Any) -> Document:
    from cnnbench.reporting.analysis import differences
    from cnnbench.reporting.document import Document

    page = Document()
    page.table(differences.checked(rows))
    return page


def _fields(record: Any) -> Document:
    from cnnbench.reporting.document import Document

    page = Document()
    page.text(repr(record))
    values = record.to_json() if isinstance(record, records.Record) else {}
    rows = [
        [name.replace("_", " "), f"{value:,}" if type(value) is int else str(value)]
        for name, value in values.items()
        if isinstance(value, (bool, int, float, str)) and value != ""
    ]
    page.table((["field", "value"], rows))
    return page


# By the names of classes, for importing those takes seconds. Whoever reads a table here can
# unfold it, so tables hold all rows.
DOCUMENTS: dict[str, Maker] = {
    "Cost": _of("analysis.costs:document", view="layers"),
    "Graph": _of("analysis.costs:document", view="layers"),
    "Formula": _of("analysis.formulas:document"),
    "Training": _of("analysis.budget:training_document"),
    "Capacity": lambda capacity: _of("analysis.budget:capacity_document")([capacity]),
    "Choice": _of("analysis.choice:document"),
    "ToolCount list": _of("analysis.differences:tools_document"),
    "Agreement list": _checked,
    "Sweep": _of("design_space.sweep:document"),
    "Finished": _finished,
    "RunComparison": _of("runs.compared_runs:document"),
    "Gate": _of("runs.compared_runs:limits"),
    "History": _of("runs.history:document"),
    "Baseline list": _of("runs.compared_runs:baselines"),
    "Verified": lambda it: _of("claims.verdicts:document", run=it.run, arguments=False)(it.claims),
    "JudgedClaim": lambda it: _of("claims.verdicts:document", run=None, arguments=True)([it]),
    "Health": _of("machine:health_document"),
    "Roofline": _of("machine:roofline_document", top=sys.maxsize),
    "Prediction": _of("prediction.forecast:document", top=sys.maxsize),
    "Advice": _of("advice:document"),
    "Profiled": _of("profiles:document", top=sys.maxsize),
}
records.print_with(show)
