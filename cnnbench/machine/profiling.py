"""What each layer of a network takes in fact: from its operations, and beside another profile.

Layers that are computed as one are one row, and their least time is that of one layer: what passes
between them need not be written to memory and read again.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cnnbench import stats, units
from cnnbench.cases.paper import Paper
from cnnbench.cost import LayerCost
from cnnbench.host.ceiling import Ceiling
from cnnbench.machine.folding import folded
from cnnbench.machine.roofline import moved_bytes
from cnnbench.records import Record, one_line
from cnnbench.runs.result import Result, results
from cnnbench.runs.store import Run
from cnnbench.stats import Estimate

_BLOCK = re.compile(r"(.*?(?:block|stage|mixed|fire)_?\d+[a-z]?)[_/].")
"""The names of layers in models that have no blocks of their own say in which they are."""


@dataclass(frozen=True, slots=True)
class ProfiledLayer(Record):
    """Layers that are computed as one, and what they take.

    Args:
        layers: their costs on paper, in the order of the network; none where the runtime's
            operations belong to no layer.
        words: the arguments of the one with most work.
        kinds: the types of the runtime's operations, in its words.
        time: seconds in a call, over launches.
        share: of the time of all operations.
        least_s: the least time that the machine needs, by its roofline; None where its ceilings
            are not known.
        launches: seconds, by the number of the launch.
    """

    layers: tuple[LayerCost, ...]
    words: str
    kinds: tuple[str, ...]
    time: Estimate
    share: float
    least_s: float | None
    launches: Mapping[int, float] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        words = filter(None, (self.op, self.words, units.seconds(self.time.value)))
        return one_line(self, self.name, *words)

    @property
    def main(self) -> LayerCost | None:
        """The layer with most work."""
        return _main(self.layers)

    @property
    def name(self) -> str:
        """The layer with most work, or the types of operations that belong to none."""
        return self.main.name if self.main else f"no layer: {', '.join(self.kinds)}"

    @property
    def fused(self) -> tuple[str, ...]:
        """The names of the other layers."""
        return tuple(layer.name for layer in self.layers if layer is not self.main)

    @property
    def op(self) -> str:
        """The class of the layer with most work."""
        return self.main.op if self.main else ""

    @property
    def scope(self) -> str:
        """The blocks around it, outermost first."""
        return self.main.scope if self.main else ""

    @property
    def path(self) -> tuple[str, ...]:
        """The blocks around it, outermost first: by scope, or by the name, as block1_conv."""
        scopes = tuple(filter(None, self.scope.split("/")))
        found = _BLOCK.match(self.name) if self.main else None
        return (*scopes, found[1]) if found else scopes

    @property
    def flops(self) -> int:
        """Of all its layers."""
        return sum(layer.flops for layer in self.layers)

    @property
    def moved_bytes(self) -> int:
        """What has to be read and written if nothing passes through memory between its layers."""
        return _moved(self.layers)

    @property
    def lost_s(self) -> float | None:
        """How much longer it takes than it has to."""
        return None if self.least_s is None else max(self.time.value - self.least_s, 0.0)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "layer": self.name,
            "fused": list(self.fused),
            "type": self.op,
            "arguments": self.words,
            "scope": self.scope,
            "kinds": list(self.kinds),
            "time_s": self.time.value,
            "time_low_s": self.time.low,
            "time_high_s": self.time.high,
            "share": self.share,
            "flops": self.flops,
            "moved_bytes": self.moved_bytes,
            "least_s": self.least_s,
            "lost_s": self.lost_s,
        }


@dataclass(frozen=True, slots=True)
class NetworkProfile(Record):
    """Where the time of a network goes, on one runtime.

    Args:
        result: the case: what it costs and what its calls took without a profiler.
        rows: its layers, in the order of the network, and at the end what belongs to none.
        watched: seconds of a call while the profiler watched; None where each operation ran by
            itself.
        ceiling: behind the least times.
        problems: why launches have no profile.
    """

    result: Result
    rows: tuple[ProfiledLayer, ...]
    watched: Estimate | None
    ceiling: Ceiling | None = None
    problems: tuple[str, ...] = ()

    def __repr__(self) -> str:
        takes = units.seconds(self.total_s)
        return one_line(self, self.result.name, f"{len(self.rows)} layers", f"{takes} in all")

    @property
    def total_s(self) -> float:
        """Seconds of all operations together."""
        return sum(row.time.value for row in self.rows)

    @property
    def main_words(self) -> str:
        """The layer with most time, and its share."""
        row = max(self.rows, key=lambda row: row.time.value)
        return f"most in {row.name}, {100 * row.share:.0f} %"

    @property
    def overhead(self) -> float | None:
        """By how much the profiler slows a call down; 0.05 is 5 %."""
        time = self.result.time
        return self.watched.value / time.value - 1 if self.watched and time else None

    @property
    def covered(self) -> float | None:
        """The time of all operations over that of a call that nobody watched."""
        time = self.result.time
        return self.total_s / time.value if time else None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        case, time = self.result.case, self.result.time
        return {
            "network": self.result.label,
            "runtime": case.runtime,
            "mode": case.mode,
            "device": case.device,
            "dtype": case.dtype,
            "inputs": [list(shape) for shape in case.inputs],
            "batch_size": case.batch_size,
            "launches": max((row.time.n for row in self.rows), default=0),
            "time_s": time.value if time else None,
            "watched_s": self.watched.value if self.watched else None,
            "operations_s": self.total_s,
            "alone": self.watched is None,
            "layers": [row.to_json() for row in self.rows],
            "problems": list(self.problems),
        }


def profiled(result: Result, ceiling: Ceiling | None = None) -> NetworkProfile | None:
    """The profile of a case; None if it was not asked for one."""
    asked = {m.launch: m.profile for m in result.launches if m.profile}
    if not asked:
        return None
    problems = tuple(dict.fromkeys(p.problem for p in asked.values() if p.problem))
    good = {launch: p for launch, p in asked.items() if p.operations}
    every = {(op.names, op.kind): op for p in good.values() for op in p.operations}
    groups = folded(result.paper, list(every.values()))
    spent: dict[int, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    kinds: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for launch, profile in good.items():
        for op in profile.operations:
            group = groups.of[op.names, op.kind]
            spent[group][launch] += op.ns / 1e9
            kinds[group][op.kind] += op.ns
    total = sum(sum(of.values()) for of in spent.values()) or 1.0
    rows = []
    for group in sorted(spent):
        times = {launch: seconds for launch, seconds in spent[group].items() if seconds > 0}
        if not (time := stats.geometric(list(times.values()))):
            continue
        layers = tuple(result.cost.layers[place] for place in groups.layers.get(group, ()))
        share = sum(times.values()) / total
        least = None if ceiling is None or not layers else least_s(layers, ceiling)
        found = tuple(sorted(kinds[group], key=lambda kind: -kinds[group][kind]))
        words = _words(result.paper, _main(layers))
        rows.append(ProfiledLayer(layers, words, found, time, share, least, times))
    watched = stats.geometric([p.call_ns / 1e9 for p in good.values() if p.call_ns])
    return NetworkProfile(result, tuple(rows), watched, ceiling, problems)


def of_run(run: Run) -> tuple[tuple[NetworkProfile, ...], tuple[str, ...]]:
    """The profiles of a stored run, and why some of its cases have none."""
    found, problems = [], list(run.plan.notes)
    for result in results(run)[0]:
        profile = profiled(result, ceiling_of(result, run.ceilings))
        if profile and profile.rows:
            found.append(profile)
        for reason in profile.problems if profile else ():
            problems.append(f"{result.name}: {reason}")
        for m in result.launches:
            if not m.ok:
                why = f": {m.detail}" if m.detail else ""
                problems.append(f"{result.name}: launch {m.launch}: {m.outcome}{why}")
    return tuple(found), tuple(dict.fromkeys(problems))


def ceiling_of(result: Result, ceilings: Iterable[Ceiling]) -> Ceiling | None:
    """The ceiling of a case's device and type among some; None if it was not measured.

    None also for a step of training, of which the layers' costs are not known one by one.
    """
    case = result.case
    if case.mode == "train":
        return None
    known = (c for c in ceilings if (c.device, c.dtype) == (case.device, case.dtype))
    return next(known, None)


@dataclass(frozen=True, slots=True)
class Beside(Record):
    """The same layers in two profiles, or those that one of them alone has.

    `ratio` is the time in the new one over that in the base, where both have them.
    """

    base: tuple[ProfiledLayer, ...]
    new: tuple[ProfiledLayer, ...]
    ratio: Estimate | None

    def __repr__(self) -> str:
        return one_line(self, self.name, f"{units.seconds(abs(self.difference_s))} apart")

    @property
    def name(self) -> str:
        """Of the layer with most time."""
        return self._main.name

    @property
    def op(self) -> str:
        """Its class."""
        return self._main.op

    @property
    def words(self) -> str:
        """Its arguments."""
        return self._main.words

    @property
    def _main(self) -> ProfiledLayer:
        return max((*self.base, *self.new), key=lambda row: row.time.value)

    @property
    def base_s(self) -> float | None:
        """Seconds in the base."""
        return _seconds(self.base)

    @property
    def new_s(self) -> float | None:
        """Seconds in the new one."""
        return _seconds(self.new)

    @property
    def difference_s(self) -> float:
        """How many seconds more the new one takes here."""
        return (self.new_s or 0.0) - (self.base_s or 0.0)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "layer": self.name,
            "type": self.op,
            "base_s": self.base_s,
            "new_s": self.new_s,
            "difference_s": self.difference_s,
            "ratio": self.ratio.value if self.ratio else None,
        }


def _seconds(rows: Sequence[ProfiledLayer]) -> float | None:
    return sum(row.time.value for row in rows) if rows else None


def beside(base: NetworkProfile, new: NetworkProfile) -> list[Beside]:
    """Two profiles layer by layer, the largest difference first.

    In one network layers are the same by their names; what one runtime fuses and the other does
    not is one row. In two networks those are the same that compute the same on the same sizes.
    """
    same = base.result.paper.digest == new.result.paper.digest
    groups = _together(base.rows, new.rows) if same else {}
    found: dict[Hashable, tuple[list[ProfiledLayer], list[ProfiledLayer]]] = {}
    for side, profile in enumerate((base, new)):
        seen: Counter[Hashable] = Counter()
        for row in profile.rows:
            key = groups.get(row.name, _key(row, same))
            if not same:  # the first of a kind with the first
                seen[key] += 1
                key = (key, seen[key])
            found.setdefault(key, ([], []))[side].append(row)
    pairs = [Beside(tuple(a), tuple(b), _ratio(a, b)) for a, b in found.values()]
    return sorted(pairs, key=lambda pair: -abs(pair.difference_s))


def _key(row: ProfiledLayer, same: bool) -> Hashable:
    if same or row.main is None:
        return row.name
    main = row.main
    return main.op, row.words, main.output_shape, main.flops, main.input_bytes


def _together(*profiles: Sequence[ProfiledLayer]) -> dict[Hashable, Hashable]:
    """By the name of a row the name of the first of all rows that share layers with it."""
    of: dict[str, set[str]] = {}
    for row in (row for rows in profiles for row in rows):
        whole = {layer.name for layer in row.layers}
        for name in [*whole]:
            whole |= of.get(name, set())
        of |= dict.fromkeys(whole, whole)
    return {row.name: min(of[row.name]) for rows in profiles for row in rows if row.layers}


def _ratio(base: Sequence[ProfiledLayer], new: Sequence[ProfiledLayer]) -> Estimate | None:
    """The ratio of what both took, launch by launch where they were launched together."""
    if not (base and new):
        return None
    sides = []
    for rows in (base, new):
        launches = set.intersection(*(set(row.launches) for row in rows))
        sides.append({n: sum(row.launches[n] for row in rows) for n in launches})
    ours, theirs = sides
    return stats.geometric([theirs[n] / ours[n] for n in sorted(ours.keys() & theirs.keys())])


def _main(layers: Sequence[LayerCost]) -> LayerCost | None:
    return max(layers, key=lambda layer: layer.flops, default=None)


def _words(paper: Paper, layer: LayerCost | None) -> str:
    """The arguments of a layer that one asks for first."""
    if layer is None or paper.wiring is None:
        return ""
    return paper.wiring.words[paper.cost.layers.index(layer)]


def least_s(layers: Sequence[LayerCost], ceiling: Ceiling) -> float:
    """The least time of layers that are computed as one."""
    compute = sum(layer.flops for layer in layers) / ceiling.flops_per_s
    return max(compute, ceiling.moving_s(_moved(layers)))


def _moved(layers: Sequence[LayerCost]) -> int:
    """The input of the first and the output of the last of some layers, and all their weights."""
    if len(layers) < 2:
        return sum(map(moved_bytes, layers))
    first, last = layers[0], layers[-1]
    weights = sum(layer.weight_bytes for layer in layers)
    return first.input_bytes + last.activation_bytes + weights
