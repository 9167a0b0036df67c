"""What the `call` of a Keras model takes: its own sizes, and how its inputs are nested."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from cnnbench.rule import Shape


def several(given: Any) -> tuple[Shape, ...]:
    """One size or several, as a tuple of sizes."""
    if not given:
        return ()
    one = isinstance(given[0], int)
    return tuple(tuple(shape) for shape in ([given] if one else given))


def own_shapes(model: Any) -> list[tuple[int | None, ...]]:
    """The shapes of one sample for each input, as the model was made or first called."""
    symbols = getattr(model, "inputs", None)
    if symbols:
        return [tuple(x.shape[1:]) for x in symbols]
    shapes = [shape[1:] for value in _built(model).values() for shape in _leaves(value)]
    return shapes if len(shapes) >= len(_required(model)) else []


def caller(model: Any) -> Callable[[Callable[..., Any], list[Any]], Any]:
    """A function that calls the first on a list of tensors, nested as the model takes them."""
    symbols = getattr(model, "inputs", None)
    built = {} if symbols else _built(model)

    def invoke(call: Callable[..., Any], given: list[Any]) -> Any:
        if symbols:
            import keras

            # A sequential model that nobody called knows its input by the function that it runs.
            function = getattr(model, "_functional", None) or model
            return call(keras.tree.pack_sequence_as(function.input, given))
        if len(_required(model)) == len(given) > len(built):
            return call(*given)
        if not built:
            return call(given[0] if len(given) == 1 else given)
        left = iter(given)
        nested = {name: _filled(value, left) for name, value in built.items()}
        if len(nested) == 1:
            return call(*nested.values())
        return call(**{name.removesuffix("_shape"): value for name, value in nested.items()})

    return invoke


def _required(model: Any) -> list[str]:
    """The arguments without which a model cannot be called."""
    parameters = inspect.signature(model.call).parameters.values()
    needed = [p for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    return [p.name for p in needed]


def _built(model: Any) -> dict[str, Any]:
    """The shapes of the arguments with which a model was built."""
    shapes = getattr(model, "_build_shapes_dict", None) or {}  # it has no public name
    return {name: value for name, value in shapes.items() if value is not None}


def _is_shape(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and all(n is None or isinstance(n, int) for n in value)


def _leaves(value: Any) -> Iterator[tuple[int | None, ...]]:
    if _is_shape(value):
        yield tuple(value)
    else:
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _leaves(inner)


def _filled(value: Any, left: Iterator[Any]) -> Any:
    """The same nesting with the next tensors in the place of shapes."""
    if _is_shape(value):
        return next(left)
    if isinstance(value, dict):
        return {key: _filled(inner, left) for key, inner in value.items()}
    return type(value)(_filled(inner, left) for inner in value)
