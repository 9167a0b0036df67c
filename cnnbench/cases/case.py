"""CASE: one thing to measure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeVar, get_args

from cnnbench import blocks, units
from cnnbench.analysis.training import Training, training
from cnnbench.cost import Cost, cost
from cnnbench.errors import unknown
from cnnbench.graph import Graph
from cnnbench.rule import Shape

T = TypeVar("T")

Mode = Literal["eager", "graph", "xla", "predict", "train"]
Device = Literal["cpu", "gpu"]
MODES: tuple[str, ...] = get_args(Mode)
DEVICES: tuple[str, ...] = get_args(Device)


@dataclass(frozen=True, slots=True)
class Case:
    """A block at one input size, batch, data type, device and execution mode.

    `label` is the name that reports show; it is no part of what is measured.
    """

    target: str
    input_shape: Shape
    params: dict[str, Any] = field(default_factory=dict)
    batch_size: int = 1
    dtype: str = "float32"
    device: str = "cpu"
    mode: str = "graph"
    label: str = ""

    def __post_init__(self) -> None:
        for kind, value, known in (("mode", self.mode, MODES), ("device", self.device, DEVICES)):
            if value not in known:
                raise unknown(kind, value, known)

    @property
    def id(self) -> str:
        """All that tells this case from others, readable: the key of the store."""
        given = ",".join(f"{k}={v}" for k, v in sorted(self.params.items()))
        return (
            f"{self.target}({given}) {units.shape(self.input_shape)} batch={self.batch_size} "
            f"{self.dtype} {self.device} {self.mode}"
        )

    def graph(self) -> Graph:
        """The layers, traced; raises what `Entry.trace` raises."""
        entry = blocks.get(self.target)
        entry.check(self.params)  # before they could be taken for arguments of `trace` itself
        return entry.trace(
            self.input_shape, batch_size=self.batch_size, dtype=self.dtype, **self.params
        )

    def cost(self) -> Cost:
        """The cost of a forward pass on paper."""
        return cost(self.graph())

    def training(self) -> Training | None:
        """The cost on paper of the step with adam that mode "train" is; None in other modes."""
        return training(self.graph(), "adam") if self.mode == "train" else None

    def flops(self) -> int:
        """FLOPs on paper of what is timed: a forward pass, or a step of training."""
        return (self.training() or self.cost()).flops

    def peak_bytes(self) -> int:
        """The most memory that it needs on paper, weights and all."""
        step = self.training()
        return step.memory.peak if step else self.cost().peak_bytes

    def to_json(self) -> dict[str, Any]:
        """Plain values for a record."""
        return {**asdict(self), "input_shape": list(self.input_shape)}
