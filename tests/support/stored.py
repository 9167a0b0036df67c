"""Stored runs whose times are given, for what reads them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cnnbench.cases.answer import Check
from cnnbench.cases.case import Case
from cnnbench.cases.paper import Paper
from cnnbench.cases.plan import Plan
from cnnbench.runs import store
from cnnbench.runs.store import Measurement

ROOM = math.exp(1.959964 * 0.005)
"""How far the interval of a ratio reaches where all launches agree."""

MACHINE: dict[str, Any] = {
    "host": "here",
    "cpu": "Fake CPU",
    "cores": 2,
    "threads": 2,
    "memory_bytes": 8 * 2**30,
    "platform": "Linux",
    "commit": "aaaa",
    "versions": {"tensorflow": "2.20", "keras": "3.15"},
}


def case(label: str, filters: int = 4, **other: Any) -> Case:
    """A small VGG block: `filters` tells one from another."""
    return Case("vgg_block", (8, 8, 3), {"n_filters": filters}, label=label, **other)


def launch(
    case: Case,
    number: int,
    microseconds: float,
    *,
    peak: int | None = 1000,
    outcome: Any = "ok",
    params: int | None = None,
    machine: Mapping[str, Any] = MACHINE,
) -> Measurement:
    """A launch of one slow call and five of the given time."""
    ns = round(1000 * microseconds)
    ok = outcome == "ok"
    return Measurement(
        case=case,
        launch=number,
        outcome=outcome,
        started=1_750_000_000.0 + number,
        wall_s=0.5,
        samples_ns=(10 * ns, *(5 * [ns])) if ok else (),
        peak_bytes=peak if ok else None,
        check=None if params is None else Check(3, params),
        environment=dict(machine),
    )


def write(
    folder: Path,
    cases: Sequence[Case],
    launches: Sequence[Measurement],
    papers: Mapping[str, Paper] | None = None,
) -> Path:
    """A run's folder; costs that are not given are worked out."""
    with store.create(
        folder, Plan("mine", "", tuple(cases), launches=3, papers=dict(papers or {}))
    ) as file:
        for measurement in launches:
            file.append("launch", measurement.to_json())
    return folder


def lose_costs(folder: Path, case: Case) -> None:
    """Delete the line of a stored run that has the costs of a case."""
    lines = (folder / store.FILE).read_text().splitlines(keepends=True)
    left = [x for x in lines if json.loads(x).get("of") != case.paper_key]
    assert len(left) == len(lines) - 1
    (folder / store.FILE).write_text("".join(left))


def timed(
    folder: Path,
    *times: tuple[Case, Sequence[float]],
    machine: Mapping[str, Any] = MACHINE,
) -> Path:
    """A run of cases with the microseconds of a call in each launch."""
    return write(
        folder,
        [c for c, _ in times],
        [launch(c, n, t, machine=machine) for c, row in times for n, t in enumerate(row)],
    )


def history(
    folder: Path,
    times: Mapping[str, Sequence[float]],
    *,
    machine: Mapping[str, Any] = MACHINE,
    reference: float = 50.0,
) -> Path:
    """A folder of runs, one a day: by the label of a case, microseconds of a call in each run.

    Three launches a run, 1 % below, at and above that time; run 7 is called run-07, its commit
    c0de07. Each is beside a reference that takes so many microseconds, if it is not 0.
    """
    cases = {label: case(label, filters) for filters, label in enumerate(times, start=4)}
    for number, row in enumerate(zip(*times.values(), strict=True)):
        launches = []
        for label, time in zip(times, row, strict=True):
            for turn, factor in enumerate((0.99, 1.0, 1.01)):
                where = {**machine, "project_commit": f"c0de{number:02}"}
                one = launch(cases[label], turn, factor * time, machine=where)
                beside = (1000 * reference,)
                if reference:
                    one = replace(one, bursts=(5,), references={"ref": beside})
                launches.append(replace(one, started=one.started + 86400 * number))
        write(folder / f"run-{number:02}", [*cases.values()], launches)
    return folder
