"""No benchmark: whether the times that keras.io prints are possible, for reports/plausibility.

    python -m benchmarks.plausibility demands  what each application demands: demands.csv
    python -m benchmarks.plausibility report   writes README.md and times.png from that

The first needs Keras, and takes two minutes. The times are in keras_io.csv.
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from cnnbench import units
from cnnbench.analysis.demand import Demand, demand
from cnnbench.host.ceiling import Ceiling
from cnnbench.machine import devices
from cnnbench.machine.plausibility import Judgement, Plausibility, judge
from cnnbench.reporting.style import GREY, Figure, figure, log_axis, save
from cnnbench.reporting.tables import markdown, number, percent
from cnnbench.runs.result import flops_rate

FOLDER = Path(__file__).parent.parent / "reports" / "plausibility"
BATCHES = (32, 1)
GPU = "A100"

# 92 cores of two 256-bit units for fused multiply-adds (Zen 2 to 4), 32 FLOPs a cycle, at the
# highest boost of any such EPYC, on all cores at once: more than any machine has.
CPU = Ceiling("92 EPYC cores, at most", "cpu", "float32", 92 * 32 * 4.4e9, None)
NAMED = {
    "VGG16": ((-6, -18), "right"),
    "VGG19": ((2, 9), "right"),
    "MobileNet": ((-6, -18), "right"),
    "NASNetLarge": ((-6, 8), "right"),
    "EfficientNetB7": ((8, -14), "left"),
}
"""Where the names of these stand in the figure, clear of its lines."""

PAGE = """\
# Are the times on keras.io possible?

