"""What the rules of operations share."""

from collections.abc import Callable, Sequence
from typing import Any

from cnnbench.rule import Rule, Shape

Shapes = Sequence[Shape]
Out = Shape | list[Shape]
Operation = Callable[[Shapes, Out, dict[str, Any]], Rule]


def first(out: Out) -> Shape:
    """The shape of the first output."""
    return out[0] if isinstance(out, list) else out
