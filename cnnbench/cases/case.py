"""CASE: one thing to measure."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from cnnbench import units
from cnnbench.cases.paper import Paper, paper
from cnnbench.errors import UnknownNameError, unknown
from cnnbench.graph import Graph
from cnnbench.networks import Network
from cnnbench.networks.inputs import several
from cnnbench.rule import Shape

DEVICES = ("cpu", "gpu")
"""The kinds of devices. Of several of a kind each is named by its place: gpu:1 is the second."""


@dataclass(frozen=True, slots=True)
class Case:
    """A network with one input size, batch and data type, in one mode on one device.

    `target`, `params`, `source` and `imports` are those of a `networks.Network`. `inputs` has the
    size of one sample for each input, such as (h, w, c); a single size may be given without a tuple
    around it. Where it or `dtype` is empty, the network's own counts. `device` is cpu, or gpu:1;
    gpu alone, as in old stored runs, is the first. `mode` is one of the runtime's. `label` is the
    name in reports; it does not change what is measured. `data` is a file or a function that gives
    the input; it is random if that is empty. `threads` is given where a run has several numbers of
    them, else that of its plan counts. `clients` call at once.
    """

    target: str
    inputs: tuple[Shape, ...]
    params: dict[str, Any] = field(default_factory=dict)
    batch_size: int = 1
    dtype: str = "float32"
    device: str = "cpu"
    mode: str = "graph"
    runtime: str = "tensorflow"
    label: str = ""
    data: str = ""
    source: str = ""
    imports: tuple[str, ...] = ()
    threads: int | None = None
    clients: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", several(self.inputs))
        parsed_device(self.device)

    @property
    def kind(self) -> str:
        """The kind of its device."""
        return parsed_device(self.device)[0]

    @property
    def index(self) -> int:
        """The place of its device among those of its kind, from 0."""
        return parsed_device(self.device)[1]

    @property
    def id(self) -> str:
        """A readable text with everything that makes this case different; its key in the store."""
        threads = f" threads={self.threads}" if self.threads else ""
        clients = f" clients={self.clients}" if self.clients > 1 else ""
        mode = f"{self.runtime}/{self.mode}"
        # One object, however many tables of a run it is a key of.
        return sys.intern(f"{self._network_id} {self.device} {mode}{threads}{clients}")

    @property
    def paper_key(self) -> str:
        """A text with everything that its costs depend on; its key in `Plan.papers`."""
        return self._network_id + " train" * (self.mode == "train")

    @property
    def values_key(self) -> str:
        """A text with everything that its weights and inputs depend on, in whatever runtime."""
        return self._in("")

    @property
    def export_key(self) -> str:
        """A text with everything that a file of it depends on which a runtime runs."""
        # What computes in other floats rounds those of one file.
        kind = "int8" if self.dtype == "int8" else "float"
        return f"{self.values_key} {self.runtime} {kind}"

    @property
    def _network_id(self) -> str:
        return self._in(self.dtype)

    def _in(self, dtype: str) -> str:
        given = ",".join(f"{k}={_as_stored(v)}" for k, v in sorted(self.params.items()))
        data = f" data={self.data}" if self.data else ""
        return f"{self.target}({given}) {sizes(self.inputs)} batch={self.batch_size} {dtype}{data}"

    @property
    def name(self) -> str:
        """The name of the network in reports."""
        return self.label or self.target

    @property
    def place(self) -> list[str]:
        """Runtime, threads and clients as names show them, where they are not the usual ones."""
        return [*named_runtime(self.runtime), *self.load]

    @property
    def load(self) -> list[str]:
        """The same of threads and clients alone."""
        clients = [f"{self.clients} clients"] if self.clients > 1 else []
        return [*named_threads(self.threads), *clients]

    @property
    def input_shape(self) -> Shape:
        """The size of one sample of the first input."""
        return self.inputs[0]

    @property
    def network(self) -> Network:
        """The network, which is not opened yet."""
        return Network(self.target, self.params, self.source, imports=self.imports)

    @property
    def code(self) -> tuple[str, ...]:
        """What is run or imported to measure it that is no part of cnnbench, as a user names it.

        Functions that make the network or its input, a SavedModel, modules that register layers,
        and a runtime of the user's.
        """
        program = ""
        with suppress(UnknownNameError):  # of what is no network there is nothing to run
            if self.network.kind == "function" or os.path.isdir(self.source or self.target):
                program = self.source or self.target
        data = "" if self.data.endswith(".npz") else self.data
        runtime = self.runtime if "." in self.runtime else ""
        return tuple(filter(None, (program, data, *self.imports, runtime)))

    def __hash__(self) -> int:
        return hash(self.id)

    def graph(self) -> Graph:
        """Its layers, from a new trace, which opens a network that is not in the catalogue."""
        return self.network.trace(self.inputs or None, self.batch_size, self.dtype or None)

    def paper(self) -> Paper:
        """Its costs from a new trace; a stored run has them already."""
        return paper(self.graph(), train=self.mode == "train")


def parsed_device(device: str) -> tuple[str, int]:
    """The kind and the place of a device: gpu:1 is ("gpu", 1), and gpu is the first.

    Raises:
        UnknownNameError: it is none.
    """
    found = re.fullmatch(r"cpu|gpu(?::([0-9]{1,3}))?", device)
    if not found:
        raise unknown("device", device, (*DEVICES, "gpu:1"))
    return device[:3], int(found[1] or 0)


def named_devices(seen: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The names of the devices that a runtime sees, by what cases call them: cpu, gpu:0, gpu:1."""
    return {
        kind if kind == "cpu" else f"{kind}:{place}": name
        for kind in DEVICES
        for place, name in enumerate(seen.get(kind, ()))
    }


def no_device(device: str, known: Mapping[str, str]) -> str:
    """That a device is not here, and which are, for `RuntimeMissingError`."""
    seen = " and ".join(at if at == "cpu" else f"{at} ({name})" for at, name in known.items())
    return f"no {device} here: the runtime sees {seen or 'none'} only"


def named_runtime(runtime: str) -> list[str]:
    """A runtime as names of cases show it: not the usual one, nor a module of the user's."""
    return [runtime] if runtime not in ("", "tensorflow", "fake") and "." not in runtime else []


def named_threads(threads: int | None) -> list[str]:
    """A number of threads as names of cases show it, where there are several of them."""
    return [f"{threads} thread{'s' * (threads > 1)}"] if threads else []


def _as_stored(value: Any) -> Any:
    """A parameter as it is read from a stored run, where a tuple has become a list."""
    return [_as_stored(item) for item in value] if isinstance(value, (list, tuple)) else value


def sizes(inputs: Iterable[Shape]) -> str:
    """The sizes of all inputs: 224x224x3 or 224x224x3,10."""
    return ",".join(map(units.shape, inputs))