[keras.io/api/applications](https://keras.io/api/applications/) prints a "Time (ms) per inference
step" for {count} models: "average of 30 batches and 10 repetitions", batch size 32, on a Tesla A100
and on an AMD EPYC with 92 cores. This page divides the work by the time. The work is two
operations a multiply-add of the layers (`cnnbench analyze`, checked against Keras, TensorFlow and
XLA in [agreement](../agreement/README.md)), elementwise operations left out.

{answer}

For example {first}: 32 images are {work} of multiply-adds, and {time} for that are {rate}.
The A100's dense peaks are {peaks}
({source}).
`cnnbench roofline {first} --batch 32 --on A100 --time {given}` says the same.

- **suspicious**: above the peak of the layers' arithmetic. Possible only with convolutions that
  multiply less (Winograd; Lavin and Gray, arXiv 1509.09308; for larger kernels FFT; Mathieu et al.,
  arXiv 1312.5851), by up to 5 times for 3x3.
- **impossible**: below what even such convolutions need, or below the time that the weights, the
  input and the output take through memory.
- **plausible**: nothing here speaks against it, which is no proof.

## On the A100, read as one batch of 32

{gpu}

![time over work on the A100, read as one batch of 32](times.png)

## On the CPU, read as one batch of 32

The page does not say which EPYC. The peak is taken as {cpu_peak}: 92 cores with two 256-bit units
for multiply-adds each, at 4.4 GHz on all of them, which is more than any such machine has.

{cpu}

## Read as one image

{single}

Made from [keras_io.csv](keras_io.csv), the times as the page had them with two decimals, and
[demands.csv](demands.csv) by `python -m benchmarks.plausibility report`.
"""


@dataclass(frozen=True)
class Row:
    """One application: its times in seconds, and what a batch of each size demands."""

    name: str
    size: int
    cpu_s: float
    gpu_s: float
    demands: Mapping[int, Demand]

    def gpu(self, kind: str, batch: int) -> Judgement:
        """The GPU's time under the ceiling of one kind of arithmetic."""
        return judge(self.demands[batch], devices.get(GPU)[kind], self.gpu_s)

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


def rows() -> list[Row]:
    """Every application of the table on keras.io, in its order."""
    found: dict[str, dict[int, Demand]] = {}
    for row in _read("demands.csv"):
        wanted = Demand(int(row["flops"]), float(row["least_flops"]), int(row["compulsory_bytes"]))
        found.setdefault(row["application"], {})[int(row["batch"])] = wanted
    return [
        Row(
            row["application"],
            int(row["size"]),
            float(row["cpu_ms"]) / 1e3,
            float(row["gpu_ms"]) / 1e3,
            found[row["application"]],
        )
        for row in _read("keras_io.csv")
    ]


def report() -> None:
    """Write the page and its figure."""
    found = rows()
    kinds = devices.get(GPU)
    first = next(row for row in found if row.name == "VGG16")
    text = PAGE.format(
        count=len(found),
        answer=answer(found),
        first=first.name,
        work=units.count(first.demands[32].flops, "FLOPs"),
        time=units.seconds(first.gpu_s),
        given=f"{1e3 * first.gpu_s:.3g}ms",
        rate=flops_rate(first.gpu("TF32", 32).rate),
        peaks=", ".join(f"{flops_rate(c.flops_per_s)} for {kind}" for kind, c in kinds.items()),
        source=kinds["TF32"].source,
        gpu=_table(found, "gpu"),
        cpu=_table(found, "cpu"),
        cpu_peak=flops_rate(CPU.flops_per_s),
        single=single(found),
    )
    (FOLDER / "README.md").write_text(text, encoding="utf-8")
    save(partial(draw, found), FOLDER / "times.png")


def answer(found: list[Row]) -> str:
    """How many of the times are what."""
    lines = []
    for kind, ceiling in devices.get(GPU).items():
        verdicts = [row.gpu(kind, 32).verdict for row in found]
        lines.append(f"- on an {ceiling.name}: {_counted(verdicts)}")
    lines.append(f"- on {CPU.name}: {_counted([row.cpu(32).verdict for row in found])}")
    return f"Of the {len(found)} times, read as of one batch of 32:\n\n" + "\n".join(lines)


def _counted(verdicts: list[Plausibility]) -> str:
    return ", ".join(f"{verdicts.count(v)} {v.value}" for v in Plausibility if v in verdicts)


def single(found: list[Row]) -> str:
    """What the same times are as of one image."""
    kinds = devices.get(GPU)
    counts = "; ".join(
        f"{kind}: {_counted([row.gpu(kind, 1).verdict for row in found])}" for kind in kinds
    )
    least, most = (f(found, key=lambda row: row.demands[1].flops) for f in (min, max))
    return (
        f"As the time of a single image: {counts}; CPU: "
        f"{_counted([row.cpu(1).verdict for row in found])}.\n\n"
        f"From {least.name} to {most.name} the work grows "
        f"{number(most.demands[1].flops / least.demands[1].flops)} times, the time on the GPU\n"
        f"{number(most.gpu_s / least.gpu_s)} times and on the CPU "
        f"{number(most.cpu_s / least.cpu_s)} times. keras.io does not say what was timed, "
        "and we do not know."
    )


def _table(found: list[Row], where: str) -> str:
    kinds = devices.get(GPU)
    if where == "gpu":
        headers = ["model", "input", "multiply-adds", "time", "needs", *(f"on {k}" for k in kinds)]
    else:
        headers = ["model", "input", "multiply-adds", "time", "needs", "share of peak", "verdict"]
    cells = []
    for row in found:
        judged = [row.gpu(kind, 32) for kind in kinds] if where == "gpu" else [row.cpu(32)]
        verdicts = [j.verdict.value for j in judged]
        cells.append(
            [
                row.name,
                units.shape((row.size, row.size, 3)),
                units.count(row.demands[32].flops / 2),
                units.seconds(judged[0].seconds),
                flops_rate(judged[0].rate),
                *([] if where == "gpu" else [percent(judged[0].share)]),
                *(v if v == Plausibility.PLAUSIBLE.value else f"**{v}**" for v in verdicts),
            ]
        )
    return markdown(headers, cells)


def draw(found: list[Row]) -> Figure:
    """Time over work on the GPU, with a line for each peak."""
    drawing = figure(12, 8)
    axes = drawing.subplots()
    work = [row.demands[32].flops for row in found]
    axes.plot(work, [row.gpu_s for row in found], "o", color="#0072B2")
    low, high = min(work) / 2, max(work) * 3
    axes.set_xlim(low, high)
    axes.set_ylim(min(row.gpu_s for row in found) / 3, max(row.gpu_s for row in found) * 2)
    for (kind, ceiling), style in zip(devices.get(GPU).items(), ("-", "--", ":"), strict=True):
        line = [x / ceiling.flops_per_s for x in (low, high)]
        label = f"{kind}: {flops_rate(ceiling.flops_per_s)}"
        axes.plot((low, high), line, style, color=GREY, linewidth=2, label=label)
    for row in found:
        if row.name in NAMED:
            place, align = NAMED[row.name]
            axes.annotate(
                row.name,
                (row.demands[32].flops, row.gpu_s),
                xytext=place,
                textcoords="offset points",
                ha=align,
            )
    log_axis(axes, "x", units.count)
    log_axis(axes, "y", units.seconds)
    axes.set_xlabel("FLOPs of the multiply-adds of 32 images")
    axes.set_ylabel("time on keras.io")
    axes.legend(loc="upper left", title="least time at the peak for")
    return drawing


def _read(name: str) -> Iterator[dict[str, str]]:
    with open(FOLDER / name, newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


if __name__ == "__main__":
    {"demands": demands, "report": report}[sys.argv[1]]()
