"""RECORDING: what was measured, whoever measured it: a run of ours, or pytest-benchmark."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from cnnbench import stats, units
from cnnbench.errors import unknown
from cnnbench.runs.result import Result, Samples, results
from cnnbench.runs.store import Run
from cnnbench.stats import Estimate

Environment = dict[str, tuple[str, ...]]
"""Every value that a key of the machine and the method had, in the order of appearance."""

_MACHINE = ("host", "cpu", "cores", "threads", "pinned", "platform", "commit")


@dataclass(frozen=True, slots=True)
class Series:
    """One case, or one benchmark.

    Args:
        key: what tells it from others, in any recording.
        name: what people call it.
        label: of the block, and `place` all else that tells the case from others: two blocks
            are compared where the place is the same.
        samples: seconds of every call, by launch; the first of a launch initialises.
        peaks: bytes by which the first call of a launch raised the peak memory.
        params: as they were counted when it was measured.
        flops: of a call.
        outcome: the word ok; else why there are no samples.
        failures: how many launches that were never made good had which outcome.
        result: of the case, where it is one of a run.
    """

    key: str
    name: str
    label: str
    place: str
    samples: Samples
    peaks: dict[int, int]
    params: int | None
    flops: int | None
    outcome: str
    failures: dict[str, int]
    result: Result | None = None

    @property
    def time(self) -> Estimate | None:
        """Seconds of a call."""
        return stats.location(self.samples)


@dataclass(frozen=True, slots=True)
class Recording:
    """What a run or a file of benchmarks holds.

    `name` is where it came from, `notes` what is wrong with it. Of several runs as one, `parts`
    has the number of the first launch of each.
    """

    name: str
    series: tuple[Series, ...]
    environment: Environment
    notes: tuple[str, ...] = ()
    parts: tuple[int, ...] = ()

    def of_block(self, label: str) -> Recording:
        """The series of one block, each with its place as key and name.

        Raises:
            UnknownNameError: there is no such block in it.
        """
        known = {s.label for s in self.series}
        if label not in known:
            raise unknown(f"block of {self.name}", label, known)
        chosen = [replace(s, key=s.place, name=s.place) for s in self.series if s.label == label]
        return Recording(label, tuple(chosen), self.environment, self.notes)


def of_run(run: Run) -> Recording:
    """A stored run; cases that this version cannot cost are among the notes."""
    found, problems = results(run)
    names = Counter(r.name for r in found)
    return Recording(
        str(run.folder),
        tuple(_series(r, r.name if names[r.name] == 1 else r.case.id) for r in found),
        environment(
            [_flat(m.environment) for m in run.measurements]
            + [{"runtime": run.plan.runtime}]
            + [{"mode": mode} for mode in sorted({r.case.mode for r in found})]
        ),
        tuple(f"left out: {line}" for line in (*problems, *run.bad_lines)),
        run.parts,
    )


def environment(launches: Iterable[dict[str, Any]]) -> Environment:
    """The distinct values of every key, as text; what is None is not recorded."""
    found: dict[str, dict[str, None]] = {}
    for launch in launches:
        for key, value in launch.items():
            if value is not None:
                found.setdefault(key, {})[str(value)] = None
    return {key: tuple(values) for key, values in found.items()}


def _flat(machine: dict[str, Any]) -> dict[str, Any]:
    """What a launch recorded of the machine, with the versions one by one."""
    memory, versions = machine.get("memory_bytes"), machine.get("versions")
    return {
        **{key: machine.get(key) for key in _MACHINE},
        # As text, for what the system keeps for itself differs by some kB from day to day.
        "memory": units.binary(memory) if isinstance(memory, int | float) else None,
        **{
            f"versions.{name}": version
            for name, version in (versions.items() if isinstance(versions, dict) else ())
        },
    }


def _series(r: Result, name: str) -> Series:
    counted = [m.check.params for m in r.launches if m.check]
    return Series(
        key=r.case.id,
        name=name,
        label=r.label,
        place=" ".join([units.shape(r.case.input_shape), *r.unusual]),
        samples=r.samples,
        peaks={m.launch: m.peak_bytes for m in r.launches if m.ok and m.peak_bytes is not None},
        params=counted[-1] if counted else r.cost.params,
        flops=r.flops,
        outcome=r.outcome,
        failures=Counter(m.outcome for m in r.launches if not m.ok and m.launch not in r.samples),
        result=r,
    )
