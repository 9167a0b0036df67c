"""No benchmark: how well times and peaks are predicted, for reports/prediction.

    python -m benchmarks.prediction          both of these, in about eleven minutes
    python -m benchmarks.prediction measure  measurements.jsonl: the probes and the catalogue; goes
                                             on with what is there; a number is its seconds
    python -m benchmarks.prediction report   README.md and the figures, from that alone

On an otherwise idle machine. Delete the folder's measurements.jsonl to begin anew.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from cnnbench import blocks
from cnnbench.blocks import Entry
from cnnbench.cases.case import Case
from cnnbench.errors import ShapeError
from cnnbench.prediction.calibration import CASES
from cnnbench.runner import session
from cnnbench.runner.progress import Lines
from cnnbench.runs import store

FOLDER = Path(__file__).parent.parent / "reports" / "prediction"
LAUNCHES = 4
SECONDS = 660.0
MOST_FLOPS = {"block": 3e9, "model": 8e9}
MOST_LAYERS = 200
"""Of a model; deeper ones take longer to build than to measure."""

MORE = (
    Case("vgg_block", (56, 56, 64)),
    Case("residual_module", (28, 28, 64)),
    Case("residual_module", (28, 28, 64), batch_size=8),
    *(
        Case(target, (28, 28, 192), batch_size=batch)
        for target in ("naive_inception_module", "inception_module")
        for batch in (1, 4)
    ),
)
"""Inputs as they are inside a network, where the catalogue shows a block on an image."""


def cases() -> tuple[Case, ...]:
    """The probes, then every entry of the catalogue at several sizes and batches."""
    found = [case for entry in blocks.catalogue().values() for case in _of(entry)]
    return (*CASES, *found, *MORE)


def _of(entry: Entry) -> Iterator[Case]:
    """As the catalogue shows it, or smaller if that would take long; half the size; a batch."""
    *frames, height, width, channels = entry.input_shape
    shape = entry.input_shape
    while (paper := Case(entry.name, shape).cost()).flops > MOST_FLOPS[entry.kind]:
        height, width = height // 2, width // 2
        shape = (*frames, height, width, channels)
    if len(paper.layers) > MOST_LAYERS:
        return
    half = (*frames, height // 2, width // 2, channels)
    yield Case(entry.name, shape)
    for batch in (1, 4) if entry.kind == "block" else (2,):
        case = Case(entry.name, half, batch_size=batch)
        try:
            case.cost()
        except ShapeError:
            continue  # too small for it
        yield case


def measure(seconds: float = SECONDS) -> None:
    """Measure, or go on."""
    measuring = session.start("tensorflow")
    plan = store.Plan(
        suite="prediction",
        description="the probes of a calibration, and the catalogue",
        cases=cases(),
        launches=LAUNCHES,
        reference=True,
        seed=1,
        time_budget_s=seconds,
        command="python -m benchmarks.prediction measure",
    )
    if (FOLDER / store.FILE).exists():
        earlier = store.read(FOLDER)
        plan = replace(earlier.plan, time_budget_s=seconds)
        with store.resume(FOLDER) as file:
            ending = measuring.continued(plan, file, Lines(), earlier)
    else:
        with store.create(FOLDER, plan) as file:
            ending = measuring.continued(plan, file, Lines())
    print(f"{ending.reason}: {ending.remaining} launches not made")


def report() -> None:
    """Write the page and its figures."""
    from cnnbench.reporting.prediction import heldout

    print(f"report: {heldout.write(FOLDER)}")


if __name__ == "__main__":
    what, *rest = sys.argv[1:] or ["all"]
    if what in ("all", "measure"):
        measure(*map(float, rest))
    if what in ("all", "report"):
        report()
