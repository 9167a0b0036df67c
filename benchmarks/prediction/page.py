"""How well the models predict blocks that they have not seen: the page of reports/prediction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from matplotlib.ticker import FixedLocator

from benchmarks.prediction import heldout, unseen
from benchmarks.prediction.heldout import PROBES, HeldOut, score
from cnnbench import units
from cnnbench.prediction.model import Model
from cnnbench.reporting.document import Document, Table
from cnnbench.reporting.labels import Label, place
from cnnbench.reporting.prediction.forecast import coefficients
from cnnbench.reporting.runs.machine import machine_rows
from cnnbench.reporting.style import (
    COLOURS,
    GREY,
    WIDTH,
    Axes,
    Figure,
    Look,
    figure,
    log_axis,
)
from cnnbench.reporting.tables import MISSING, percent
from cnnbench.runs.result import results
from cnnbench.runs.store import Run

WORST = 12
_TICKS = (0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.4, 1.6, 2)
NAMED = 5
OURS = "model"
ALONE = "model, from the probes alone"


@dataclass(frozen=True, slots=True)
class Kind:
    """Time or memory: its name, its cases, and how they are shown and judged."""

    name: str
    cases: tuple[HeldOut, ...]
    probes: Model
    show: Callable[[float], str]
    unit: str
    limit: float
    share: float

    @property
    def predictors(self) -> dict[str, list[tuple[float, float]]]:
        """(predicted, measured) of every case, by predictor."""
        return {
            OURS: [(x.predicted, x.measured) for x in self.cases],
            ALONE: [(x.alone, x.measured) for x in self.cases],
            **{
                f"{name}, times a constant": [(x.naive[name], x.measured) for x in self.cases]
                for name in self.cases[0].naive
            },
        }


def document(run: Run, parts: Mapping[str, Run]) -> Document:
    """The page of the runs of `benchmarks.prediction`: the main one, and those of `unseen.PARTS`.

    Raises:
        CnnbenchError: the run has no probes, or no blocks.
    """
    measured, problems = results(run)
    times, peaks = heldout.times(measured), heldout.peaks(measured)
    probes = sum(heldout.family(result) == PROBES for result in measured)
    kinds = (
        Kind("time", *times, units.seconds, "s", 0.2, 0.8),
        Kind("peak memory", *peaks, units.binary, "B", 0.1, 0.95),
    )
    page = Document()
    page.heading("Time and peak memory, predicted", 1)
    page.text(
        "How far the predictions of `cnnbench predict` are from measured values, for every block "
        "and model of the catalogue at several sizes and batches. Each family (a file of "
        "`cnnbench/blocks/`) is predicted by a model that was fitted without its cases: on "
        f"the {probes} probes of a calibration and on all other families. "
        f'"{ALONE}" is what the command has on a new machine: it was fitted on no block at all. '
        "Errors are relative to the measured values, and no case is left out.",
    )
    for kind in kinds:
        _section(page, kind)
    unseen.sections(page, run, parts)
    page.section("Families")
    page.table(_families(kinds))
    page.section("The coefficients")
    page.text(
        "Fitted on the probes alone, as the command does; coefficients of zero are left out. "
        "`cnnbench/prediction/terms.py` and `memory.py` explain the terms."
    )
    page.table(_coefficients(kinds))
    page.section("Where it was measured")
    page.table(machine_rows(run))
    page.bullets(f"left out: {line}" for line in (*problems, *run.bad_lines))
    page.bullets(f"{r.name}: {r.outcome}" for r in measured if r.outcome != "ok")
    page.text("Made by `python -m benchmarks.prediction`, from `measurements.jsonl` beside it.")
    return page


def _section(page: Document, kind: Kind) -> None:
    page.section(kind.name.capitalize())
    page.text(_verdict(kind))
    page.table(_scores(kind))
    page.text(_again(kind), _range(kind), _mean(kind))
    page.picture(
        f"{kind.name.split()[-1]}.png", f"predicted over measured {kind.name}", partial(draw, kind)
    )
    page.text(f"The {WORST} worst predictions:")
    page.table(_worst(kind))


def _verdict(kind: Kind) -> str:
    reached = score(kind.predictors[OURS])
    share = reached.within(kind.limit)
    word = "met" if share >= kind.share else "missed"
    return (
        f"Target: {100 * kind.share:.0f} % of the cases within {100 * kind.limit:.0f} %. Reached: "
        f"{percent(share)} of {reached.cases}. **{word.capitalize()}.**"
    )


def _scores(kind: Kind) -> Table:
    headers = ["predictor", "cases", "median error", "within 10 %", "within 20 %"]
    rows = []
    for name, pairs in kind.predictors.items():
        reached = score(pairs)
        shares = [percent(reached.within(0.1)), percent(reached.within(0.2))]
        rows.append([name, str(reached.cases), percent(reached.median), *shares])
    return headers, rows


def _again(kind: Kind) -> str:
    pairs = [x.halves for x in kind.cases if x.halves]
    if not pairs:
        return ""
    return (
        "Measurements do not repeat exactly either: if one half of the launches of a case "
        f"predicts the other half, {percent(score(pairs).within(kind.limit))} of {len(pairs)} "
        f"cases are within {100 * kind.limit:.0f} %, with a median difference of "
        f"{percent(score(pairs).median)}."
    )


def _range(kind: Kind) -> str:
    inside = [kind.probes.low <= x.measured / x.alone <= kind.probes.high for x in kind.cases]
    return (
        f"The range that the command prints, {kind.probes.low:.2f} to {kind.probes.high:.2f} times "
        f"the prediction, contains {percent(sum(inside) / len(inside))} of these cases; it is "
        "chosen to contain 80 % of the probes."
    )


def _mean(kind: Kind) -> str:
    if kind.unit != "s":
        return ""
    pairs = [(x.predicted, x.result.time.value) for x in kind.cases if x.result.time]
    return (
        "A time here is that of the fastest launch, which was disturbed least. Compared with the "
        "geometric mean of all launches, which `cnnbench run` reports, "
        f"{percent(score(pairs).within(kind.limit))} of the same predictions are within "
        f"{100 * kind.limit:.0f} %."
    )


def _worst(kind: Kind) -> Table:
    headers = ["case", "predicted", "measured", "error", "measured by halves"]
    order = sorted(kind.cases, key=lambda x: -abs(x.predicted / x.measured - 1))
    return headers, [
        [
            x.result.name,
            kind.show(x.predicted),
            kind.show(x.measured),
            percent(x.predicted / x.measured - 1),
            " and ".join(map(kind.show, x.halves)) if x.halves else MISSING,
        ]
        for x in order[:WORST]
    ]


def _families(kinds: Sequence[Kind]) -> Table:
    headers = ["family", "cases"]
    for kind in kinds:
        headers += [f"{kind.name}, median error", f"within {100 * kind.limit:.0f} %"]
    rows = []
    for name in sorted({x.family for kind in kinds for x in kind.cases}):
        row = [name, str(max(len(_of(kind, name)) for kind in kinds))]
        for kind in kinds:
            pairs = _of(kind, name)
            reached = score(pairs) if pairs else None
            row += (
                [percent(reached.median), percent(reached.within(kind.limit))]
                if reached
                else [MISSING] * 2
            )
        rows.append(row)
    return headers, rows


def _of(kind: Kind, family: str) -> list[tuple[float, float]]:
    return [(x.predicted, x.measured) for x in kind.cases if x.family == family]


def _coefficients(kinds: Sequence[Kind]) -> Table:
    headers = ["of", "term", "coefficient", "as a rate"]
    return headers, [
        [kind.name, *row] for kind in kinds for row in coefficients(kind.probes, kind.unit)
    ]


def draw(kind: Kind) -> Figure:
    """Predicted / measured over measured values: the model large, with its worst cases named."""
    drawing = figure(WIDTH, 6.5)
    grid = drawing.add_gridspec(2, 2, width_ratios=(3, 2))
    panels = [drawing.add_subplot(grid[:, 0]), *(drawing.add_subplot(grid[i, 1]) for i in (0, 1))]
    names = [OURS, *(name for name in kind.predictors if name not in (OURS, ALONE))]
    for axes, name, reach in zip(panels, names, (2, 20, 20), strict=True):
        _panel(axes, kind, name, reach)
    panels[1].tick_params(labelbottom=False)
    panels[0].set_ylabel(f"predicted / measured {kind.name}")
    drawing.supxlabel(f"measured {kind.name}", fontsize=13)
    pairs = [(x.measured, x.predicted / x.measured) for x in kind.cases]
    worst = sorted(zip(pairs, kind.cases, strict=True), key=lambda one: -abs(one[0][1] - 1))
    named = [Label(case.result.name, [point], size=10) for point, case in worst[:NAMED]]
    ratios = [ratio for _, ratio in pairs]
    panels[0].set_ylim(min(ratios) / 1.1, max(ratios) * 1.1)
    panels[0].yaxis.set_major_locator(FixedLocator(_TICKS))
    place(drawing, panels[0], named, points=pairs)
    return drawing


def _panel(axes: Axes, kind: Kind, name: str, reach: float) -> None:
    """One predictor; what is further off than `reach` times is a triangle at the edge."""
    ratios = [(measured, predicted / measured) for predicted, measured in kind.predictors[name]]
    beyond = ""
    for far, marker, within in (
        (False, "o", lambda ratio: 1 / reach <= ratio <= reach),
        (True, "v", lambda ratio: ratio < 1 / reach),
        (True, "^", lambda ratio: ratio > reach),
    ):
        mine = [(x, min(max(ratio, 1 / reach), reach)) for x, ratio in ratios if within(ratio)]
        if mine:
            look: Look = {"color": COLOURS[far], "markersize": 6 if name == OURS else 4}
            axes.plot(*zip(*mine, strict=True), marker, **look, clip_on=False)
        if mine and far:
            beyond += f", {len(mine)} {'below' if marker == 'v' else 'above'} {mine[0][1]:g}x"
    axes.axhspan(1 - kind.limit, 1 + kind.limit, color="#dddddd", zorder=0, linewidth=0)
    axes.axhline(1, color=GREY, linewidth=1, zorder=1)
    axes.set(xscale="log", yscale="log", ylim=(1 / reach, reach))
    log_axis(axes, "x", kind.show, base=10 if kind.unit == "s" else 2)
    log_axis(axes, "y", lambda value: f"{value:g}x")
    share = percent(score(kind.predictors[name]).within(kind.limit))
    title = f"{name}\n{share} within {100 * kind.limit:.0f} % (grey){beyond}"
    axes.set_title(title, fontsize=13 if name == OURS else 11)
