"""Not a benchmark: whether the times that keras.io prints are possible, for reports/plausibility.

    python -m benchmarks.plausibility demands  writes what each application demands: demands.csv
    python -m benchmarks.plausibility report   writes README.md and times.png from that

The first command needs Keras and takes two minutes. The times are in keras_io.csv.
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from math import log
from pathlib import Path

from benchmarks import prose
from cnnbench import units
from cnnbench.analysis.demand import Demand, demand
from cnnbench.host.ceiling import Ceiling
from cnnbench.machine.roofline import Judgement, Plausibility, device, judge
from cnnbench.reporting import formats
from cnnbench.reporting.document import Document, Table
from cnnbench.reporting.labels import Label, place
from cnnbench.reporting.style import COLOURS, GREY, WIDTH, Figure, along, figure, log_axis
from cnnbench.reporting.tables import number, percent
from cnnbench.runs.result import flops_rate

FOLDER = Path(__file__).parent.parent / "reports" / "plausibility"
BATCHES = (32, 1)
GPU = "A100"

# 92 cores with two 256-bit units for fused multiply-adds each (Zen 2 to 4): 32 FLOPs a cycle, at
# the highest boost clock of any such EPYC on all cores at once. No machine has more.
CPU = Ceiling("92 EPYC cores, at most", "cpu", "float32", 92 * 32 * 4.4e9, None)
MEANINGS = (
    """\
**suspicious**: above the peak of the layers' arithmetic. Possible only with convolutions that
  multiply less (Winograd; Lavin and Gray, arXiv 1509.09308; for larger kernels FFT; Mathieu et al.,
  arXiv 1312.5851), by up to 5 times for 3x3.""",
    """\
**impossible**: below what even such convolutions need, or below the time that the weights, the
  input and the output take through memory.""",
    "**plausible**: nothing here speaks against it, which is no proof.",
)


@dataclass(frozen=True)
class Timed:
    """One application: its times in seconds, and what a batch of each size demands."""

    name: str
    size: int
    cpu_s: float
    gpu_s: float
    demands: Mapping[int, Demand]

    def gpu(self, kind: str, batch: int) -> Judgement:
        """The GPU's time under the ceiling of one kind of arithmetic."""
        return judge(self.demands[batch], device(GPU)[kind], self.gpu_s)

    def cpu(self, batch: int) -> Judgement:
        """The CPU's time."""
        return judge(self.demands[batch], CPU, self.cpu_s)


def demands() -> None:
    """Trace every application, and write what it demands."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from cnnbench.networks import resolve

    with open(FOLDER / "demands.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["application", "batch", *Demand.__dataclass_fields__])
        for time in _read("keras_io.csv"):
            target = resolve(time["application"])
            for batch in BATCHES:
                wanted = demand(target.trace(None, batch, None))
                writer.writerow([time["application"], batch, *asdict(wanted).values()])


def rows() -> list[Timed]:
    """Every application of the table on keras.io, in its order."""
    demanded: dict[str, dict[int, Demand]] = {}
    for row in _read("demands.csv"):
        wanted = Demand(int(row["flops"]), float(row["least_flops"]), int(row["compulsory_bytes"]))
        demanded.setdefault(row["application"], {})[int(row["batch"])] = wanted
    return [
        Timed(
            row["application"],
            int(row["size"]),
            float(row["cpu_ms"]) / 1e3,
            float(row["gpu_ms"]) / 1e3,
            demanded[row["application"]],
        )
        for row in _read("keras_io.csv")
    ]


def report() -> None:
    """Write the page and its figure."""
    formats.write(page(rows()), FOLDER)


def page(models: Sequence[Timed]) -> Document:
    """The page."""
    ceilings = device(GPU)
    count, cpu = len(models), flops_rate(CPU.flops_per_s)
    vgg = next(model for model in models if model.name == "VGG16")
    work, time = units.count(vgg.demands[32].flops, "FLOPs"), units.seconds(vgg.gpu_s)
    rate, given = flops_rate(vgg.gpu("TF32", 32).rate), f"{1e3 * vgg.gpu_s:.3g}ms"
    peaks = ", ".join(f"{flops_rate(c.flops_per_s)} for {kind}" for kind, c in ceilings.items())
    document = Document()
    write = partial(prose.add, document, tables={})
    document.heading("Are the times on keras.io possible?", 1)
    write(f"""\
