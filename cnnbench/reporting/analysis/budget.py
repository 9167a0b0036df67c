"""A training step and what fits into a memory, for the reader."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from cnnbench import units
from cnnbench.analysis import training
from cnnbench.analysis.capacity import Fit
from cnnbench.analysis.training import Training
from cnnbench.analysis.training.memory import CONVENTION
from cnnbench.errors import unknown
from cnnbench.reporting.tables import percent, text_table

FORMATS = {"table": "simple", "markdown": "github"}

FORWARD = "Weights, and the activations alive at once while layers run in order."
PAPER = "A framework adds its own code and the workspace of its kernels."


def render_training(step: Training, target: str, format: str) -> str:
    """The operations and the memory of one training step.

    Args:
        step: what it costs.
        target: the network, for the first line.
        format: one of FORMATS, or json.

    Raises:
        UnknownNameError: another format.
    """
    m = step.memory
    work = {
        "forward": step.forward_flops,
        "backward": step.backward_flops,
        "update": step.update_flops,
        "step": step.flops,
    }
    if format == "json":
        return _json(
            target=target,
            optimizer=step.optimizer,
            input_shapes=step.inference.input_shapes,
            dtype=step.inference.dtype,
            flops=work,
            bytes=asdict(m),
            uncounted=step.uncounted,
            convention=f"{training.CONVENTION} {CONVENTION}",
        )
    rows = [
        [name, f"{flops:,}", percent(flops / step.flops) if step.flops else ""]
        for name, flops in work.items()
    ]
    sizes = " and ".join(units.shape(shape) for shape in step.inference.input_shapes)
    memory = {
        "weights": m.weights,
        f"slots of {step.optimizer}": m.slots,
        "gradients of weights": m.gradients,
        "activations kept": m.activations,
        f"peak, at {m.peak_at}": m.peak,
        "peak of a forward pass": step.inference.peak_bytes,
    }
    return _page(
        format,
        f"{target}, input {sizes}, {step.inference.dtype}, trained with {step.optimizer}",
        (("", "FLOPs", "of the step"), rows),
        (("memory", ""), [[name, units.binary(size)] for name, size in memory.items()]),
        step.uncounted,
        f"{training.CONVENTION}\n{CONVENTION}",
    )


def render_fits(fits: Sequence[Fit], target: str, format: str) -> str:
    """What fits, one way after the other; in JSON one document. See `render_fit`."""
    if format == "json":
        return _json(target=target, fits=[asdict(fit) for fit in fits])
    return "\n".join(render_fit(fit, target, format) for fit in fits)


def render_fit(fit: Fit, target: str, format: str) -> str:
    """The largest batch and the largest input that a memory holds.

    Args:
        fit: what fits.
        target: the network, for the first line.
        format: one of FORMATS, or json.

    Raises:
        UnknownNameError: another format.
    """
    if format == "json":
        return _json(target=target, **asdict(fit))
    how = f"trained with {fit.optimizer}" if fit.optimizer else "a forward pass"
    found = [("asked", fit.asked), ("largest batch", fit.batch)]
    found += [("largest input", fit.input)] if fit.input else []
    rows = [
        [
            what if choice.fits or choice is fit.asked else f"no {what.split()[1]} fits; smallest",
            f"{choice.batch_size:,}",
            units.shape(choice.input_shape),
            units.binary(choice.needs),
            "yes" if choice.fits else "no",
        ]
        for what, choice in found
    ]
    return _page(
        format,
        f"{target}, {how}, in {units.binary(fit.memory)}",
        (("", "batch", "input", "needs", "fits"), rows),
        None,
        fit.uncounted,
        CONVENTION if fit.optimizer else FORWARD,
    )


Table = tuple[Sequence[str], list[list[str]]]


def _page(
    format: str,
    first: str,
    table: Table,
    second: Table | None,
    uncounted: Sequence[str],
    convention: str,
) -> str:
    if format not in FORMATS:
        raise unknown("format", format, [*FORMATS, "json"])
    parts = [first, text_table(*table, FORMATS[format])]
    if second:
        parts.append(text_table(*second, FORMATS[format]))
    if uncounted:
        parts.append(f"lower bounds, without {', '.join(uncounted)}: no rule")
    return "\n\n".join([*parts, f"{convention}\n{PAPER}"]) + "\n"


def _json(**document: Any) -> str:
    return json.dumps(document, indent=2) + "\n"
