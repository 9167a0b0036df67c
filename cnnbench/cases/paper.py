"""PAPER: what a case costs by the rules. It is computed when a run is planned, and stored with it.

A stored run is reported and compared from these costs, and no network is traced again. So a stored
run stays as it is when a block or a user's model changes later.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any

from cnnbench.analysis.demand import Demand, demand
from cnnbench.analysis.training import training
from cnnbench.analysis.wiring import Wiring, wiring
from cnnbench.cost import Cost, LayerCost, cost
from cnnbench.errors import CnnbenchError
from cnnbench.graph import Graph

_COLUMNS = tuple(field.name for field in fields(LayerCost))


@dataclass(frozen=True, slots=True)
class Step:
    """One step of training with adam: its FLOPs, and the most memory that it needs."""

    flops: int
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Paper:
    """The costs of a case on paper.

    `digest` is that of the graph, empty in old stored runs, and `file` that of the file that holds
    the network, empty if there is none. `cost` and `demand` are of a forward pass; `step` is there
    if the case is a step of training. `wiring` is what a picture of the network needs; None in old
    stored runs.
    """

    digest: str
    cost: Cost
    demand: Demand
    step: Step | None = None
    file: str = ""
    wiring: Wiring | None = None

    @property
    def flops(self) -> int:
        """FLOPs of what is timed: a forward pass, or a step of training."""
        return self.step.flops if self.step else self.cost.flops

    @property
    def peak_bytes(self) -> int:
        """The most memory that it needs, including the weights."""
        return self.step.peak_bytes if self.step else self.cost.peak_bytes

    def to_json(self) -> dict[str, Any]:
        """Plain values for a record. The layers are rows of a table with named columns."""
        rows = [[getattr(layer, name) for name in _COLUMNS] for layer in self.cost.layers]
        return {
            "digest": self.digest,
            "file": self.file,
            "inputs": self.cost.input_shapes,
            "outputs": self.cost.output_shapes,
            "dtype": self.cost.dtype,
            "columns": _COLUMNS,
            "layers": rows,
            "demand": asdict(self.demand),
            "step": self.step and asdict(self.step),
            "wiring": self.wiring and asdict(self.wiring),
        }


def rise_on_paper(cost: Cost) -> int:
    """The rise of the peak memory by the first call, in bytes, if only activations needed memory.

    The measured rise begins with the memory before the call, which already contains the weights
    and the input. So this is the peak of the live activations, without the weights and without the
    inputs, which stay alive during the whole call. What the framework itself needs is not in it;
    `prediction` has that.
    """
    inputs = sum(layer.activation_bytes for layer in cost.layers if layer.op == "InputLayer")
    return cost.peak_activation_bytes - inputs


QUANTITIES: dict[str, Callable[[Cost], int]] = {
    "parameters": lambda cost: cost.params,
    "MACs": lambda cost: cost.macs,
    "FLOPs": lambda cost: cost.flops,
    "activation memory": lambda cost: cost.activation_bytes,
    "peak memory, on paper": rise_on_paper,
}
"""What a network costs, by the names in reports."""


def paper(graph: Graph, train: bool = False) -> Paper:
    """The costs of a graph; with `train`, also of a step of training."""
    costs = cost(graph)
    step = None
    if train:
        trained = training(graph, "adam")
        step = Step(trained.flops, trained.memory.peak)
    return Paper(digest(graph), costs, demand(graph, costs), step, wiring=wiring(graph))


def stored(data: dict[str, Any]) -> Paper:
    """A paper from the plain values of a stored line; a CnnbenchError if they are not a paper's."""
    from cnnbench.schema import record  # here, because an analysis must not import pydantic

    try:
        columns = data["columns"]
        costs = {
            "layers": [
                dict(zip(columns, map(_shared, row), strict=True)) for row in data["layers"]
            ],
            "input_shapes": data["inputs"],
            "output_shapes": data["outputs"],
            "dtype": data["dtype"],
        }
        known = {key: data[key] for key in ("digest", "demand", "step", "file")}
        known["wiring"] = data.get("wiring")
        if not costs["layers"]:
            raise ValueError("no layers")
    except (KeyError, TypeError, ValueError) as error:
        raise CnnbenchError(f"not a paper: {type(error).__name__}: {error}") from None
    return record(Paper, {**known, "cost": costs})


def _shared(value: Any) -> Any:
    """The same value: of a text the one that many layers of a run have."""
    return sys.intern(value) if type(value) is str else value


def digest(graph: Graph) -> str:
    """A short text that is equal for graphs with the same layers at the same sizes.

    The names of layers do not count, because Keras numbers them by what was built before.
    """
    nodes = [
        (
            node.op,
            {name: _plain(value) for name, value in sorted(node.attrs.items())},
            node.inputs,
            (node.rule.shape, node.rule.others, node.rule.macs, node.rule.elementwise),
            [(w.shape, w.trainable, *([w.dtype] * bool(w.dtype))) for w in node.rule.weights],
            (node.dtype or graph.dtype, node.weight_dtype or graph.dtype, node.uncounted),
        )
        for node in graph.nodes
    ]
    text = json.dumps([graph.dtype, graph.inputs, graph.outputs, nodes])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    """An argument as plain values, without addresses in memory."""
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return type(value).__name__
