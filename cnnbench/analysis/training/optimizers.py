"""What an optimizer of Keras keeps for each weight, and does to it in one update.

With the default arguments of its class; operations on single numbers, as a power of a decay
rate, are not counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

from cnnbench.rule import Shape


def _values(shape: Shape) -> int:
    return prod(shape)


def _factored(shape: Shape) -> int:
    """Adafactor: as many values as the weight, and its means along each of the last two axes."""
    if len(shape) < 2:
        return prod(shape)
    return prod(shape) + prod(shape[:-1]) + prod((*shape[:-2], shape[-1]))


@dataclass(frozen=True, slots=True)
class Optimizer:
    """One optimizer.

    Args:
        keras: its class.
        operations: elementwise operations on each value of a weight.
        slots: values that it keeps for a weight of a shape.
        arguments: of the class, where they are not the defaults.
    """

    keras: str
    operations: int
    slots: Callable[[Shape], int]
    arguments: tuple[tuple[str, object], ...] = ()


def _none(shape: Shape) -> int:
    return 0


def _two(shape: Shape) -> int:
    return 2 * prod(shape)


_MOMENTUM = (("momentum", 0.9),)

OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": Optimizer("SGD", 2, _none),
    "momentum": Optimizer("SGD", 4, _values, _MOMENTUM),
    "nesterov": Optimizer("SGD", 7, _values, (*_MOMENTUM, ("nesterov", True))),
    "adadelta": Optimizer("Adadelta", 17, _two),
    "adafactor": Optimizer("Adafactor", 14, _factored),
    "adagrad": Optimizer("Adagrad", 7, _values),
    "adam": Optimizer("Adam", 12, _two),
    "adamax": Optimizer("Adamax", 11, _two),
    "adamw": Optimizer("AdamW", 15, _two),
    "ftrl": Optimizer("Ftrl", 18, _two),
    "lamb": Optimizer("Lamb", 18, _two),
    "lion": Optimizer("Lion", 9, _values),
    "nadam": Optimizer("Nadam", 18, _two),
    "rmsprop": Optimizer("RMSprop", 9, _values),
    "schedulefreeadamw": Optimizer("ScheduleFreeAdamW", 19, _two),
}
"""By the name that a user gives. Not here: Muon, whose update has matrix products of its own."""
