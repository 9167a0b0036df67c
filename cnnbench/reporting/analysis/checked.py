"""What of an analysis agrees with Keras and with TensorFlow's profiler (`analyze --check`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cnnbench.reporting.document import Document
from cnnbench.reporting.tables import MISSING

if TYPE_CHECKING:
    from cnnbench.crosscheck.pairing import Agreement

ANSWERS = {True: "equal", False: "DIFFERENT", None: "not counted there"}


def document(rows: Sequence[Agreement]) -> Document:
    """The totals, then what cannot be compared, then each difference."""
    page = Document(data=[row.to_json() for row in rows])
    headers = ["checked", "cnnbench", "there", ""]
    page.table(
        (headers, [[x.what, _text(x.ours), _text(x.theirs), ANSWERS[x.equal]] for x in rows])
    )
    return page


def _text(value: object) -> str:
    return MISSING if value is None else f"{value:,}" if isinstance(value, int) else str(value)
