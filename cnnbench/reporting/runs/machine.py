"""Where and how a run was measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from statistics import median
from typing import Any

from cnnbench import units
from cnnbench.reporting.tables import Table, percent
from cnnbench.runs.store import Measurement, Run

PAUSE_S = 60.0
"""If the gap between two launches is longer, the run was stopped and continued in between."""

_MACHINE: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("host", "host", str),
    ("CPU", "cpu", str),
    ("cores", "cores", str),
    ("threads", "threads", str),
    ("a core for each thread", "pinned", lambda pinned: "yes" if pinned else "no"),
    ("memory", "memory_bytes", units.binary),
    ("platform", "platform", str),
    ("devices", "devices", lambda kinds: "; ".join(_named(kinds))),
    ("commit", "commit", str),
    ("commit of the project", "project_commit", str),
)

_GPU: tuple[tuple[str, Callable[[list[float]], float], str], ...] = (
    ("sm_mhz", median, "{:,.0f} MHz"),
    ("memory_mhz", median, "memory {:,.0f} MHz"),
    ("watts", median, "{:,.0f} W"),
    ("celsius", max, "at most {:.0f} °C"),
)


def machine_rows(run: Run) -> Table:
    """What is known of the machine and the method; no row for what was not recorded."""
    plan = run.plan
    launches = str(plan.launches)
    if plan.precision is not None:
        launches += f" or more, until an interval is within {percent(plan.precision)}"
    references = dict.fromkeys(key for m in run.measurements for key in m.references)
    stops = Counter(run.stops.values()).most_common()
    loads = [load for m in run.measurements if (load := m.environment.get("load_1m")) is not None]
    rows = [
        *([name, ", ".join(values)] for name, values in _facts(run.measurements)),
        ["suite", plan.suite],
        ["runtime", ", ".join(plan.runtimes)],
        ["cases, launches each", f"{len(plan.cases)}, {launches}"],
        [
            "launched no more because",
            "; ".join(f"{why} ({units.counted(n, 'case')})" for why, n in stops),
        ],
        ["references beside them", ", ".join(references)],
        ["seed", str(plan.seed)],
        *_when(run.measurements),
        *_gpus(run.measurements),
        ["load (1 min)", f"{loads[0]:.2f} at the start, at most {max(loads):.2f}" if loads else ""],
        ["command", f"`{plan.command}`" if plan.command else ""],
    ]
    return ["machine and method", ""], [row for row in rows if row[1]]


def line(run: Run) -> str:
    """The machine and the frameworks in one line, and when it was."""
    facts = {name: ", ".join(values) for name, values in _facts(run.measurements)}
    words = [
        facts.get("CPU", ""),
        f"{facts['cores']} cores" if "cores" in facts else "",
        facts.get("memory", ""),
        *(f"{name} {facts[name]}" for name in ("tensorflow", "keras") if name in facts),
        f"suite {run.plan.suite}",
        *(when for _, when in _when(run.measurements)[:1]),
    ]
    return "Measured on " + ", ".join(filter(None, words)) + "." if run.measurements else ""


def _named(kinds: dict[str, list[str]]) -> list[str]:
    # A runtime without a name for a device gives its kind as the name.
    return [
        kind if names == [kind] else f"{kind}: {', '.join(names)}"
        for kind, names in kinds.items()
        if names
    ]


def _facts(measurements: Iterable[Measurement]) -> list[tuple[str, list[str]]]:
    """What is known of the machine and the versions: name, and every value that a launch had."""
    environments = [m.environment for m in measurements]
    versions = [environment.get("versions") or {} for environment in environments]
    found = [
        (name, [show(known[key]) for known in environments if known.get(key) is not None])
        for name, key, show in _MACHINE
    ]
    found += [
        (name, [str(known[name]) for known in versions if name in known])
        for name in sorted(set().union(*versions))
    ]
    return [(name, list(dict.fromkeys(values))) for name, values in found if values]


def _gpus(measurements: Iterable[Measurement]) -> list[list[str]]:
    """What each GPU did while it was measured: medians over launches, and the highest heat."""
    launches: dict[str, list[dict[str, Any]]] = {}
    for m in measurements:
        if m.gpu:
            launches.setdefault(m.case.device, []).append(m.gpu)
    rows = []
    for device, seen in launches.items():
        words = list(dict.fromkeys(gpu["name"] for gpu in seen if "name" in gpu))
        words += dict.fromkeys(f"not known: {gpu['unknown']}" for gpu in seen if "unknown" in gpu)
        for name, choose, text in _GPU:
            if known := [value for gpu in seen if (value := gpu.get(name)) is not None]:
                words.append(text.format(choose(known)))
        if all(gpu.get("throttled") is None for gpu in seen):
            words.append("throttling not known")
        rows.append([f"{device} meanwhile", ", ".join(words)])
    return rows


def varied(run: Run) -> list[str]:
    """What changed during the run, and so differs between launches in one place."""
    places: dict[Any, list[Measurement]] = {}
    for m in run.measurements:
        places.setdefault((m.case.device, m.case.runtime, m.case.threads), []).append(m)
    facts = [fact for of in places.values() for fact in _facts(of)]
    several = dict.fromkeys(name for name, values in facts if len(values) > 1)
    if not several:
        return []
    return [
        f"Note: launches of this run differ in {', '.join(several)}, so that their times may "
        "not be comparable. To do: measure all of it again in one run."
    ]


def _when(measurements: Iterable[Measurement]) -> list[list[str]]:
    """The date, the wall time, and how much of it went into measured calls."""
    launches = sorted((m for m in measurements if m.started), key=lambda m: m.started)
    if not launches:
        return []
    total, sampled, end = 0.0, 0.0, launches[0].started
    # Cases that took turns share one wall time.
    for m in {(m.started, m.wall_s): m for m in launches}.values():
        gap = m.started - end
        total += m.wall_s + (gap if 0 < gap <= PAUSE_S else 0.0)
        sampled += m.sampled_s
        end = m.started + m.wall_s
    of_cases = sum(sum(m.samples_ns) / m.case.clients for m in launches) / 1e9
    start = datetime.fromtimestamp(launches[0].started, UTC)
    rows = [["started", f"{start:%Y-%m-%d %H:%M} UTC"]]
    if total:
        share = percent(max(sampled, of_cases) / total)
        row = f"{units.seconds(total)}, of which {share} in timed calls"
        if sampled and any(m.references for m in launches):  # not stored at first
            row += f" ({percent((sampled - of_cases) / total)} of references)"
        rows.append(["wall time", row])
    return rows
