"""Measure the probes and the catalogue, and the networks of the other parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks.prediction import FOLDER
from benchmarks.prediction.networks import CONFIGURATIONS, EXAMPLES
from benchmarks.prediction.unseen import APPLICATIONS, RUNTIMES, TRAINING
from cnnbench import blocks, runtimes
from cnnbench.blocks import Entry
from cnnbench.cases.case import Case
from cnnbench.cases.plan import Plan
from cnnbench.cost import cost
from cnnbench.errors import ShapeError
from cnnbench.networks.applications import SIZES
from cnnbench.prediction.calibration import CASES, probes
from cnnbench.runner import loop, session
from cnnbench.runner.progress import Lines
from cnnbench.runs import store

LAUNCHES = 3
SECONDS = 720.0
MOST_FLOPS = {"block": 3e9, "model": 8e9}
MOST_LAYERS = 200
"""Models with more layers take longer to build than to measure."""

SMALLER = (
    *("MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3Large", "DenseNet121"),
    *("EfficientNetB0", "EfficientNetV2B0", "NASNetMobile", "ResNet50", "ResNet50V2"),
    *("VGG16", "InceptionV3", "Xception", "ConvNeXtTiny"),
)
"""Applications that are quickly made, also as a training step or as a file of another runtime."""

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


def applications() -> Iterator[Case]:
    """The applications of Keras, large and in a batch of small images, and the examples."""
    for name in SIZES:
        yield Case(name, (224, 224, 3))
        yield Case(name, (96, 96, 3), batch_size=4)
    yield from examples(1, 8)


def examples(*batches: int) -> Iterator[Case]:
    """Each of the examples in these batches."""
    for name, (_, shape) in EXAMPLES.items():
        file = str((CONFIGURATIONS / f"{name}.json").relative_to(Path.cwd()))
        for batch in batches:
            yield Case(file, shape, batch_size=batch)


def training() -> Iterator[Case]:
    """The probes that have weights, applications that a step of is built in seconds, examples."""
    steps = probes("tensorflow", "train")
    steps += [Case(name, (96, 96, 3), batch_size=batch) for name in SMALLER for batch in (1, 4)]
    for case in (*steps, *examples(1, 8)):
        yield replace(case, mode="train")


def on(runtime: str) -> Iterator[Case]:
    """The probes of another runtime, some applications and the examples."""
    mode, *_ = runtimes.load(runtime).MODES
    some = [Case(name, (96, 96, 3)) for name in SMALLER]
    for case in (*probes(runtime, mode), *some, *examples(1)):
        yield replace(case, runtime=runtime, mode=mode)


def measure(part: str = "", seconds: float = SECONDS) -> None:
    """Measure a part, by default the probes and the catalogue, or continue with it."""
    wanted = {
        "": cases,
        APPLICATIONS: applications,
        TRAINING: training,
        **{name: partial(on, name) for name in RUNTIMES},
    }[part]
    runtime = part if part in RUNTIMES else "tensorflow"
    measuring, folder = session.start(runtime), FOLDER / part
    plan = Plan(
        suite="prediction",
        description="the probes of a calibration, and networks to predict",
        cases=tuple(wanted()),
        launches=LAUNCHES,
        seed=1,
        time_budget_s=seconds,
        command=f"python -m benchmarks.prediction measure {part}".strip(),
    )
    if (folder / store.FILE).exists():
        earlier = store.read(folder)
        plan = replace(earlier.plan, time_budget_s=seconds)
        with store.resume(folder) as file:
            ending = loop.run(plan, file, measuring, Lines(), earlier.measurements)
    else:
        with store.create(folder, plan) as file:
            ending = loop.run(plan, file, measuring, Lines())
    print(f"{ending.reason}: {ending.remaining} launches not made")
