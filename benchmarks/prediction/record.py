"""Measure the probes and the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from benchmarks.prediction import FOLDER
from cnnbench import blocks
from cnnbench.blocks import Entry
from cnnbench.cases.case import Case
from cnnbench.cases.plan import Plan
from cnnbench.cost import cost
from cnnbench.errors import ShapeError
from cnnbench.prediction.calibration import CASES
from cnnbench.runner import loop, session
from cnnbench.runner.progress import Lines
from cnnbench.runs import store

LAUNCHES = 4
SECONDS = 660.0
MOST_FLOPS = {"block": 3e9, "model": 8e9}
MOST_LAYERS = 200
"""Models with more layers take longer to build than to measure."""

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
"""Blocks on inputs as they are inside a network; the catalogue shows these blocks on an image."""


def cases() -> tuple[Case, ...]:
    """The probes, then every entry of the catalogue at several sizes and batches."""
    entries = [case for entry in blocks.catalogue().values() for case in _of(entry)]
    return (*CASES, *entries, *MORE)


def _of(entry: Entry) -> Iterator[Case]:
    """An entry at its own size, or a smaller one if that takes long; at half of it; in batches."""
    *frames, height, width, channels = entry.input_shape
    shape = entry.input_shape
    while (paper := cost(Case(entry.name, shape).graph())).flops > MOST_FLOPS[entry.kind]:
        height, width = height // 2, width // 2
        shape = (*frames, height, width, channels)
    if len(paper.layers) > MOST_LAYERS:
        return
    half = (*frames, height // 2, width // 2, channels)
    yield Case(entry.name, shape)
    for batch in (1, 4) if entry.kind == "block" else (2,):
        case = Case(entry.name, half, batch_size=batch)
        try:
            case.graph()
        except ShapeError:
            continue  # the input is too small for this block
        yield case


def measure(seconds: float = SECONDS) -> None:
    """Measure, or continue an earlier measurement."""
    measuring = session.start("tensorflow")
    plan = Plan(
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
            ending = loop.run(plan, file, measuring, Lines(), earlier.measurements)
    else:
        with store.create(FOLDER, plan) as file:
            ending = loop.run(plan, file, measuring, Lines())
    print(f"{ending.reason}: {ending.remaining} launches not made")
