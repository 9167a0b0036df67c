"""Calling a layer on Keras' symbolic tensors without leaving a trace on it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from cnnbench.errors import ShapeError, one_line
from cnnbench.rule import Shape

_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_QUOTED = re.compile(r"(Full (object )?config: |Arguments received by ).*", re.DOTALL)


def first_line(error: BaseException) -> str:
    """The first line of an error, without Keras' list of arguments."""
    lines = (line.strip() for line in _said(error).splitlines())
    useful = (line for line in lines if line and "Exception encountered" not in line)
    return next(useful, type(error).__name__)[:200]


def reason(error: BaseException) -> str:
    """An error in one line; where Keras wraps it in others, the innermost."""
    *around, cause = _said(error).split("Exception encountered: ")
    classes = re.findall(r"class '(?:[\w.]+\.)?(\w+)'", around[-1]) if around else []
    what = classes[0] if classes else type(error).__name__
    cause = cause.strip().removesuffix(".")
    return one_line(f"{what}: {cause}" if cause else what)


def _said(error: BaseException) -> str:
    """The text of an error without colours and without what Keras quotes."""
    try:
        return _QUOTED.sub("", _COLOUR.sub("", str(error)))
    except BaseException:  # a user's own error may fail at this too
        return ""


@contextmanager
def unchanged(layer: Any) -> Iterator[None]:
    """Forget what Keras and the layers themselves record meanwhile: calls and symbolic tensors."""
    inside = layer._flatten_layers()
    calls = [(x, len(x)) for inner in inside for x in (inner._inbound_nodes, inner._outbound_nodes)]
    before = [(vars(inner), dict(vars(inner))) for inner in inside]
    try:
        yield
    finally:
        for list_, length in calls:
            del list_[length:]
        for now, old in before:
            for name, value in list(now.items()):
                if value is not old.get(name) and _is_symbolic(value):
                    now.pop(name)
                    now.update({name: old[name]} if name in old else {})


def _is_symbolic(value: Any) -> bool:
    return type(value).__name__ in ("KerasTensor", "SymbolicTensor")


_BINARY = [
    f"__{side}{name}__"
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul")
    for side in ("", "r")
]


@contextmanager
def variables_give_way() -> Iterator[None]:
    """Let a symbolic tensor record `variable * tensor`, which the backend would refuse."""
    import keras

    owner = next(c for c in keras.Variable.__mro__ if "__mul__" in vars(c))
    own = {name: vars(owner)[name] for name in _BINARY if name in vars(owner)}

    def giving_way(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: Any, other: Any) -> Any:
            if isinstance(other, keras.KerasTensor):
                return NotImplemented
            return method(self, other)

        return call

    for name, method in own.items():
        setattr(owner, name, giving_way(method))
    try:
        yield
    finally:
        for name, method in own.items():
            setattr(owner, name, method)


class OpenSizeError(ShapeError):
    """Keras cannot say a size, which depends on the data."""


def inferred(call: Any, shapes: Sequence[Shape]) -> list[Shape]:
    """The shapes that Keras infers for the outputs of a recorded call, at other input shapes.

    Raises:
        OpenSizeError: Keras cannot say a size.
        ShapeError: Keras refuses the shapes.
    """
    import keras

    known = {
        id(x): keras.KerasTensor(shape, x.dtype)
        for x, shape in zip(call.input_tensors, shapes, strict=True)
    }
    args, kwargs = call.arguments.fill_in(known)
    where = f"layer {call.operation.name}"
    try:
        outputs = keras.tree.flatten(call.operation.compute_output_spec(*args, **kwargs))
    except Exception as error:  # Keras refuses in many ways
        raise ShapeError(f"{where}: {first_line(error)}") from None
    if any(None in x.shape for x in outputs):
        raise OpenSizeError(f"{where}: the size of its output depends on the data")
    return [tuple(x.shape) for x in outputs]
