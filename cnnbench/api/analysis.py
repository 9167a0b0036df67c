"""What a network costs on paper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cnnbench import blocks, networks
from cnnbench.cost import Cost, cost
from cnnbench.graph import Graph
from cnnbench.rule import Shape

if TYPE_CHECKING:
    from cnnbench.analysis.formulas import Formula


def trace(
    target: Any,
    input_shape: Shape | Sequence[Shape] | None = None,
    *,
    batch_size: int = 1,
    dtype: str | None = None,
    include_top: bool = True,
    **params: Any,
) -> Graph:
    """The layers of a network, each with what it costs.

    Args:
        target: a name from `cnnbench list`, a `.keras` file, a SavedModel's folder,
            `package.module:factory`, or a Keras model.
        input_shape: of one sample, as (h, w, c); a list of them for several inputs; the
            target's own if None.
        batch_size: samples per forward pass.
        dtype: float32, float16 or bfloat16; a Keras model's own, else float32, if None.
        include_top: the classifier of a model of `keras.applications`.
        **params: the target's parameters, where its defaults do not do.

    Raises:
        UnknownNameError: no such target or parameter.
        TargetError: a file or a function that gives no model.
        ShapeError: a layer cannot take its input.
    """
    shapes = as_shapes(input_shape)
    return networks.resolve(target, shapes, include_top, params).trace(shapes, batch_size, dtype)


def analyze(
    target: Any,
    input_shape: Shape | Sequence[Shape] | None = None,
    *,
    batch_size: int = 1,
    dtype: str | None = None,
    include_top: bool = True,
    **params: Any,
) -> Cost:
    """The cost on paper of a network; the arguments are those of `trace`."""
    return cost(
        trace(
            target,
            input_shape,
            batch_size=batch_size,
            dtype=dtype,
            include_top=include_top,
            **params,
        )
    )


def formula(target: str, /, **given: Any) -> Formula:
    """The closed forms of the cost of a catalogue entry.

    Args:
        target: a name from `cnnbench list`.
        **given: sizes (n, H, W, C) and parameters that stay numbers; all others that can be
            become symbols.

    Raises:
        UnknownNameError: no such entry or parameter.
        ShapeError: the block refuses these numbers.
    """
    from cnnbench.analysis.formulas import formula

    return formula(blocks.get(target), **given)


def as_shapes(given: Shape | Sequence[Shape] | None) -> list[Shape] | None:
    """One shape or several, as a list of them."""
    if not given:
        return None
    shapes = [given] if isinstance(given[0], int) else given
    return [tuple(shape) for shape in shapes]  # type: ignore[arg-type]  # one or several


def resolved(
    target: Any, shapes: Sequence[Shape] | None, include_top: bool, params: dict[str, Any]
) -> networks.Target:
    """A target, unless it is one."""
    if isinstance(target, (networks.CatalogueTarget, networks.KerasTarget)):
        return target
    return networks.resolve(target, shapes, include_top, params)
