"""The figures of a comparison: ratios side by side, and where two blocks swap order."""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cnnbench import units
from cnnbench.cost import Cost
from cnnbench.reporting.comparison import ON_PAPER, Versus, ratios, swaps
from cnnbench.reporting.style import (
    COLOURS,
    GREY,
    MARKERS,
    around,
    bars,
    figure,
    fixed_log_axis,
    log_axis,
)
from cnnbench.reporting.tables import number
from cnnbench.stats import Crossing, Estimate

_BASE, _NEW = (COLOURS[0], MARKERS[0]), (COLOURS[1], MARKERS[1])
_PANELS = ("parameters", "FLOPs", "activation memory")


def compare(v: Versus) -> Figure:
    """Bars: the new block over the base one, quantity by quantity, at each shown count."""
    drawing = figure(12, 7)
    axes = drawing.subplots()
    names = list(dict.fromkeys(name for pair in v.shown for name, _ in ratios(pair)))
    height = 0.8 / len(v.shown)
    for index, pair in enumerate(v.shown):
        known = ratios(pair)
        offset = (index - (len(v.shown) - 1) / 2) * height
        places = [names.index(name) + offset for name, _ in known]
        values = [estimate.value for _, estimate in known]
        axes.barh(
            places,
            [value - 1 for value in values],
            height * 0.92,
            left=1,
            color=COLOURS[index % len(COLOURS)],
            label=f"{pair.channels} input channels",
        )
        for place, (_, estimate) in zip(places, known, strict=True):
            _bar_label(axes, place, estimate)
    log_axis(axes, "x", lambda value: f"{value:g}x")
    axes.margins(x=0.15)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"{v.comparison.new} / {v.comparison.base}")
    axes.set_title(f"{v.comparison.title} ({v.where})")
    drawing.legend(loc="outside lower center", ncols=max(2, len(v.shown)))
    return drawing


def _bar_label(axes: Axes, place: float, estimate: Estimate) -> None:
    low, high = estimate.low or estimate.value, estimate.high or estimate.value
    if low != high:
        axes.plot([low, high], [place, place], color="black", linewidth=2)
    right = estimate.value >= 1
    axes.annotate(
        number(estimate.value),
        (high if right else low, place),
        xytext=(6 if right else -6, 0),
        textcoords="offset points",
        ha="left" if right else "right",
        va="center",
    )


def crossover(v: Versus) -> Figure:
    """Both blocks over the input channels: three rules and the measured time."""
    drawing = figure(12, 9)
    panels = drawing.subplots(2, 2).flat
    where = {swap.quantity: swap for swap in swaps(v)}
    fourth = "time" if v.timed else "peak memory, predicted"
    for axes, quantity in zip(panels, (*_PANELS, fourth), strict=True):
        if quantity == "time":
            _measured_lines(axes, v)
            show: Callable[[float], str] = units.seconds
        else:
            value, show = next((f, text) for name, f, text in ON_PAPER if name == quantity)
            _rule_lines(axes, v, value)
        axes.set_title("time a call, measured" if quantity == "time" else quantity)
        fixed_log_axis(axes, _powers(v))
        # The same in all panels, though not all of the range was measured.
        axes.set_xlim(v.comparison.range[0] / 1.2, v.comparison.range[1] * 1.2)
        memory = show is units.binary
        log_axis(axes, "y", units.count if quantity == "parameters" else show, 2 if memory else 10)
        swap = where.get(quantity)
        for crossing in swap.crossings if swap else ():
            _mark(axes, crossing, exact=quantity != "time")
        axes.set_xlabel("input channels C")
    handles, labels = drawing.axes[0].get_legend_handles_labels()
    drawing.legend(handles, labels, loc="outside upper center", ncols=2)
    return drawing


def _rule_lines(axes: Axes, v: Versus, value: Callable[[Cost], int]) -> None:
    channels, base, new = v.curve(value)
    axes.plot(channels, base, color=_BASE[0], linewidth=2.5, label=v.comparison.base)
    axes.plot(channels, new, color=_NEW[0], linewidth=2.5, linestyle="--", label=v.comparison.new)


def _measured_lines(axes: Axes, v: Versus) -> None:
    for label, look, line, times in (
        (v.comparison.base, _BASE, "-", [(p.channels, p.base.time) for p in v.pairs]),
        (v.comparison.new, _NEW, "--", [(p.channels, p.new.time) for p in v.pairs]),
    ):
        known = [(channels, time) for channels, time in times if time]
        axes.errorbar(
            [channels for channels, _ in known],
            [time.value for _, time in known],
            yerr=bars([time for _, time in known]),
            color=look[0],
            marker=look[1],
            linestyle=line,
            linewidth=1.5,
            capsize=4,
            label=label,
        )
    both = [r.time for pair in v.pairs for r in (pair.base, pair.new)]
    around(axes, [time.value for time in both if time])


def _powers(v: Versus) -> list[float]:
    low, high = v.comparison.range
    return [2.0**k for k in range(20) if low <= 2**k <= high]


def _mark(axes: Axes, crossing: Crossing, exact: bool) -> None:
    at = crossing.above if exact else crossing.at
    axes.axvline(at, color=GREY, linestyle=":", linewidth=2)
    if not exact:
        axes.axvspan(crossing.below, crossing.above, color=GREY, alpha=0.15, linewidth=0)
    left = at > axes.get_xlim()[1] / 2
    # Low in the panel, where of two growing lines there is neither.
    axes.annotate(
        f"C {'=' if exact else '≈'} {at:.0f}",
        (at, 0.04),
        xycoords=axes.get_xaxis_transform(),
        xytext=(-6 if left else 6, 0),
        textcoords="offset points",
        ha="right" if left else "left",
        fontweight="bold",
    )
