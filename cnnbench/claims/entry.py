"""One claim as data: the keys of a file of the registry, checked when it is read."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, InstanceOf, model_validator

from cnnbench import blocks, units
from cnnbench.cases.case import Case
from cnnbench.claims.said import Said, parse
from cnnbench.errors import CnnbenchError

PaperQuantity = Literal[
    "parameters", "trainable", "weights", "MACs", "FLOPs", "activations", "peak", "traffic"
]
MeasuredQuantity = Literal["time", "time per FLOP", "memory"]
_LABELS = {
    "trainable": "trained parameters",
    "activations": "activation memory",
    "peak": "peak memory",
    "traffic": "memory access",
}

Count = Annotated[int, Field(ge=1, strict=True)]
Text = Annotated[str, Field(min_length=1)]


def _said(text: Any) -> Said:
    try:
        return parse(str(text))
    except CnnbenchError as error:
        raise ValueError(str(error)) from None


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Variable(_Table):
    """What is varied: a capital letter that stands for a number in sizes and parameters."""

    name: Annotated[str, Field(pattern="^[A-Z]$")]
    means: Text
    range: tuple[Count, Count]
    at: Annotated[list[Count], Field(min_length=1)]

    @model_validator(mode="after")
    def _ascending(self) -> Variable:
        first, last = self.range
        if not first < last:
            raise ValueError(f"range must be first < last; got {self.range}")
        if not all(first <= at <= last for at in self.at):
            raise ValueError(f"at must lie inside the range; got {self.at}")
        return self


class Side(_Table):
    """One network of a claim: the whole of it, or the layers of some parts or classes."""

    target: str
    params: dict[str, Any] = {}
    input: str = ""
    batch: Count = 1
    mode: Literal["graph", "eager", "xla", "predict", "train"] = "graph"
    parts: list[str] = []
    layers: list[str] = []


class ClaimTest(_Table):
    """One thing that a claim says: of `new`, or of `new` against `base`."""

    quantity: PaperQuantity | MeasuredQuantity
    new: str
    base: str = ""
    says: Annotated[InstanceOf[Said], BeforeValidator(_said)]
    times: Count = 1
    name: str = ""

    @property
    def measured(self) -> bool:
        """Whether only a run can judge it."""
        return self.quantity in get_args(MeasuredQuantity)

    @property
    def label(self) -> str:
        """What tables, pages and figures call it."""
        return self.name or _LABELS.get(self.quantity, self.quantity)

    def to_json(self) -> dict[str, Any]:
        """What is said, in plain values."""
        return {
            "name": self.label,
            "quantity": self.quantity,
            "new": self.new,
            "base": self.base or None,
            "says": self.says.text,
        }

    @model_validator(mode="after")
    def _sides(self) -> ClaimTest:
        if self.says.compares != bool(self.base):
            needs = "needs a base" if self.says.compares else "is a value, and takes no base"
            raise ValueError(f"{self.says.text!r} {needs}")
        return self


class Claim(_Table):
    """One file of the registry."""

    name: str = ""
    title: Text
    statement: Text
    paraphrase: bool = False
    source: Text
    note: str = ""
    variable: Variable | None = None
    sides: dict[str, Side]
    tests: Annotated[list[ClaimTest], Field(min_length=1)]

    @model_validator(mode="after")
    def _known(self) -> Claim:
        for test in self.tests:
            for side in filter(None, (test.new, test.base)):
                if side not in self.sides:
                    raise ValueError(f"a test names {side!r}; sides: {', '.join(self.sides)}")
                if test.quantity == "peak" and (self.sides[side].parts or self.sides[side].layers):
                    raise ValueError(f"peak is of a whole network; {side!r} is a part")
        return self

    def case(self, label: str, at: int | None) -> Case:
        """The side of that label, to analyse or measure at one value of the variable."""
        side, name = self.sides[label], self.variable.name if self.variable else ""
        if side.input:
            size = "x".join(str(_filled(part, name, at)) for part in side.input.split("x"))
            shape = units.parse_shape(size, ranks=(3, 4))
        else:
            shape = blocks.get(side.target).input_shape
        params = {key: _filled(value, name, at) for key, value in side.params.items()}
        return Case(
            side.target, (shape,), params, batch_size=side.batch, mode=side.mode, label=label
        )


def _filled(value: Any, name: str, at: int | None) -> Any:
    """The value with N replaced by the number `at`, and 4N by four times that number."""
    match = re.fullmatch(rf"(\d*){name}", value) if name and isinstance(value, str) else None
    return int(match[1] or 1) * at if match and at is not None else value
