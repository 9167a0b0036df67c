"""FIT: the largest batch and the largest input of a network that a memory can hold, on paper."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cnnbench.analysis.training import training as train
from cnnbench.cost import cost
from cnnbench.errors import CnnbenchError, ShapeError
from cnnbench.graph import LARGEST, Graph
from cnnbench.rule import Shape

Trace = Callable[[Shape, int], Graph]
"""A network at an input shape, batch not included, and a batch size."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A batch and an input: the bytes needed, and whether they fit into the memory asked about."""

    batch_size: int
    input_shape: Shape
    needs: int
    fits: bool


@dataclass(frozen=True, slots=True)
class Fit:
    """What fits into a memory.

    Args:
        memory: in bytes.
        optimizer: of the training that must fit; None is inference.
        asked: the batch and the input asked about.
        batch: the largest batch at that input; if none fits, batch 1.
        input: the largest input at that batch; if none fits, the smallest that the network
            takes. None for an input without spatial axes.
        uncounted: layers without a rule; their memory is not known, so less may fit.
    """

    memory: int
    optimizer: str | None
    asked: Choice
    batch: Choice
    input: Choice | None
    uncounted: tuple[str, ...]


def largest(
    trace: Trace,
    input_shape: Shape,
    batch_size: int,
    memory: int,
    training: str | None = None,
) -> Fit:
    """The largest batch, and the largest input, that fit.

    Spatial axes are those before the channels, the last axis: the last two of an image or a
    video, one of a sequence. They grow together: the longest is the one that is searched, the
    other keeps the aspect ratio, rounded.

    Args:
        trace: the network, at a shape and a batch size.
        input_shape: of one sample, channels last.
        batch_size: at which the largest input is asked for.
        memory: in bytes.
        training: an optimizer, for a training step; None for a forward pass.

    Raises:
        ShapeError: the network does not take `input_shape`.
        CnnbenchError: no such optimizer, or no such amount of memory.
    """
    if type(memory) is not int or not 1 <= memory <= LARGEST:
        raise CnnbenchError(f"memory must be 1 to {LARGEST:.0e} whole bytes; got {memory!r:.40}")

    def choice(shape: Shape, batch: int) -> Choice:
        graph = trace(shape, batch)
        needs = train(graph, training).memory.peak if training else cost(graph).peak_bytes
        return Choice(batch, shape, needs, needs <= memory)

    asked = choice(input_shape, batch_size)
    axes = _spatial(input_shape)
    longest = max((input_shape[axis] for axis in axes), default=0)

    def scaled(side: int) -> Choice:
        shape = list(input_shape)
        for axis in axes:
            shape[axis] = max((side * input_shape[axis] * 2 + longest) // (2 * longest), 1)
        return choice(tuple(shape), batch_size)

    return Fit(
        memory,
        training,
        asked,
        _largest(lambda batch: choice(input_shape, batch), batch_size),
        _largest(scaled, longest) if axes else None,
        tuple(layer.name for layer in cost(trace(input_shape, 1)).uncounted),
    )


def _spatial(shape: Shape) -> range:
    """The axes that grow: none of (c,), one of (steps, c), the last two of (..., h, w, c)."""
    count = min(len(shape) - 1, 2)
    return range(len(shape) - 1 - count, len(shape) - 1)


def _largest(at: Callable[[int], Choice], accepted: int) -> Choice:
    """The choice at the largest number that fits; if there is none, at the smallest accepted.

    What is accepted may have gaps (only multiples of 32); `accepted` is one that is.
    """

    def attempt(number: int) -> Choice | None:
        try:
            return at(number)
        except ShapeError:
            return None

    answer = at(accepted)
    low, high = 0, accepted
    if answer.fits:
        while (found := attempt(high)) and found.fits:
            low, high, answer = high, 2 * high, found
    # All that is accepted up to `low` fits; what is at `high` does not, or is not accepted.
    while high - low > 1:
        middle = (low + high) // 2
        number, found = middle, None
        while number > low and (found := attempt(number)) is None:
            number -= 1
        if found is None:
            low = middle
        elif found.fits:
            low, answer = middle, found
        else:
            high = number
            answer = answer if answer.fits else found
    return answer
