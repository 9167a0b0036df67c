"""BLOCK: the catalogue. One file per family; a block is a function from tensor to tensor.

>>> from cnnbench.blocks import vgg_block
>>> x = keras.Input((256, 256, 3))
>>> model = keras.Model(x, vgg_block(x, n_filters=64, n_conv=2))

The same call on a tensor of cnnbench's own traces a graph instead (`cnnbench.analyze`).
A new block is one function under `@block` in a file of this folder; nothing else lists it.
The catalogue shows it with the defaults of its parameters.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, wraps
from importlib import import_module
from typing import Any, Literal

from cnnbench.errors import ShapeError, unknown
from cnnbench.graph import Graph, Tensor, trace
from cnnbench.rule import Shape

Kind = Literal["block", "model", "probe"]
"""A probe stresses one resource of a machine; it is measured, but the catalogue hides it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One block or model of the catalogue."""

    name: str
    kind: Kind
    function: Callable[..., Any]
    input_shape: Shape
    params: dict[str, Any]

    @property
    def summary(self) -> str:
        """The first line of the definition's docstring."""
        return (inspect.getdoc(self.function) or "").split("\n", 1)[0]

    def signature(self, **params: Any) -> str:
        """The entry with all its parameters: those given, and the defaults of the others."""
        values = ", ".join(f"{k}={v!r}" for k, v in (self.params | params).items())
        return f"{self.name}({values})"

    def check(self, params: dict[str, Any]) -> None:
        """Refuse parameters that the definition does not have, and other values than yes or no."""
        for name, value in params.items():
            if name not in self.params:
                raise unknown(f"parameter of {self.name}", name, self.params)
            if isinstance(self.params[name], bool) and not isinstance(value, bool):
                raise ShapeError(f"{name} must be True or False; got {value!r}")

    def trace(
        self,
        input_shape: Shape | None = None,
        *,
        batch_size: int = 1,
        dtype: str = "float32",
        **params: Any,
    ) -> Graph:
        """The graph of this entry; see `cnnbench.graph.trace`."""
        self.check(params)
        shape = input_shape or self.input_shape
        return trace(self.function, shape, batch_size=batch_size, dtype=dtype, **params)


MOST_REPEATS = 1000
"""Repeats of a layer in a block: each is traced, and a mistyped number must not take hours."""

_ENTRIES: dict[str, Entry] = {}


def block(
    input_shape: Shape, kind: Kind = "block"
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Put a function into the catalogue.

    Args:
        input_shape: (h, w, c) at which the catalogue shows it, from its source.
        kind: "block"; "model" for a whole network; "probe" for what only measures a machine.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        name = function.__name__
        if name in _ENTRIES:
            raise ValueError(f"two catalogue entries named {name}")

        @wraps(function)
        def call(x: Any, *args: Any, **params: Any) -> Any:
            if not isinstance(x, Tensor):
                return function(x, *args, **params)
            with x.graph.scope(name):
                return function(x, *args, **params)

        parameters = list(inspect.signature(function).parameters.values())[1:]
        defaults = {p.name: p.default for p in parameters}
        _ENTRIES[name] = Entry(name, kind, call, input_shape, defaults)
        return call

    return register


@cache
def catalogue() -> dict[str, Entry]:
    """Every block and model by name, in the order of the files."""
    return {name: entry for name, entry in _all().items() if entry.kind != "probe"}


@cache
def _all() -> dict[str, Entry]:
    """The catalogue and the probes."""
    for module in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
        if module.name in _ENTRIES:  # which the file has just taken the place of: mobilenet
            globals()[module.name] = _ENTRIES[module.name].function
    return _ENTRIES


def __getattr__(name: str) -> Any:
    """A block or model by its name, as in `from cnnbench.blocks import vgg_block`."""
    if not name.startswith("_") and name in catalogue():
        return _all()[name].function
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *catalogue()])


def get(name: str) -> Entry:
    """The entry of that name, a probe too; an unknown name raises UnknownNameError."""
    entries = _all()
    if name not in entries:
        raise unknown("block or model", name, catalogue(), see="see cnnbench list")
    return entries[name]


def is_probe(name: str) -> bool:
    """Whether a name is that of a probe."""
    import_module(f"{__name__}.probes")  # alone: a file need not wait for the catalogue
    return name in _ENTRIES and _ENTRIES[name].kind == "probe"


def at_least_one(**counts: Any) -> None:
    """Refuse counts of layers that are not whole numbers of at least 1, and absurdly large ones."""
    for name, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise ShapeError(f"{name} must be a whole number of at least 1; got {count!r}")
        if count > MOST_REPEATS:
            raise ShapeError(f"{name} must be at most {MOST_REPEATS}; got a larger number")
