"""A training step, and what of a network fits into a memory, for the reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from cnnbench import units
from cnnbench.analysis import training
from cnnbench.analysis.capacity import Capacity
from cnnbench.analysis.training import MEMORY_CONVENTION, Training
from cnnbench.reporting.document import Document
from cnnbench.reporting.tables import percent

FORWARD = "Weights, and the activations alive at once while layers run in order."
PAPER = "A framework adds its own code and the workspace of its kernels."


def training_document(step: Training) -> Document:
    """The operations and the memory of one training step."""
    m, costs = step.memory, step.inference
    work = {
        "forward": step.forward_flops,
        "backward": step.backward_flops,
        "update": step.update_flops,
        "step": step.flops,
    }
    page = Document(
        data={
            "target": costs.name,
            "optimizer": step.optimizer,
            "input_shapes": costs.input_shapes,
            "dtype": costs.dtype,
            "flops": work,
            "bytes": asdict(m),
            "uncounted": step.uncounted,
            "convention": f"{training.CONVENTION} {MEMORY_CONVENTION}",
        }
    )
    sizes = " and ".join(map(units.shape, costs.input_shapes))
    page.text(f"{costs.name}, input {sizes}, {costs.dtype}, trained with {step.optimizer}")
    rows = [
        [name, f"{flops:,}", percent(flops / step.flops) if step.flops else ""]
        for name, flops in work.items()
    ]
    page.table((["", "FLOPs", "of the step"], rows))
    memory = {
        "weights": m.weights,
        f"slots of {step.optimizer}": m.slots,
        "gradients of weights": m.gradients,
        "activations kept": m.activations,
        f"peak, at {m.peak_at}": m.peak,
        "peak of a forward pass": costs.peak_bytes,
    }
    page.table((["memory", ""], [[name, units.binary(size)] for name, size in memory.items()]))
    _end(page, step.uncounted, f"{training.CONVENTION}\n{MEMORY_CONVENTION}")
    return page


def capacity_document(options: Sequence[Capacity]) -> Document:
    """The largest batch and the largest input that a memory holds, for one use after the other."""
    name = options[0].name
    page = Document(data={"target": name, "fits": [asdict(option) for option in options]})
    for option in options:
        how = f"trained with {option.optimizer}" if option.optimizer else "a forward pass"
        page.text(f"{name}, {how}, in {units.binary(option.memory)}")
        choices = (
            ("asked", "asked", option.asked),
            ("largest batch", "no batch fits; smallest", option.batch),
            ("largest input", "no input fits; smallest", option.input),
        )
        rows = [
            [
                what if choice.fits else otherwise,
                f"{choice.batch_size:,}",
                units.shape(choice.input_shape),
                units.binary(choice.needs),
                "yes" if choice.fits else "no",
            ]
            for what, otherwise, choice in choices
            if choice
        ]
        page.table((["", "batch", "input", "needs", "fits"], rows))
        _end(page, option.uncounted, MEMORY_CONVENTION if option.optimizer else FORWARD)
    return page


def _end(page: Document, uncounted: Sequence[str], convention: str) -> None:
    if uncounted:
        page.text(f"lower bounds, without {', '.join(uncounted)}: no rule")
    page.text(f"{convention}\n{PAPER}")
