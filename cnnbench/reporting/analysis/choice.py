"""Several networks in one table, to choose from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cnnbench import units
from cnnbench.analysis.candidates import KEYS, Candidate, Choice
from cnnbench.cost import CONVENTION
from cnnbench.reporting.document import Document
from cnnbench.reporting.tables import LEAST, MISSING, number

Step = Callable[[float], tuple[float, str]]

# Header, attribute of `Candidate`, in which unit, and whether it needs the rule of every layer.
_COLUMNS: tuple[tuple[str, str, Step, bool], ...] = (
    ("parameters", "params", units.count_step, False),
    ("MACs", "macs", units.count_step, True),
    ("FLOPs", "flops", units.count_step, True),
    ("weights", "weight_bytes", units.binary_step, False),
    ("peak memory", "peak_bytes", units.binary_step, True),
    ("time here", "time_s", units.seconds_step, True),
    ("memory here", "rise_bytes", units.binary_step, True),
    ("top-1 accuracy", "top1_percent", lambda largest: (1, "%"), False),
)
_SPARE = ("weights", "MACs", "memory here", "input", "FLOPs")
"""What a window without room for all columns loses first."""
SORT_KEYS = tuple(KEYS)
_REASON_WIDTH = 50
PUBLISHED = (
    "top-1: the accuracy on ImageNet that Keras publishes for its own weights, at the default "
    "size of the input (keras.io/api/applications)"
)
NOT_CALIBRATED = (
    "no predicted times: this machine is not calibrated; cnnbench predict TARGET does that once, "
    "in two to three minutes"
)


def document(choice: Choice) -> Document:
    """One row a network: those that are chosen, then those that cannot be analysed."""
    shown = [*choice.chosen, *choice.failed]
    sizes = [", ".join(map(units.shape, candidate.input_shapes)) for candidate in shown]
    rows = [c.to_json() | {"input_shapes": size} for c, size in zip(shown, sizes, strict=True)]
    page = Document(rows=rows, data=choice.to_json())
    columns = {
        "network": [candidate.name for candidate in shown],
        "input": [size or MISSING for size in sizes],
        **dict(_column(shown, *column) for column in _COLUMNS),
        "not analysed": [candidate.reason for candidate in shown],
    }
    known = {h: cells for h, cells in columns.items() if not {*cells} <= {MISSING, ""}}
    page.table(
        ([*known], [list(row) for row in zip(*known.values(), strict=True)]),
        narrow=True,
        wrap=_REASON_WIDTH if choice.failed else None,
        spare=[h for name in _SPARE for h in known if h.startswith(name)],
    )
    page.text("" if shown else "no network is within the limits")
    others = ", ".join(f"{c.name} ({c.reason})" for c in (*choice.excluded, *choice.beaten))
    page.text(f"left out: {others}" if others else "")
    page.text(
        PUBLISHED if any(c.top1_percent is not None for c in choice.chosen) else "",
        _predictions(choice),
        CONVENTION,
    )
    return page


def _column(
    candidates: Sequence[Candidate], header: str, attribute: str, step: Step, work: bool
) -> tuple[str, list[str]]:
    """A header with the unit of the largest value, and the values in it."""
    values: list[float | None] = [getattr(candidate, attribute) for candidate in candidates]
    factor, unit = step(max((value for value in values if value is not None), default=0))
    cells = [
        MISSING if value is None else LEAST * (work and c.lower_bound) + number(value / factor)
        for c, value in zip(candidates, values, strict=True)
    ]
    return f"{header} ({unit})" if unit else header, cells


def _predictions(choice: Choice) -> str:
    if choice.time_range is None:
        return NOT_CALIBRATED
    low, high = choice.time_range
    return (
        f"here: predicted for a call on this machine's CPU; of ten networks eight take "
        f"{low:.2f} to {high:.2f} times as long"
    )
