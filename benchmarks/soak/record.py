"""RECORD: a run under faults, session by session, and what is in its file after each of them.

A session is one life of the parent. It ends by its fault, or is ended soon after it; the next one
continues the run with `--resume`.
"""

from __future__ import annotations

import json
import platform
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.runtimes import rows
from benchmarks.soak import runtime
from benchmarks.soak.faults import FAULTS, killed_while_planning
from benchmarks.soak.session import LAUNCHED, Session, Soak
from cnnbench import blocks
from cnnbench.host.environment import machine
from cnnbench.runs import store
from cnnbench.runs.result import results

SESSIONS, END = "sessions.csv", "end.json"


@dataclass(frozen=True)
class End:
    """What is there when the run is complete.

    Args:
        date: of the recording.
        machine: where it was made.
        command: how.
        cases: that were planned, and those of them that have a time, and that have costs.
        launches: that were planned, and those of them that are in the file.
        wrong: cases all of whose launches were made to go wrong.
        unread: lines that cannot be read.
        repeated: launches that are in the file more than once.
        temporary: what is left in the folder for temporary files, by the beginning of the name.
    """

    date: str
    machine: dict[str, Any]
    command: str
    seed: int
    cases: int
    timed: int
    costed: int
    launches: int
    stored: int
    wrong: int
    unread: int
    repeated: int
    temporary: dict[str, int]


def record(
    out: Path, work: Path, cases: int, seed: int, faults: Any = FAULTS, launches: int = 1
) -> None:
    """Make the run, with a session of each fault, and write down how it went."""
    out.mkdir(parents=True, exist_ok=True)
    for name in (LAUNCHED, SESSIONS, END):
        (out / name).unlink(missing_ok=True)
    soak = Soak(out, work, seed, Random(seed), launches)
    (work / "suite.toml").write_text(suite(cases))
    sessions = [*faults]
    soak.random.shuffle(sessions)
    # So that the last fault finds launches to come.
    share = cases * launches // (len(sessions) + 3)

    def make(fault: Callable[[Soak, int], Session]) -> None:
        session = fault(soak, soak.random.randint(share // 2, share))
        rows.append(out / SESSIONS, [session])
        print(session, flush=True)
        soak.session += 1

    make(killed_while_planning)
    make(_begun)
    for fault in sessions:
        make(fault)
    make(_to_the_end)
    (out / END).write_text(json.dumps(asdict(ended(soak, cases)), indent=2) + "\n")


def _begun(soak: Soak, launches: int) -> Session:
    """The run is begun again if there was no plan yet, else continued."""
    with soak.parent(resume=soak.file.exists()) as parent:
        parent.hear(launches)
        parent.interrupt()
        return parent.ended("Ctrl-C alone")


def _to_the_end(soak: Soak, _: int) -> Session:
    with soak.parent() as parent:
        return parent.ended("none")


def ended(soak: Soak, cases: int) -> End:
    """What is there when the run is complete."""
    run, stored = store.read(soak.run), soak.stored()
    found, _ = results(run)
    wrong = [
        all(runtime.fault(str(soak.seed), case.id, soak.seed + n)[0] for n in range(soak.launches))
        for case in run.plan.cases
    ]
    temporary = (soak.work / "temporary").iterdir()
    return End(
        date=time.strftime("%Y-%m-%d"),
        machine={name: machine()[name] for name in ("cpu", "cores", "platform")}
        | {"python": platform.python_version()},
        command=f"python -m benchmarks.soak run --cases {cases} --seed {soak.seed}",
        seed=soak.seed,
        cases=len(run.plan.cases),
        timed=sum(r.time is not None for r in found),
        costed=len(found),
        launches=len(run.plan.cases) * soak.launches,
        stored=len(stored),
        wrong=sum(wrong),
        unread=len(run.bad_lines),
        repeated=sum(count > 1 for count in stored.values()),
        temporary=dict(Counter(path.name.split("-")[0] for path in temporary)),
    )


def suite(cases: int) -> str:
    """So many cases: the networks of the catalogue at as many batches as that takes."""
    names = list(blocks.catalogue())[:cases]
    tables = []
    for place, name in enumerate(names):
        batches = list(range(1, len(range(place, cases, len(names))) + 1))
        tables.append(f'[[block]]\nname = "{name}"\ntarget = "{name}"\nbatches = {batches}\n')
    return "\n".join(['name = "soak"', *tables])
