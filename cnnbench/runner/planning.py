"""From what a suite asks for to a plan: sizes, types and costs of every case, before any launch.

A catalogue entry is traced here. A child of its runtime opens any other network: the code of a
user may print, take minutes, raise or exit, and no framework is imported here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from cnnbench import blocks, runtimes
from cnnbench.cases import paper
from cnnbench.cases.case import Case
from cnnbench.cases.paper import Paper
from cnnbench.cases.plan import Plan
from cnnbench.cases.suites import Place, Suite
from cnnbench.errors import CnnbenchError, StoreError, SuiteError, UnknownNameError
from cnnbench.runner.launching import needed
from cnnbench.runner.server import Workers


def plan(
    suite: Suite, places: Sequence[Place], workers: Workers, timeout_s: float, **fields: Any
) -> Plan:
    """What to measure of a suite in some places; `fields` are other fields of the `Plan`.

    Children of `workers` open networks; `timeout_s` is how long that may take. If a network cannot
    be opened, or a layer cannot take its input, the `CnnbenchError` says so.
    """
    names = list(dict.fromkeys(place.runtime for place in places))
    notes = []
    for table in suite.block:
        try:
            notes += runtimes.check_modes(names, table.modes)
            notes += runtimes.check_dtypes(names, table.dtype)
        except UnknownNameError as error:
            raise suite.fault(table.name, error) from None
    threads = sorted({place.threads or fields.get("threads") or 1 for place in places})
    if more := ", ".join(str(count) for count in threads if count > workers.cores):
        notes.append(f"{more} threads take turns on {workers.cores} cores: no speed-up can be seen")
    asked = [
        [case for case in group if runtimes.computes_in(case.runtime, case.dtype)]
        for group in suite.groups(places)
    ]
    alone = [
        case for group in asked for case in group if case.clients > 1 and runtimes.serial(case)
    ]
    asked = [[case for case in group if case not in alone] for group in asked]
    notes += [
        f"{case.runtime} has one client in mode {case.mode} on {case.device}: "
        f"{runtimes.serial(case)}"
        for case in alone
    ]
    every = [case for group in asked for case in group]
    if not every:
        devices = dict.fromkeys(place.device for place in places)
        why = "; ".join(["", *dict.fromkeys(notes)])
        raise SuiteError(f"{suite.name} has nothing to measure on {' or '.join(devices)}{why}")
    if fields.get("profile"):
        unprofiled = list(dict.fromkeys(filter(None, map(runtimes.unprofiled, every))))
        if all(map(runtimes.unprofiled, every)):
            raise UnknownNameError("; ".join(unprofiled))
        notes += unprofiled
    whole, papers, problems = _resolved(every, workers, timeout_s)
    for place, case in list(whole.items()):
        try:
            runtimes.check_dtypes([case.runtime], [case.dtype])
        except UnknownNameError as error:
            problems[place] = suite.fault(case.label, error)
            del whole[place]
    notes += _left_out(every, problems)
    cases: dict[str, Case] = {}
    for case in whole.values():
        cases.setdefault(case.id, case)  # of equal ones the first, with its name
    if suite.fill:
        room = {case.device: workers.room(case) for case in cases.values()}
        large = {
            key: case
            for key, case in cases.items()
            if case.batch_size > 1 and needed(case, papers[case.paper_key]) > room[case.device]
        }
        cases = {key: case for key, case in cases.items() if key not in large}
        least = {
            f"{case.name} ({case.device}, {case.dtype}, {case.mode})": case.batch_size
            for case in sorted(large.values(), key=lambda case: -case.batch_size)
        }
        notes += [
            f"{name}: batches from {batch} on need more memory on paper than is free"
            for name, batch in least.items()
        ]
    at = count()
    groups = [[whole[n].id for _ in group if (n := next(at)) in whole] for group in asked]
    return Plan(
        suite=suite.name,
        description=suite.description,
        cases=tuple(cases.values()),
        comparisons=suite.comparisons(places),
        base=suite.base,
        # Memory is to be filled by one at a time.
        together=()
        if suite.fill
        else tuple(tuple(dict.fromkeys(ids)) for ids in groups if len(ids) > 1),
        fill=suite.fill,
        notes=tuple(dict.fromkeys(notes)),
        papers=papers,
        timeout_s=timeout_s,
        **fields,
    )


def _left_out(cases: Sequence[Case], problems: Mapping[int, CnnbenchError]) -> list[str]:
    """What is wrong with some cases, where their network can be had at that size in another type.

    Raises:
        CnnbenchError: it cannot.
    """
    of = [(case.network, case.inputs) for case in cases]
    had = [network for place, network in enumerate(of) if place not in problems]
    for place, error in problems.items():
        if of[place] not in had:
            raise error
    return [f"left out: {error}" for error in problems.values()]


def _resolved(
    cases: Sequence[Case], workers: Workers, timeout_s: float
) -> tuple[dict[int, Case], dict[str, Paper], dict[int, CnnbenchError]]:
    """The cases with their sizes and types filled in, and their costs by `Case.paper_key`.

    Cases are by their place; those that cannot be had have an error instead.
    """
    whole = dict(enumerate(cases))
    papers: dict[str, Paper] = {}
    problems: dict[int, CnnbenchError] = {}
    opened: dict[str, list[int]] = {}
    for place, case in enumerate(cases):
        if case.network.kind == "entry" and not case.data:
            own = (blocks.get(case.target).input_shape,)
            full = replace(case, inputs=case.inputs or own, dtype=case.dtype or "float32")
            if full.paper_key not in papers:
                papers[full.paper_key] = full.paper()
            whole[place] = full
        else:
            kind = runtimes.exporter(case.runtime) != ""  # it need not be built in that type
            network = repr((case.network, case.inputs, case.dtype, kind))
            opened.setdefault(network, []).append(place)
    for places in opened.values():
        try:
            found = workers.plan([cases[place] for place in places], timeout_s)
        except CnnbenchError as error:
            problems |= dict.fromkeys(places, error)
            for place in places:
                del whole[place]
            continue
        for place, planned in zip(places, found, strict=True):
            full = replace(cases[place], inputs=planned.inputs, dtype=planned.dtype)
            whole[place], papers[full.paper_key] = full, paper.stored(planned.paper)
    return whole, papers, problems


def check_unchanged(plan: Plan, workers: Workers) -> dict[str, Paper]:
    """Refuse to continue a run if one of its networks has changed or cannot be opened any more.

    Returns the costs of all cases, from a new trace.
    """
    before = {case.paper_key: case for case in plan.cases}
    try:
        whole, papers, problems = _resolved(list(before.values()), workers, plan.timeout_s)
        for error in problems.values():
            raise error
    except CnnbenchError as error:
        raise StoreError(f"the run cannot be continued: {error}") from None
    for (key, case), full in zip(before.items(), whole.values(), strict=True):
        old, new = plan.papers.get(key), papers[full.paper_key]
        pairs = ((old.digest, new.digest), (old.file, new.file)) if old else ()
        for then, now in pairs:
            if then and then != now:
                raise StoreError(
                    f"{case.target} has changed since the run began: its digest was {then}, now it "
                    f"is {now}; start a new run instead of continuing this one"
                )
    return papers