[keras.io/api/applications](https://keras.io/api/applications/) prints a "Time (ms) per inference
step" for {count} models: "average of 30 batches and 10 repetitions", batch size 32, on a Tesla A100
and on an AMD EPYC with 92 cores. This page divides the work by the time. The work is two
operations a multiply-add of the layers (`cnnbench analyze`, checked against Keras, TensorFlow and
XLA in [agreement](../agreement/README.md)), elementwise operations left out.""")
    document.text(f"Of the {count} times, read as of one batch of 32:")
    verdicts = {
        f"an {c.name}": [model.gpu(kind, 32).verdict for model in models]
        for kind, c in ceilings.items()
    } | {CPU.name: [model.cpu(32).verdict for model in models]}
    document.bullets(f"on {name}: {_counted(each)}" for name, each in verdicts.items())
    write(f"""\
For example {vgg.name}: 32 images are {work} of multiply-adds, and {time} for that are {rate}.
The A100's dense peaks are {peaks}
({ceilings["TF32"].source}).
`cnnbench roofline {vgg.name} --batch 32 --on A100 --time {given}` says the same.""")
    document.bullets(MEANINGS)
    document.heading("On the A100, read as one batch of 32")
    document.table(_table(models, "gpu"))
    alt = "time over work on the A100, read as one batch of 32"
    document.picture("times.png", alt, partial(draw, models))
    document.heading("On the CPU, read as one batch of 32")
    write(f"""\
The page does not say which EPYC. The peak is taken as {cpu}: 92 cores with two 256-bit units
for multiply-adds each, at 4.4 GHz on all of them, which is more than any such machine has.""")
    document.table(_table(models, "cpu"))
    document.heading("Read as one image")
    write("\n\n".join(_single(models)))
    write("""\
Made from [keras_io.csv](keras_io.csv), the times as the page had them with two decimals, and
[demands.csv](demands.csv) by `python -m benchmarks.plausibility report`.""")
    return document


def _counted(verdicts: Sequence[Plausibility]) -> str:
    return ", ".join(f"{verdicts.count(v)} {v.value}" for v in Plausibility if v in verdicts)


def _single(models: Sequence[Timed]) -> tuple[str, str]:
    """What the same times mean if they are those of one image."""
    counts = "; ".join(
        f"{kind}: {_counted([model.gpu(kind, 1).verdict for model in models])}"
        for kind in device(GPU)
    )
    least, most = (f(models, key=lambda model: model.demands[1].flops) for f in (min, max))
    return (
        f"As the time of a single image: {counts}; CPU: "
        f"{_counted([model.cpu(1).verdict for model in models])}.",
        f"From {least.name} to {most.name} the work grows "
        f"{number(most.demands[1].flops / least.demands[1].flops)} times, the time on the GPU\n"
        f"{number(most.gpu_s / least.gpu_s)} times and on the CPU "
        f"{number(most.cpu_s / least.cpu_s)} times. keras.io does not say what was timed, "
        "and we do not know.",
    )


def _table(models: Sequence[Timed], where: str) -> Table:
    kinds = device(GPU)
    if where == "gpu":
        headers = ["model", "input", "multiply-adds", "time", "needs", *(f"on {k}" for k in kinds)]
    else:
        headers = ["model", "input", "multiply-adds", "time", "needs", "share of peak", "verdict"]
    cells = []
    for model in models:
        judged = [model.gpu(kind, 32) for kind in kinds] if where == "gpu" else [model.cpu(32)]
        verdicts = [j.verdict.value for j in judged]
        cells.append(
            [
                model.name,
                units.shape((model.size, model.size, 3)),
                units.count(model.demands[32].flops / 2),
                units.seconds(judged[0].seconds),
                flops_rate(judged[0].rate),
                *([] if where == "gpu" else [percent(judged[0].share)]),
                *(v if v == Plausibility.PLAUSIBLE.value else f"**{v}**" for v in verdicts),
            ]
        )
    return headers, cells


def draw(models: Sequence[Timed]) -> Figure:
    """Time over work on the GPU, with a line for each peak."""
    drawing = figure(WIDTH, 8)
    axes = drawing.subplots()
    points = [(model.demands[32].flops, model.gpu_s) for model in models]
    axes.plot(*zip(*points, strict=True), "o", color=COLOURS[0], markersize=6)
    low, high = min(work for work, _ in points) / 2, max(work for work, _ in points) * 2
    least, most = min(time for _, time in points) / 2, max(time for _, time in points) * 1.5
    axes.set(xlim=(low, high), ylim=(least, most))
    log_axis(axes, "x", units.count)
    log_axis(axes, "y", units.seconds)
    axes.set_xlabel("FLOPs of the multiply-adds of 32 images")
    axes.set_ylabel("time on keras.io")
    peaks = []
    for kind, ceiling in device(GPU).items():
        peaks.append([(x, x / ceiling.flops_per_s) for x in (low, high)])
        axes.plot(*zip(*peaks[-1], strict=True), color=GREY, linewidth=1.2, zorder=1)
        x = min(high, most * ceiling.flops_per_s)  # where the line leaves the figure
        name = f"{kind} peak: {flops_rate(ceiling.flops_per_s)}"
        along(axes, (x, x / ceiling.flops_per_s), name)
    names = [
        Label(model.name, [point], size=10) for model, point in zip(models, points, strict=True)
    ]
    place(drawing, axes, sorted(names, key=lambda one: _crowd(one, names)), peaks)
    return drawing


def _crowd(label: Label, labels: Sequence[Label]) -> float:
    """Small where others are near: these names must find their places first."""
    x, y = label.points[0]
    return sum(sorted(abs(log(a / x)) + abs(log(b / y)) for o in labels for a, b in o.points)[:4])


def _read(name: str) -> Iterator[dict[str, str]]:
    with open(FOLDER / name, newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


if __name__ == "__main__":
    {"demands": demands, "report": report}[sys.argv[1]]()
