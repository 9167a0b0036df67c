"""What of an analysis agrees with Keras and with TensorFlow's profiler (`analyze --check`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cnnbench.reporting.tables import MISSING, text_table

if TYPE_CHECKING:
    from cnnbench.crosscheck.pairing import Row

ANSWERS = {True: "equal", False: "DIFFERENT", None: "not counted there"}


def render(rows: Sequence[Row], style: str) -> str:
    """The rows of `agreement.report` as a table.

    Args:
        rows: totals, then what cannot be compared, then each difference.
        style: of tabulate.
    """
    body = [
        [
            row.what,
            _text(row.ours),
            _text(row.theirs),
            ANSWERS[row.equal],
        ]
        for row in rows
    ]
    return text_table(["checked", "cnnbench", "there", ""], body, style) + "\n"


def _text(value: object) -> str:
    return MISSING if value is None else f"{value:,}" if isinstance(value, int) else str(value)
