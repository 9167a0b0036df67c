"""From what a suite asks for to a plan: sizes, types and costs of every case, before any launch.

A catalogue entry is traced here. Any other network is opened by a child of its runtime: the code
of a user may print, take minutes, raise or exit, and no framework is imported here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from cnnbench import blocks, runtimes
from cnnbench.cases import paper
from cnnbench.cases.case import Case
from cnnbench.cases.paper import Paper
from cnnbench.cases.plan import Plan
from cnnbench.cases.suites import Suite
from cnnbench.errors import CnnbenchError, StoreError, SuiteError, UnknownNameError
from cnnbench.runner.server import Workers


def plan(
    suite: Suite,
    devices: Sequence[str],
    runtime: str,
    workers: Workers,
    timeout_s: float,
    **fields: Any,
) -> Plan:
    """What to measure of a suite.

    Args:
        suite: what was asked for.
        devices: cpu, gpu or both.
        runtime: what runs it.
        workers: whose children open networks.
        timeout_s: how long one of them may take to open a network.
        **fields: other fields of the `Plan`.

    Raises:
        CnnbenchError: a network cannot be opened, or a layer cannot take its input.
    """
    asked = suite.groups(devices, runtime)
    every = [case for group in asked for case in group]
    if not every:
        raise SuiteError(f"{suite.name} has nothing to measure on {' or '.join(devices)}")
    for case in every:
        try:
            runtimes.check_modes(runtime, [case.mode])
        except UnknownNameError as error:
            raise suite.fault(case, error) from None
    whole, papers = resolved(every, workers, timeout_s)
    cases: dict[str, Case] = {}
    together = []
    for group in asked:
        members = [whole[id(case)] for case in group]
        for case in members:
            cases.setdefault(case.id, case)
        if len(members) > 1:
            together.append(tuple(dict.fromkeys(case.id for case in members)))
    return Plan(
        suite=suite.name,
        description=suite.description,
        cases=tuple(cases.values()),
        comparisons=suite.comparisons(devices, runtime),
        base=suite.base,
        together=tuple(together),
        papers=papers,
        timeout_s=timeout_s,
        **fields,
    )


def resolved(
    cases: Sequence[Case], workers: Workers, timeout_s: float
) -> tuple[dict[int, Case], dict[str, Paper]]:
    """Cases with their sizes and types filled in, by the identity of what was asked, and papers."""
    whole: dict[int, Case] = {}
    papers: dict[str, Paper] = {}
    opened: dict[tuple[str, ...], list[Case]] = {}
    for case in cases:
        if case.network.kind == "entry" and not case.data:
            own = (blocks.get(case.target).input_shape,)
            full = replace(case, inputs=case.inputs or own, dtype=case.dtype or "float32")
            if full.paper_key not in papers:
                papers[full.paper_key] = full.paper()
            whole[id(case)] = full
        else:
            key: tuple[str, ...] = (
                case.runtime,
                case.target,
                case.source,
                repr(case.params),
                str(case.inputs),
                case.dtype,
            )
            opened.setdefault(key, []).append(case)
    for (name, *_), group in opened.items():
        planned = workers.servers[name].plan(group, timeout_s)
        for case, found in zip(group, planned, strict=True):
            inputs = tuple(map(tuple, found["inputs"]))
            full = replace(case, inputs=inputs, dtype=found["dtype"])
            whole[id(case)], papers[full.paper_key] = full, paper.stored(found["paper"])
    return whole, papers


def check_unchanged(plan: Plan, workers: Workers) -> None:
    """Refuse to continue a run of networks that are not what they were.

    Raises:
        StoreError: one is another network now, or cannot be opened any more.
    """
    distinct = {case.paper_key: case for case in plan.cases}
    try:
        whole, papers = resolved(list(distinct.values()), workers, plan.timeout_s)
    except CnnbenchError as error:
        raise StoreError(f"the run cannot be continued: {error}") from None
    for key, case in distinct.items():
        before, now = plan.papers.get(key), papers[whole[id(case)].paper_key]
        pairs: Iterable[tuple[str, str]] = ()
        if before:
            pairs = ((before.digest, now.digest), (before.file, now.file))
        for then, today in pairs:
            if then and then != today:
                raise StoreError(
                    f"{case.target} has changed since the run began: its digest was {then}, now it "
                    f"is {today}; start a new run instead of continuing this one"
                )
