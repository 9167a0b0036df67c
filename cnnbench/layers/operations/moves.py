"""Operations that only move values: the same memory under another shape, or a copy."""

from math import prod
from typing import Any

from cnnbench.layers.operations._outputs import Operation, Out, Shapes, first
from cnnbench.rule import WHOLE, Rule, Window

_VIEWS = """
core.ConvertToTensor core.StopGradient numpy.Array numpy.ExpandDims numpy.Ravel numpy.Reshape
numpy.Squeeze
"""

_IN_PLACE = """
core.Cast core.SaturateCast numpy.Copy numpy.EmptyLike numpy.FullLike numpy.OnesLike numpy.Pad
numpy.ZerosLike image.PadImages image.CropImages
"""
"""Copies that leave every value at its position."""

_COPIES = """
core.Slice core.SliceUpdate core.Unstack einops.Rearrange math.ExtractSequences nn.DepthToSpace
nn.SpaceToDepth nn.Unfold numpy.Append numpy.ArraySplit numpy.BroadcastTo numpy.Concatenate
numpy.Diag numpy.Diagflat numpy.Diagonal numpy.Dsplit numpy.Dstack numpy.Flip numpy.Fliplr
numpy.Flipud numpy.Full numpy.GetItem numpy.Hsplit numpy.Hstack numpy.Meshgrid numpy.Moveaxis
numpy.Repeat numpy.Roll numpy.Rot90 numpy.Split numpy.Stack numpy.Swapaxes numpy.Take
numpy.TakeAlongAxis numpy.Tile numpy.Transpose numpy.Tril numpy.Triu numpy.Vsplit numpy.Vstack
"""


def _move(view: bool, window: Window | None) -> Operation:
    def rule(shapes: Shapes, out: Out, attrs: dict[str, Any]) -> Rule:
        return Rule(first(out), view=view, saves="", window=window)

    return rule


def _channels_concatenated(shapes: Shapes, out: Out, attrs: dict[str, Any]) -> Rule:
    """A copy; along the last axis every value stays at its position."""
    shape = first(out)
    last = attrs["axis"] in (-1, len(shape) - 1)
    return Rule(shape, saves="", window=() if last else WHOLE)


def _scatter(shapes: Shapes, out: Out, attrs: dict[str, Any]) -> Rule:
    """One addition for each value that is scattered, since positions may repeat."""
    return Rule(first(out), elementwise=prod(shapes[-1]), saves="", window=WHOLE)


def _scatter_update(shapes: Shapes, out: Out, attrs: dict[str, Any]) -> Rule:
    """A copy with some values replaced or, with a `reduction`, one operation for each of them."""
    reduced = int(attrs["reduction"] is not None)
    return Rule(first(out), elementwise=reduced * prod(shapes[-1]), saves="", window=WHOLE)


MOVES: dict[str, Operation] = {
    **{key: _move(True, WHOLE) for key in _VIEWS.split()},
    **{key: _move(False, ()) for key in _IN_PLACE.split()},
    **{key: _move(False, WHOLE) for key in _COPIES.split()},
    "numpy.Concatenate": _channels_concatenated,
    "core.Scatter": _scatter,
    "core.ScatterUpdate": _scatter_update,
}
