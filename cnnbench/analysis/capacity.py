"""CAPACITY: the largest batch and the largest input of a network that a memory can hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cnnbench import units
from cnnbench.analysis.training import training as train
from cnnbench.cost import cost
from cnnbench.errors import CnnbenchError, ShapeError
from cnnbench.graph import LARGEST, Graph
from cnnbench.records import Record, one_line
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
class Capacity(Record):
    """What of a network fits into a memory.

    Args:
        name: of the network.
        memory: in bytes.
        optimizer: of the training that must fit; None is inference.
        asked: the batch and the input asked about.
        batch: the largest batch at that input; if none fits, batch 1.
        input: the largest input at that batch; if none fits, the smallest that the network
            takes. None for an input without spatial axes.
        uncounted: layers without a rule; their memory is not known, so less may fit.
    """

    name: str
    memory: int
    optimizer: str | None
    asked: Choice
    batch: Choice
    input: Choice | None
    uncounted: tuple[str, ...]

    def __repr__(self) -> str:
        what = f"training with {self.optimizer}" if self.optimizer else "a forward pass"
        most = "<= " if self.uncounted else ""
        facts = [f"batch {most}{self.batch.batch_size:,}" if self.batch.fits else "no batch fits"]
        if self.input:
            size = units.shape(self.input.input_shape)
            facts.append(f"input {most}{size}" if self.input.fits else "no input fits")
        return one_line(self, self.name, f"{what} in {units.binary(self.memory)}", *facts)


def largest(
    trace: Trace, input_shape: Shape, batch_size: int, memory: int, training: str | None = None
) -> Capacity:
    """The largest batch, and the largest input, that fit; see `cnnbench.capacity`.

    What grows of the input are its spatial axes: the two before the channels of an image or a
    video, the one before them of a sequence. They grow together: the longer one is searched, and
    the other keeps the aspect ratio, rounded.
    """
    if type(memory) is not int or not 1 <= memory <= LARGEST:
        raise CnnbenchError(f"memory must be 1 to {LARGEST:.0e} whole bytes; got {memory!r:.40}")

    def choice(shape: Shape, batch: int) -> Choice:
        graph = trace(shape, batch)
        needs = train(graph, training).memory.peak if training else cost(graph).peak_bytes
        return Choice(batch, shape, needs, needs <= memory)

    asked = choice(input_shape, batch_size)
    channels = len(input_shape) - 1
    axes = range(max(channels - 2, 0), channels)
    longest = max((input_shape[axis] for axis in axes), default=0)

    def scaled(side: int) -> Choice:
        shape = list(input_shape)
        for axis in axes:
            shape[axis] = max((side * input_shape[axis] * 2 + longest) // (2 * longest), 1)
        return choice(tuple(shape), batch_size)

    at_one = cost(trace(input_shape, 1))
    return Capacity(
        at_one.name,
        memory,
        training,
        asked,
        _largest(lambda batch: choice(input_shape, batch), batch_size),
        _largest(scaled, longest) if axes else None,
        tuple(layer.name for layer in at_one.uncounted),
    )


def _largest(at: Callable[[int], Choice], accepted: int) -> Choice:
    """The choice at the largest number that fits; if there is none, at the smallest accepted.

    The numbers that a network accepts may have gaps (only multiples of 32); it accepts `accepted`.
    """

    def attempt(number: int) -> Choice | None:
        try:
            return at(number)
        except ShapeError:
            return None

    answer = at(accepted)
    low, high = 0, accepted
    if answer.fits:
        while (tried := attempt(high)) and tried.fits:
            low, high, answer = high, 2 * high, tried
    # All that is accepted up to `low` fits; what is at `high` does not, or is not accepted.
    while high - low > 1:
        middle = (low + high) // 2
        number, tried = middle, None
        while number > low and (tried := attempt(number)) is None:
            number -= 1
        if tried is None:
            low = middle
        elif tried.fits:
            low, answer = middle, tried
        else:
            high = number
            answer = answer if answer.fits else tried
    return answer
