"""TARGET: whatever a user can name, as something that can be traced at any input size.

A catalogue entry, a model of `keras.applications`, a `.keras` file, a SavedModel, a function
`package.module:factory` that returns a Keras model, or such a model itself. Only the first
needs no framework.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from cnnbench import blocks, units
from cnnbench.errors import CnnbenchError, ShapeError, unknown
from cnnbench.graph import Graph
from cnnbench.networks.applications import SIZES
from cnnbench.rule import Shape


class Target(Protocol):
    """Something whose costs can be worked out."""

    @property
    def title(self) -> str:
        """What it is, with its parameters."""

    def trace(
        self, input_shapes: Sequence[Shape] | None, batch_size: int, dtype: str | None
    ) -> Graph:
        """Its graph; its own input sizes and types where None.

        Raises:
            ShapeError: a layer cannot take its input.
        """

    def in_keras(self, graph: Graph) -> tuple[Graph, Any]:
        """A graph of it with the names that Keras has, and the Keras model.

        The model may have no values for its weights.
        """


@dataclass(frozen=True, slots=True)
class CatalogueTarget:
    """An entry of the catalogue with parameters."""

    entry: blocks.Entry
    params: dict[str, Any]

    @property
    def title(self) -> str:
        """The call with all its arguments."""
        return self.entry.signature(**self.params)

    def trace(
        self, input_shapes: Sequence[Shape] | None, batch_size: int, dtype: str | None
    ) -> Graph:
        """See `Target`."""
        if input_shapes and len(input_shapes) != 1:
            raise ShapeError(f"{self.entry.name} has one input; got {len(input_shapes)} sizes")
        shape, own = input_shapes[0] if input_shapes else None, self.entry.input_shape
        if shape and len(shape) != len(own):
            raise ShapeError(
                f"{self.entry.name} takes an input like {units.shape(own)}; "
                f"got {units.shape(shape)}"
            )
        return self.entry.trace(
            shape, batch_size=batch_size, dtype="float32" if dtype is None else dtype, **self.params
        )

    def in_keras(self, graph: Graph) -> tuple[Graph, Any]:
        """See `Target`; Keras does not know of blocks."""
        from cnnbench.networks import load

        model = load.block(self.entry, graph.nodes[0].rule.shape[1:], self.params)
        return replace(graph, nodes=[replace(node, scope=()) for node in graph.nodes]), model


@dataclass(frozen=True, slots=True)
class KerasTarget:
    """A Keras model."""

    title: str
    model: Any = field(repr=False)

    @property
    def input_shapes(self) -> tuple[tuple[int | None, ...], ...]:
        """Of one sample, for each input; a size that the model leaves open is None."""
        return tuple(tuple(x.shape[1:]) for x in getattr(self.model, "inputs", None) or ())

    def trace(
        self, input_shapes: Sequence[Shape] | None, batch_size: int, dtype: str | None
    ) -> Graph:
        """See `Target`."""
        from cnnbench.networks.reader import read

        return read(self.model, self._sizes(input_shapes), batch_size, dtype)

    def in_keras(self, graph: Graph) -> tuple[Graph, Any]:
        """See `Target`."""
        return graph, self.model

    def _sizes(self, given: Sequence[Shape] | None) -> Sequence[Shape]:
        own = self.input_shapes
        described = ", ".join("x".join("?" if n is None else str(n) for n in x) for x in own)
        if not given:
            if not own or any(None in shape for shape in own):
                raise ShapeError(
                    f"{self.title} leaves its input open ({described or 'not built'}); "
                    "give its size, as --input 224x224x3"
                )
            return own  # type: ignore[return-value]  # no None is left
        if own and [len(x) for x in own] != [len(x) for x in given]:
            raise ShapeError(
                f"{self.title} takes {described}; got {', '.join(map(units.shape, given))}"
            )
        return given


def resolve(
    target: Any,
    input_shapes: Sequence[Shape] | None = None,
    include_top: bool = True,
    params: dict[str, Any] | None = None,
) -> Target:
    """Find what a user means.

    Args:
        target: a name, a file, `package.module:factory`, or a Keras model.
        input_shapes: that it will be traced at first; some models of `keras.applications`
            pad by the size that they are built for.
        include_top: of a model of `keras.applications`.
        params: of a catalogue entry, of a model of `keras.applications`, or of a factory.

    Raises:
        UnknownNameError: nothing of that name.
        CnnbenchError: a file or a factory that gives no model; parameters that nothing takes.
    """
    from cnnbench.networks import load

    params = params or {}
    if isinstance(target, Path):
        target = str(target)
    if not isinstance(target, str):
        _refuse("a Keras model", include_top, params)
        return KerasTarget(getattr(target, "name", type(target).__name__), load.model(target))
    name = target.removeprefix("keras.applications.")
    if name in SIZES:
        if input_shapes and len(input_shapes) != 1:
            raise ShapeError(f"{target} has one input; got {len(input_shapes)} sizes")
        shape = input_shapes[0] if input_shapes else None
        model = load.application(name, shape, include_top, params)
        return KerasTarget(f"keras.applications.{name}", model)
    if target in blocks.catalogue():
        _refuse(target, include_top)
        entry = blocks.get(target)
        entry.check(params)
        return CatalogueTarget(entry, params)
    # Not `Path.is_dir`, which raises on a name that is too long.
    if Path(target).suffix in load.FILES or os.path.isdir(target):
        _refuse(target, include_top, params)
        return KerasTarget(target, load.file(Path(target)))
    if ":" in target:
        _refuse(target, include_top)
        return KerasTarget(target, load.factory(target, params))
    raise unknown(
        "target",
        target,
        (*blocks.catalogue(), *SIZES),
        "see cnnbench list; a file must end in .keras, a function looks like package.module:name",
    )


def _refuse(target: str, include_top: bool, params: Iterable[str] = ()) -> None:
    """Refuse the options that other targets have."""
    if not include_top:
        raise CnnbenchError(
            f"--no-include-top is for models of keras.applications; got it with {target}"
        )
    if params:
        raise CnnbenchError(f"{target} takes no parameters; got {', '.join(params)}")
