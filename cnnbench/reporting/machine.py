"""What a machine can do: its health and noise floor, and a network under its ceilings."""

from __future__ import annotations

from collections.abc import Sequence

from cnnbench import stats, units
from cnnbench.cost import Cost
from cnnbench.machine.health import LAUNCHES, Health, Noise
from cnnbench.machine.roofline import Bound, Roofline, moved_bytes
from cnnbench.reporting.document import Document, Table
from cnnbench.reporting.tables import MISSING, MOST, number, optional, percent
from cnnbench.runs.result import flops_rate

USUAL = 5
"""Launches a case in the suites that come with cnnbench."""
SHOWN = 20
"""Layers that are shown where a network has more than anybody would read."""

METHOD = (
    "least time: for each layer the longer of FLOPs / peak and bytes / bandwidth, with each "
    "tensor moved once; a runtime can be faster if it fuses layers, finds data in a cache or "
    "multiplies less (Winograd, FFT)"
)
VERDICTS = (
    "suspicious: above the peak, unless fast convolutions multiply less (Winograd, FFT); "
    "impossible: too short even for these, or too short to move weights, input and output"
)


def bandwidth(value: float | None) -> str:
    """12300000000 as 12.3 GB/s."""
    return optional(value, lambda rate: units.count(rate, "B/s"))


def health_document(health: Health) -> Document:
    """The findings with what to do about each, then the noise floor or why there is none."""
    page = Document(data=health.to_json)
    rows = [[f.verdict.value, f.what, f.value, f.advice or MISSING] for f in health.findings]
    page.table((["verdict", "what", "value", "to do"], rows), spare=["value"])
    if noise := health.noise:
        page.text(_sentence(noise))
        differences = [[str(n), percent(noise.resolved(n))] for n in LAUNCHES]
        page.table((["launches a case", "smallest difference"], differences))
    if found := health.allowances:
        sizes = [("two runs, one after the other", found.drift, stats.DRIFT)]
        sizes += [("side by side in one run", found.layout, stats.LAYOUT)]
        page.text(
            f"how far equal things differ beyond what launches show, over {found.runs} runs, as a "
            "standard deviation; comparisons of runs of this machine have room for the larger"
        )
        rows = [[what, percent(here), percent(usual)] for what, here, usual in sizes]
        page.table((["compared", "here", "usual"], rows))
    page.text(health.note)
    return page


def _sentence(noise: Noise) -> str:
    case = noise.case
    return (
        f"noise floor: with {USUAL} launches a case, differences from "
        f"{percent(noise.resolved(USUAL))} on can be resolved\n"
        f"measured on {case.target} {units.shape(case.input_shape)} ({case.device}, {case.mode}; "
        f"{units.seconds(noise.time.value)} a call): over {noise.launches} launches its ratio to a "
        f"block that took turns with it varied by {percent(noise.deviation)} (standard deviation)"
    )


def roofline_document(roofline: Roofline, top: int | None = None) -> Document:
    """The ceilings of a device, and what they say of a network if one is given.

    The `top` layers are shown, those with the most time first; if None, all layers in their
    order, or the first of them by time where there are many.
    """
    page = Document(data=roofline.to_json)
    cost = roofline.cost
    if cost is not None:
        page.rows = [bound.to_json() for bound in _ordered(roofline.bounds, top)]
        inputs = ", ".join(map(units.shape, cost.input_shapes))
        page.text(f"{roofline.target}, input {inputs}, {cost.dtype}, on {roofline.ceiling.name}")
    page.table(_ceilings(roofline))
    page.text("; ".join(dict.fromkeys(c.source for c in roofline.ceilings.values() if c.source)))
    if cost is not None:
        _network(page, roofline, cost, top)
    if roofline.judged:
        page.table(_judged(roofline), spare=["peak", "least possible", "needs"])
        page.text(VERDICTS)
    page.text(roofline.note)
    return page


def _network(page: Document, roofline: Roofline, cost: Cost, top: int | None) -> None:
    shown = top or (SHOWN if len(cost.layers) > MOST else None)
    page.table(_layers(roofline, shown), spare=["FLOPs per byte", "bytes moved", "type", "FLOPs"])
    if shown and not top:
        page.text(f"{len(cost.layers)} layers, those with the most time first: --top shows others")
    least = roofline.least_s
    waiting = sum(bound.seconds for bound in roofline.bounds if bound.limit == "memory")
    share = percent(waiting / least if least else 0.0)
    page.text(f"least time {units.seconds(least)}, of which {share} wait for memory")
    if cost.uncounted:
        names = ", ".join(layer.name for layer in cost.uncounted)
        page.text(f"no rule counts the work of {names}, so it takes no time here")
    page.text(METHOD)


def _ceilings(roofline: Roofline) -> Table:
    headers = ["arithmetic", "peak", "memory", "FLOPs per byte", "cache"]
    return headers, [
        [
            kind,
            flops_rate(ceiling.flops_per_s),
            bandwidth(ceiling.bytes_per_s),
            number(ceiling.ridge) if ceiling.bytes_per_s else MISSING,
            optional(ceiling.cache_bytes, units.binary),
        ]
        for kind, ceiling in roofline.ceilings.items()
    ]


def _ordered(bounds: Sequence[Bound], top: int | None) -> list[Bound]:
    return sorted(bounds, key=lambda b: -b.seconds)[:top] if top else list(bounds)


def _layers(roofline: Roofline, top: int | None) -> Table:
    total = roofline.least_s or 1
    headers = ["layer", "type", "FLOPs", "bytes moved", "FLOPs per byte", "least time"]
    return [*headers, "share", "waits for"], [
        [
            bound.layer.name,
            bound.layer.op,
            units.count(bound.layer.flops),
            units.binary(moved),
            number(bound.layer.flops / moved) if moved else MISSING,
            units.seconds(bound.seconds),
            percent(bound.seconds / total),
            bound.limit or MISSING,
        ]
        for bound in _ordered(roofline.bounds, top)
        for moved in [moved_bytes(bound.layer)]
    ]


def _judged(roofline: Roofline) -> Table:
    (seconds, *_) = {judged.seconds for judged in roofline.judged.values()}
    headers = [f"{units.seconds(seconds)} on", "needs", "peak", "share of peak", "least possible"]
    return [*headers, "verdict"], [
        [
            kind,
            flops_rate(judged.rate),
            flops_rate(roofline.ceilings[kind].flops_per_s),
            percent(judged.share),
            units.seconds(judged.least_s),
            judged.verdict,
        ]
        for kind, judged in roofline.judged.items()
    ]
