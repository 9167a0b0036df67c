"""A network under the ceilings of a device, as text, CSV or JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from cnnbench import units
from cnnbench.errors import CnnbenchError
from cnnbench.machine.bounds import Bound, moved_bytes
from cnnbench.machine.roofline import Roofline
from cnnbench.reporting.tables import MISSING, MOST, Table, csv_text, number, percent, text_table
from cnnbench.runs.result import flops_rate

SHOWN = 20
"""Rows of a network that has more layers than one reads."""

METHOD = (
    "least time: of each layer the longer of FLOPs / peak and bytes / bandwidth, each tensor "
    "moved once; a runtime that fuses layers, finds data in a cache or multiplies less "
    "(Winograd, FFT) can be faster"
)
VERDICTS = (
    "suspicious: above the peak, unless fast convolutions multiply less (Winograd, FFT); "
    "impossible: below what even they need, or what weights, input and output take to move"
)


def bandwidth(value: float | None) -> str:
    """12300000000 as 12.3 GB/s."""
    return MISSING if value is None else units.count(value, "B/s")


def render(found: Roofline, title: str, format: str, top: int | None = None) -> str:
    """A roofline as table, markdown, csv or json.

    Args:
        found: what to show.
        title: what the network is.
        format: one of these four.
        top: how many layers, those with the most time first; None for all, in order, where
            they are few.

    Raises:
        CnnbenchError: CSV without a network.
    """
    if format == "json":
        return json.dumps(_document(found, title), indent=2) + "\n"
    if format == "csv":
        if found.cost is None:
            raise CnnbenchError("csv is for the layers of a network; name one")
        rows = [_plain(bound) for bound in _ordered(found.bounds, top)]
        return csv_text((rows[0], *(row.values() for row in rows)))
    style = "simple" if format == "table" else "github"
    sources = dict.fromkeys(c.source for c in found.ceilings.values() if c.source)
    parts = [text_table(*_ceilings(found), style), "; ".join(sources)]
    if found.cost is not None:
        cost = found.cost
        asked = top or (SHOWN if len(cost.layers) > MOST else None)
        parts = [
            f"{title}, input {', '.join(map(units.shape, cost.input_shapes))}, {cost.dtype}, "
            f"on {found.ceiling.name}",
            *parts,
            text_table(*_layers(found, asked), style),
            f"{len(cost.layers)} layers, those with the most time first: --top shows others"
            if asked and not top
            else "",
            f"least time {units.seconds(found.least_s)}, "
            f"of which {percent(_share(found, 'memory'))} wait for memory",
            _uncounted(found),
            METHOD,
        ]
    if found.judged:
        parts += [text_table(*_judged(found), style), VERDICTS]
    return "\n\n".join(filter(None, (*parts, found.note))) + "\n"


def _ceilings(found: Roofline) -> Table:
    headers = ["arithmetic", "peak", "memory", "FLOPs per byte", "cache"]
    return headers, [
        [
            kind,
            flops_rate(ceiling.flops_per_s),
            bandwidth(ceiling.bytes_per_s),
            number(ceiling.ridge) if ceiling.bytes_per_s else MISSING,
            MISSING if ceiling.cache_bytes is None else units.binary(ceiling.cache_bytes),
        ]
        for kind, ceiling in found.ceilings.items()
    ]


def _ordered(bounds: Sequence[Bound], top: int | None) -> list[Bound]:
    return sorted(bounds, key=lambda b: -b.seconds)[:top] if top else list(bounds)


def _layers(found: Roofline, top: int | None) -> Table:
    total = found.least_s or 1
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
        for bound in _ordered(found.bounds, top)
        for moved in [moved_bytes(bound.layer)]
    ]


def _judged(found: Roofline) -> Table:
    (seconds, *_) = {judged.seconds for judged in found.judged.values()}
    headers = [f"{units.seconds(seconds)} on", "needs", "peak", "share of peak", "least possible"]
    return [*headers, "verdict"], [
        [
            kind,
            flops_rate(judged.rate),
            flops_rate(found.ceilings[kind].flops_per_s),
            percent(judged.share),
            units.seconds(judged.least_s),
            judged.verdict.value,
        ]
        for kind, judged in found.judged.items()
    ]


def _share(found: Roofline, limit: str) -> float:
    seconds = sum(bound.seconds for bound in found.bounds if bound.limit == limit)
    return seconds / found.least_s if found.least_s else 0.0


def _uncounted(found: Roofline) -> str:
    if not found.cost or not found.cost.uncounted:
        return ""
    names = ", ".join(layer.name for layer in found.cost.uncounted)
    return f"without a rule, and so without work here: {names}"


def _plain(bound: Bound) -> dict[str, object]:
    return {
        "layer": bound.layer.name,
        "type": bound.layer.op,
        "flops": bound.layer.flops,
        "moved_bytes": moved_bytes(bound.layer),
        "compute_s": bound.compute_s,
        "memory_s": bound.memory_s,
        "least_s": bound.seconds,
        "limit": bound.limit,
    }


def _document(found: Roofline, title: str) -> dict[str, object]:
    document: dict[str, object] = {
        "ceilings": {kind: ceiling.to_json() for kind, ceiling in found.ceilings.items()},
        "note": found.note,
    }
    if found.cost is not None:
        document |= {
            "target": title,
            "input_shapes": found.cost.input_shapes,
            "dtype": found.cost.dtype,
            "least_s": found.least_s,
            "layers": [_plain(bound) for bound in found.bounds],
            "uncounted": [layer.name for layer in found.cost.uncounted],
            "judged": {kind: asdict(judged) for kind, judged in found.judged.items()},
        }
    return document
