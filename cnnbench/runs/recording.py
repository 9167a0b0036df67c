"""RECORDING: what was measured, by a run of cnnbench or by pytest-benchmark."""

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
"""By key, every value that was recorded of the machine or the method, in order of appearance."""

_MACHINE = ("host", "cpu", "cores", "threads", "pinned", "platform", "commit")


@dataclass(frozen=True, slots=True)
class Series:
    """The launches of one case, or of one benchmark.

    Args:
        key: identifies it in any recording.
        name: what people call it.
        label: the name of the block.
        place: everything else that identifies the case; two blocks are compared where the place is
            the same.
        samples: seconds of every call, by launch; the first call of a launch initialises.
        peaks: bytes by which the first call of a launch raised the peak memory, by launch.
        params: the number of parameters, as counted at the time of the measurement.
        flops: of one call.
        outcome: "ok", or why there are no samples.
        failures: how many launches had which other outcome and were not repeated with success.
        result: of the case, if a run measured it.
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

    Args:
        name: where it came from.
        series: its cases or benchmarks.
        environment: of all launches.
        notes: what is wrong with it.
        parts: of several runs read as one, the number of the first launch of each.
    """

    name: str
    series: tuple[Series, ...]
    environment: Environment
    notes: tuple[str, ...] = ()
    parts: tuple[int, ...] = ()

    def of_block(self, label: str) -> Recording:
        """The series of one block, each with its place as key and name."""
        known = {s.label for s in self.series}
        if label not in known:
            raise unknown(f"block of {self.name}", label, known)
        chosen = [replace(s, key=s.place, name=s.place) for s in self.series if s.label == label]
        return Recording(label, tuple(chosen), self.environment, self.notes)


def of_run(run: Run) -> Recording:
    """A stored run; cases whose cost is not known are named in the notes."""
    cases, problems = results(run)
    names = Counter(r.name for r in cases)
    return Recording(
        str(run.folder),
        tuple(_series(r, r.name if names[r.name] == 1 else r.case.id) for r in cases),
        distinct_values(
            [
                *(_flat(m.environment) for m in run.measurements),
                *({"runtime": runtime} for runtime in run.plan.runtimes),
                *({"mode": mode} for mode in sorted({r.case.mode for r in cases})),
            ]
        ),
        tuple(f"left out: {line}" for line in (*problems, *run.bad_lines)),
        run.parts,
    )


def distinct_values(launches: Iterable[dict[str, Any]]) -> Environment:
    """The distinct values of every key, as text; None means that it was not recorded."""
    values: dict[str, dict[str, None]] = {}
    for launch in launches:
        for key, value in launch.items():
            if value is not None:
                values.setdefault(key, {})[str(value)] = None
    return {key: tuple(known) for key, known in values.items()}


def _flat(machine: dict[str, Any]) -> dict[str, Any]:
    """What a launch recorded of the machine, with one key for each version."""
    memory, versions = machine.get("memory_bytes"), machine.get("versions")
    known = versions if isinstance(versions, dict) else {}
    return {
        **{key: machine.get(key) for key in _MACHINE},
        # Rounded: the part that the system reserves for itself differs by some kB from day to day.
        "memory": units.binary(memory) if isinstance(memory, int | float) else None,
        **{f"versions.{name}": version for name, version in known.items()},
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
