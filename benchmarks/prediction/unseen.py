"""UNSEEN: how well the probes alone predict networks that nobody fitted, also in other ways to run.

Each part of the page has a run of its own, in a folder of `reports/prediction`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

from benchmarks.prediction import FOLDER
from benchmarks.prediction.heldout import Score, is_probe, score
from benchmarks.prediction.networks import CONFIGURATIONS
from cnnbench import units
from cnnbench.cases.case import Case
from cnnbench.errors import CnnbenchError
from cnnbench.prediction import calibration, forecast
from cnnbench.prediction.forecast import Expected
from cnnbench.prediction.terms import Terms
from cnnbench.reporting.document import Document, Table
from cnnbench.reporting.labels import Label, place
from cnnbench.reporting.style import COLOURS, GREY, WIDTH, Figure, figure, log_axis
from cnnbench.reporting.tables import MISSING, percent
from cnnbench.runs import store
from cnnbench.runs.result import Result, results
from cnnbench.runs.store import Run

APPLICATIONS, TRAINING = "applications", "training"
RUNTIMES = ("jax", "torch", "onnxruntime", "openvino", "litert")
PARTS = (APPLICATIONS, TRAINING, *RUNTIMES)
HELD = 0.8
"""The share of cases that a printed range should hold."""

WORST, NAMED = 10, 4


@dataclass(frozen=True, slots=True)
class Judged:
    """A case that the probes predicted: what was measured, and what was expected."""

    result: Result
    measured: float
    expected: Expected

    @property
    def error(self) -> float:
        """Relative to the measured value; below zero if too little was expected."""
        return self.expected.value / self.measured - 1

    @property
    def held(self) -> bool:
        """Whether the range contains what was measured."""
        return self.expected.low <= self.measured <= self.expected.high


@dataclass(frozen=True, slots=True)
class Quantity:
    """Time or peak memory: how it is shown, and what is wanted of its predictions."""

    name: str
    show: Callable[[float], str]
    base: int
    limit: float
    share: float


INFERENCE = (
    Quantity("time", units.seconds, 10, 0.2, 0.8),
    Quantity("peak memory", units.binary, 2, 0.1, 0.9),
)
A_STEP = (
    Quantity("time", units.seconds, 10, 0.25, 0.8),
    Quantity("peak memory", units.binary, 2, 0.15, 0.9),
)


def parts() -> dict[str, Run]:
    """The runs that are stored, by the name of their part."""
    folders = {name: FOLDER / name for name in PARTS}
    return {name: store.read(at) for name, at in folders.items() if (at / store.FILE).exists()}


def judged(probes: Sequence[Result], others: Sequence[Result]) -> tuple[list[Judged], list[Judged]]:
    """The times and the peaks of some cases, predicted by models of the probes alone."""
    models = calibration.time_model(probes), calibration.memory_model(probes)
    examples = calibration.time_example, calibration.memory_example
    times, peaks = [
        [
            Judged(r, e.measured, forecast.expected(model, *_amounts(r.case)[number]))
            for r in others
            if (e := example(r))
        ]
        for number, (model, example) in enumerate(zip(models, examples, strict=True))
    ]
    return times, peaks


@lru_cache(1024)  # each calibration predicts the same networks
def _amounts(case: Case) -> tuple[tuple[Terms, Terms], tuple[Terms, Terms]]:
    """The terms of time and peak, and those of them that are a guess."""
    graph = case.graph()
    return forecast.time_amounts(graph, case.mode), forecast.rise_amounts(graph, case.mode)


def measured(run: Run) -> list[Result]:
    """The results of a run; its files are found from wherever this is called, by their name."""
    return [replace(result, case=_found(result.case)) for result in results(run)[0]]


def _found(case: Case) -> Case:
    if case.network.kind != "file":
        return case
    file = CONFIGURATIONS / Path(case.target).name
    return replace(case, target=str(file), label=file.stem)


def sections(page: Document, main: Run, further: Mapping[str, Run]) -> None:
    """Put the parts on a page; the probes of inference on TensorFlow are those of the main run."""
    probes = [r for r in results(main)[0] if is_probe(r)]
    if APPLICATIONS in further:
        others = measured(further[APPLICATIONS])
        page.section("Networks that no probe resembles")
        page.text(
            "The applications of Keras and networks of keras.io's examples, at two sizes or "
            "batches each. Nothing was fitted on any of them: they are predicted from the probes "
            "alone, as `cnnbench predict` does it. Which terms there are was decided with a look "
            "at the applications, but not at the examples."
        )
        found = judged(probes, others)
        _part(page, APPLICATIONS, INFERENCE, found)
        page.text(
            "The same from each launch of the probes by itself, for which a minute is enough here, "
            "and from all three, as the command does it. A time is that of the fastest launch, and "
            "this machine was slower in some minutes than in others. There was no time left for "
            "the third launch of all probes:"
        )
        page.table(_calibrations(probes, others, found))
    if TRAINING in further:
        page.section("A training step")
        page.text(
            "The same in mode train (forward, backward and adam's update), from probes that were "
            "measured in that mode. The coefficients are of the probes alone; which terms there "
            "are was decided with a look at these networks too."
        )
        _part(page, TRAINING, A_STEP, judged(*_divided(further[TRAINING])))
    if rows := [row for name in RUNTIMES if name in further for row in _row(name, further[name])]:
        page.section("Other runtimes")
        page.text(
            "Every second probe, and the same terms of time, on each runtime: float32, one image. "
            "Of memory the terms are weights and values, by kind of layer: the allocators of these "
            "runtimes have not been followed, and it shows."
        )
        headers = ["runtime", "probes", "cases"]
        headers += ["time, median error", "within 20 %", "range holds"]
        headers += ["memory, median error", "within 10 %", "range holds"]
        page.table((headers, rows))


def only(result: Result, number: int) -> Result:
    """The result of one launch of a case."""
    launches = tuple(m for m in result.launches if m.launch == number)
    samples = {key: of for key, of in result.samples.items() if key == number}
    return replace(result, launches=launches, samples=samples)


def _calibrations(
    probes: Sequence[Result],
    others: Sequence[Result],
    by_all: tuple[list[Judged], list[Judged]],
) -> Table:
    """How well networks are predicted from each launch of the probes, and `by_all` of them."""
    headers = ["launches", "probes"]
    for quantity in INFERENCE:
        limit = f"within {100 * quantity.limit:.0f} %"
        headers += [f"{quantity.name}, median error", limit, "range holds"]
    numbers = sorted({m.launch for r in probes for m in r.launches})
    rows = []
    sides = {str(number + 1): [only(r, number) for r in probes] for number in numbers}
    for title, side in {**sides, "all": probes}.items():
        known = [r for r in side if any(m.ok for m in r.launches)]
        found = by_all if side is probes else judged(known, others)
        shares = [_numbers(cases, q)[1:] for q, cases in zip(INFERENCE, found, strict=True)]
        rows.append([title, str(len(known)), *shares[0], *shares[1]])
    return headers, rows


def _divided(run: Run) -> tuple[list[Result], list[Result]]:
    found = measured(run)
    probes = [r for r in found if is_probe(r)]
    others = [r for r in found if not is_probe(r)]
    if len(probes) < 2 or not others:
        raise CnnbenchError(
            f"{run.folder}: expected probes and networks; see benchmarks/prediction"
        )
    return probes, others


def _row(name: str, run: Run) -> Iterator[list[str]]:
    probes, others = _divided(run)
    row = [name, str(len(probes)), str(len(others))]
    for quantity, cases in zip(INFERENCE, judged(probes, others), strict=True):
        row += _numbers(cases, quantity)[1:] if cases else [MISSING] * 3
    yield row


def _part(
    page: Document,
    name: str,
    quantities: Sequence[Quantity],
    cases: tuple[list[Judged], list[Judged]],
) -> None:
    for quantity, found in zip(quantities, cases, strict=True):
        page.text(_verdict(quantity, found))
    page.table(_scores(quantities, cases))
    page.picture(
        f"{name}.png",
        f"predicted over measured time and peak memory, {name}",
        partial(draw, quantities, cases),
    )
    for quantity, found in zip(quantities, cases, strict=True):
        page.text(f"The {WORST} worst predictions of {quantity.name}:")
        page.table(_worst(quantity, found))


def _verdict(quantity: Quantity, cases: Sequence[Judged]) -> str:
    within = _scored(cases).within(quantity.limit)
    held = sum(case.held for case in cases) / len(cases)
    good = within >= quantity.share and held >= HELD
    return (
        f"{quantity.name.capitalize()}, target: {100 * quantity.share:.0f} % within "
        f"{100 * quantity.limit:.0f} %, and {100 * HELD:.0f} % in the range. Reached: "
        f"{percent(within)} and {percent(held)} of {len(cases)}. **{'Met' if good else 'Missed'}.**"
    )


def _scores(quantities: Sequence[Quantity], cases: tuple[list[Judged], list[Judged]]) -> Table:
    headers = ["networks"]
    for quantity in quantities:
        limit = f"within {100 * quantity.limit:.0f} %"
        headers += ["cases", f"{quantity.name}, median error", limit, "range holds"]
    rows = []
    for title, kinds in (("applications", {"application"}), ("examples", {"file"}), ("all", None)):
        row = [title]
        for quantity, found in zip(quantities, cases, strict=True):
            mine = [c for c in found if kinds is None or c.result.case.network.kind in kinds]
            row += _numbers(mine, quantity) if mine else [MISSING] * 4
        rows.append(row)
    return headers, rows


def _numbers(cases: Sequence[Judged], quantity: Quantity) -> list[str]:
    reached = _scored(cases)
    held = sum(case.held for case in cases) / len(cases)
    shares = [percent(reached.median), percent(reached.within(quantity.limit)), percent(held)]
    return [str(len(cases)), *shares]


def _scored(cases: Sequence[Judged]) -> Score:
    return score([(case.expected.value, case.measured) for case in cases])


def _worst(quantity: Quantity, cases: Sequence[Judged]) -> Table:
    show = quantity.show
    order = sorted(cases, key=lambda case: -abs(case.error))
    return ["case", "predicted", "8 of 10 within", "measured", "error"], [
        [
            case.result.name,
            show(case.expected.value),
            f"{show(case.expected.low)} to {show(case.expected.high)}",
            show(case.measured),
            percent(case.error),
        ]
        for case in order[:WORST]
    ]


def draw(quantities: Sequence[Quantity], cases: tuple[list[Judged], list[Judged]]) -> Figure:
    """Predicted over measured, for time and for memory, with the worst cases named."""
    drawing = figure(WIDTH, 5.5)
    both = drawing.subplots(1, len(quantities))
    for axes, quantity, found in zip(both, quantities, cases, strict=True):
        points = [(case.measured, case.error + 1) for case in found]
        axes.plot(*zip(*points, strict=True), "o", color=COLOURS[0], markersize=5, clip_on=False)
        low, high = 1 - quantity.limit, 1 + quantity.limit
        axes.axhspan(low, high, color="#dddddd", zorder=0, linewidth=0)
        axes.axhline(1, color=GREY, linewidth=1, zorder=1)
        ratios = [ratio for _, ratio in points]
        span = (min(0.5, *ratios) / 1.1, max(2, *ratios) * 1.1)
        axes.set(xscale="log", yscale="log", ylim=span, xlabel=f"measured {quantity.name}")
        log_axis(axes, "x", quantity.show, base=quantity.base)
        log_axis(axes, "y", lambda value: f"{value:g}x")
        share = percent(_scored(found).within(quantity.limit))
        axes.set_title(
            f"{quantity.name}: {share} within {100 * quantity.limit:.0f} % (grey)", fontsize=12
        )
        worst = sorted(zip(points, found, strict=True), key=lambda one: -abs(one[0][1] - 1))
        named = [Label(case.result.name, [point], size=10) for point, case in worst[:NAMED]]
        place(drawing, axes, named, points=points)
    both[0].set_ylabel("predicted / measured")
    return drawing
