"""What goes into a network: random values of the right kind, or those of the user.

Floats are uniform in [0, 1). Whole numbers lie within what the layer that reads them allows: the
rows of an embedding, the classes of an encoding; else they are 0 or 1. Texts are short sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnnbench import units
from cnnbench.errors import TargetError
from cnnbench.graph import Graph
from cnnbench.networks import load
from cnnbench.networks.symbolic import reason
from cnnbench.rule import Shape

_LIMITS = ("input_dim", "num_tokens", "num_classes", "max_tokens", "vocabulary_size")
"""Arguments of layers that say how many different whole numbers they can read."""

_MOVES = """
Cast Concatenate Cropping1D Cropping2D Flip GetItem InputLayer Pad Permute Repeat RepeatVector
Reshape Transpose ZeroPadding1D ZeroPadding2D
"""
"""Layers and operations that hand on the numbers that they read."""


def interface(graph: Graph, model: Any = None) -> tuple[list[str], list[str]]:
    """The name and the type of each input, as the Keras model declares them where it does."""
    declared = getattr(model, "inputs", None) or ()
    if declared:
        return [x.name for x in declared], [str(x.dtype) for x in declared]
    return [graph.nodes[i].name for i in graph.inputs], ["float32"] * len(graph.inputs)


def values(case_data: str, graph: Graph, model: Any, seed: int, batches: int = 1) -> list[Any]:
    """The user's values for each input of a graph, where `case_data` names them, else random ones.

    Raises:
        TargetError: what `given` raises.
    """
    names, dtypes = interface(graph, model)
    shapes = graph.input_shapes()
    batch_size = batches * shapes[0][0]
    if case_data:
        return given(case_data, names, graph.sample_shapes(), dtypes, batch_size)
    return random(graph, dtypes, batch_size, seed)


def random(graph: Graph, dtypes: Sequence[str], batch_size: int, seed: int) -> list[Any]:
    """An array for each input of a graph, of the types that the network declares."""
    generator = np.random.default_rng(seed)
    found: list[Any] = []
    for index, dtype in zip(graph.inputs, dtypes, strict=True):
        shape = (batch_size, *graph.nodes[index].rule.shape[1:])
        if dtype == "string":
            words = generator.choice(["a", "network", "reads", "words"], (*shape, 5))
            texts = [" ".join(row) for row in words.reshape(-1, 5)]
            found.append(np.array(texts, object).reshape(shape))
        elif dtype == "bool":
            found.append(generator.integers(0, 2, shape).astype(bool))
        elif "int" in dtype:
            found.append(generator.integers(0, allowed(graph, index), shape).astype(dtype))
        else:
            found.append(generator.random(shape, np.float32))
    return found


def allowed(graph: Graph, index: int) -> int:
    """How many different whole numbers all layers that read an input can take; 2 if unknown."""
    limits = []
    for place, node in enumerate(graph.nodes):
        if index in node.inputs:
            known = (node.attrs.get(name) for name in _LIMITS)
            limit = next((value for value in known if isinstance(value, int)), None)
            if limit is None and (node.rule.view or node.op.removeprefix("ops.") in _MOVES.split()):
                limit = allowed(graph, place)
            limits += [limit] if limit else []
    return min(limits, default=2)


def given(
    data: str, names: Sequence[str], shapes: Sequence[Shape], dtypes: Sequence[str], batch_size: int
) -> list[Any]:
    """The user's values for each input.

    Args:
        data: FILE.npz with an array for each input, by name or in their order, or a function
            `package.module:name` that is called with the batch size and returns one array, or
            several as a list or by name. Fewer samples than the batch are repeated.
        names: of the inputs.
        shapes: of one sample.
        dtypes: of the inputs.
        batch_size: samples that are needed.

    Raises:
        TargetError: there is no such file or function, or what it holds does not fit.
    """
    arrays = _arrays(data, batch_size)
    by_name = [arrays[name] for name in names if name in arrays]
    values = by_name if len(by_name) == len(names) else list(arrays.values())
    if len(values) != len(names):
        raise TargetError(
            f"{data} must hold {len(names)} arrays ({', '.join(names)}); got {len(values)} "
            f"({', '.join(arrays) or 'none'})"
        )
    return [
        _fitted(data, *one, batch_size)
        for one in zip(names, map(np.asarray, values), shapes, dtypes, strict=True)
    ]


def _arrays(data: str, batch_size: int) -> dict[str, Any]:
    if not data.endswith(".npz"):
        found = load.called(data, batch_size)
        if isinstance(found, dict):
            return found
        several = found if isinstance(found, (list, tuple)) else [found]
        return {str(number): value for number, value in enumerate(several)}
    try:
        with open(data, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            return dict(file)
    except OSError as error:
        raise TargetError(f"cannot read {data}: {error.strerror}") from None
    except Exception as error:  # whatever NumPy, zipfile or a decompressor find wrong with it
        raise TargetError(f"{data} is not an .npz file of plain arrays: {reason(error)}") from None


def _fitted(data: str, name: str, values: Any, shape: Shape, dtype: str, batch_size: int) -> Any:
    wanted = f"{data}: {name} must be of samples of {units.shape(shape) or 'one value'}"
    if values.ndim != len(shape) + 1 or values.shape[1:] != shape or not len(values):
        raise TargetError(f"{wanted}; got an array of {units.shape(values.shape) or 'one value'}")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise TargetError(
            f"{data}: {name} has values that are not finite numbers (NaN or infinity)"
        )
    kinds = "OSU" if dtype == "string" else "biuf"
    if values.dtype.kind not in kinds:
        raise TargetError(f"{data}: {name} must be of type {dtype}; got {values.dtype}")
    if "int" in dtype and values.dtype.kind == "f":
        raise TargetError(f"{data}: {name} must be whole numbers ({dtype}); got {values.dtype}")
    repeats = -(-batch_size // len(values))
    values = np.concatenate([values] * repeats)[:batch_size] if repeats > 1 else values[:batch_size]
    return values if dtype == "string" else values.astype(np.float32 if dtype in _SOFT else dtype)


_SOFT = ("float16", "bfloat16", "float32")
"""Types that NumPy does not all have; Keras casts to them."""
