"""What the profilers of the runtimes share: from events in time to a profile."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from statistics import median
from typing import Any

from cnnbench.cases.answer import LaunchProfile, Operation
from cnnbench.errors import CnnbenchError

CALL = "cnnbench call"
"""What a call is named in a trace."""


BEGIN, END = "layer.", "."
"""Around the name of a layer in the names of TensorFlow's operations, and of files made of them."""
_MARKED = re.compile(rf"{re.escape(BEGIN)}([^/;]+?){re.escape(END)}(?:_\d+)?(?=/)")


def named(name: str) -> str:
    """The name of an operation as the layers have theirs; without Keras' own scopes, if marked."""
    marked = _MARKED.findall(name)
    return "/".join([*marked, name.rpartition("/")[2]]) if marked else name


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a thread did from one moment to another, in nanoseconds."""

    thread: Hashable
    begin: float
    end: float
    names: tuple[str, ...]
    kind: str
    size: int = 0
    macs: int = 0


def profile(calls: Sequence[tuple[float, float]], events: Iterable[Event]) -> LaunchProfile:
    """What the operations of a call took: the median over calls, which begin and end as given.

    Operations of one name and type are one: those of a loop, say.

    Raises:
        CnnbenchError: there was no call, or no operation in any.
    """
    calls = sorted(calls)
    begins = [begin for begin, _ in calls]
    spent: dict[tuple[Any, ...], list[float]] = defaultdict(lambda: [0.0] * len(calls))
    for event, own in _own(events):
        place = bisect_right(begins, event.begin) - 1
        if place >= 0 and event.begin < calls[place][1]:
            spent[event.names, event.kind, event.size, event.macs][place] += own
    if not spent:
        raise CnnbenchError(f"the profiler's trace holds {len(calls)} calls and no operation")
    operations = (
        Operation(tuple(map(named, names)), kind, median(ns), size, macs)
        for (names, kind, size, macs), ns in spent.items()
    )
    return LaunchProfile(tuple(operations), median(end - begin for begin, end in calls))


def size_and_macs(
    kind: str, output: Sequence[int] = (), kernel: Sequence[int] = (), *_: Sequence[int]
) -> tuple[int, int]:
    """How many values an operation of an exported file returns, and its multiply-adds, if known.

    Channels stand before the image there, and a kernel has the filters first.
    """
    size = prod(output) if output else 0
    products = ("conv", "gemm", "matmul", "fullyconnected")
    # Where the weights were packed before, the second input is another.
    if len(kernel) < 2 or not any(name in kind.lower() for name in products):
        return size, 0
    channels = output[1] if len(output) > 2 else output[-1]
    return size, size * prod(kernel) // channels


def _own(events: Iterable[Event]) -> Iterator[tuple[Event, float]]:
    """Each event with its own time: without what other events of its thread took inside it."""
    threads: dict[Hashable, list[Event]] = defaultdict(list)
    for event in events:
        threads[event.thread].append(event)
    for some in threads.values():
        some.sort(key=lambda event: (event.begin, -event.end))
        own = [event.end - event.begin for event in some]
        around: list[int] = []  # those that have begun and not ended
        for place, event in enumerate(some):
            while around and some[around[-1]].end <= event.begin:
                around.pop()
            if around:
                own[around[-1]] -= own[place]
            around.append(place)
        yield from zip(some, own, strict=True)


_INSTRUCTION = re.compile(r"\s+(?:ROOT )?%?([\w.-]+) = \S+ ([\w-]+)\(")
_COMPUTATION = re.compile(r"(?:ENTRY )?%?([\w.-]+) \(.*\{$")
_OF_LAYER = re.compile(r'op_name="([^"]*)"')
_CALLS = re.compile(r"(?:calls|to_apply|body)=%?([\w.-]+)")
_NO_WORK = ("parameter", "constant", "broadcast", "bitcast", "reshape", "copy", "convert")
"""Instructions that one layer may share with all others."""


def instructions(program: str, inside: bool = True) -> dict[str, tuple[str, ...]]:
    """What each instruction of a program that XLA compiled computes, with the names of layers.

    With `inside`, of one that is fused also what it is fused of. In a step of training that would
    be most of the network, through what the gradients of all layers share.
    """
    bodies: dict[str, list[str]] = {}
    found: dict[str, list[str]] = {}
    calls: dict[str, list[str]] = {}
    computation = ""
    for line in program.splitlines():
        if begins := _COMPUTATION.match(line):
            computation = begins[1]
        elif instruction := _INSTRUCTION.match(line):
            name, kind = instruction.groups()
            found[name] = _OF_LAYER.findall(line)
            calls[name] = _CALLS.findall(line) if inside else []
            if kind not in _NO_WORK:
                bodies.setdefault(computation, []).extend(found[name])
    return {
        name: tuple(dict.fromkeys([*names, *(n for of in calls[name] for n in bodies.get(of, []))]))
        for name, names in found.items()
    }


def compiled_event(
    thread: Hashable, begin: float, end: float, name: str, known: Mapping[str, tuple[str, ...]]
) -> Event:
    """What a thread did in an instruction of a program, which has the names that are `known`."""
    return Event(thread, begin, end, known[name] or (name,), re.sub(r"[.\d]+$", "", name))


_LAYER = "cnnbench layer "


def title(around: Sequence[Any]) -> str:
    """What the call of the last of some layers, each inside the one before, is named in a trace."""
    path = "/".join(each.name for each in around)
    return f"{_LAYER}{type(around[-1]).__name__} {path}"


def layer_event(thread: Hashable, begin: float, end: float, name: str) -> Event | None:
    """What a thread did in a layer that has such a title; None for what is none."""
    if not name.startswith(_LAYER):
        return None
    kind, path = name.removeprefix(_LAYER).split(" ", 1)
    return Event(thread, begin, end, (f"{path}/{kind}",), kind)
