"""Runs that were stored before schema 2, read as if they had been stored since.

A case did not name its runtime, which the plan did for all, and had one input. Costs were not
stored: they are worked out from the catalogue as it is today.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cnnbench.cases.case import Case
from cnnbench.cases.paper import Paper
from cnnbench.cases.plan import WIDEST, curves
from cnnbench.errors import CnnbenchError


def upgraded(kind: str, data: dict[str, Any], runtime: str) -> dict[str, Any]:
    """The values of a line of schema 1 as schema 2 has them; a wrong value stays as it is."""
    try:
        return {**data, **_changed(kind, data, runtime)}
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
        return data  # not such a record: whoever decodes it says what is wrong


def _changed(kind: str, data: dict[str, Any], runtime: str) -> dict[str, Any]:
    """The values of a line that are different in schema 2."""

    def case_id(key: str) -> str:
        """An id of schema 1 ended in the mode: "... cpu graph"."""
        head, _, mode = key.rpartition(" ")
        return f"{head} {runtime}/{mode}"

    def case(old: dict[str, Any]) -> dict[str, Any]:
        kept = {key: value for key, value in old.items() if key != "input_shape"}
        return {**kept, "inputs": [old["input_shape"]], "runtime": runtime}

    if kind == "plan":
        devices = dict.fromkeys(old["device"] for old in data["cases"])
        wide = sum(
            last - first for first, last in (x["range"] for x in data.get("comparisons", ()))
        )
        if wide * len(devices) > 4 * WIDEST:
            raise CnnbenchError(f"{wide} channel counts to cost, and at most {4 * WIDEST} are")
        return {
            "cases": [case(old) for old in data["cases"]],
            "together": [[case_id(key) for key in row] for row in data.get("together", ())],
            "comparisons": [
                _comparison(comparison, data["blocks"], device, runtime)
                for comparison in data.get("comparisons", ())
                for device in devices
            ],
        }
    if kind == "launch":
        reference = data.get("reference") and case_id(data["reference"])
        return {
            "case": case(data["case"]),
            "beside": [case_id(key) for key in data.get("beside", ())],
            "reference": reference or "",
        }
    if kind == "stop":
        return {"case": case_id(data["case"])}
    if kind == "ceilings":
        return {"probes": [{**old, "case": case_id(old["case"])} for old in data["probes"]]}
    return {}


def papers(cases: Mapping[str, Case]) -> tuple[dict[str, Paper], dict[str, str]]:
    """The costs of cases by their key, and why some have none.

    Only of the catalogue: to read a run must not open a file or call a function that it names.
    """
    known, problems = {}, {}
    for key, case in cases.items():
        try:
            _check_ours(case)
            known[key] = case.paper()
        except (CnnbenchError, TypeError) as error:
            problems[key] = str(error)
    return known, problems


def _check_ours(case: Case) -> None:
    if case.network.kind != "entry":
        raise CnnbenchError(f"{case.target} is not in the catalogue, and its costs were not stored")


def _comparison(
    old: dict[str, Any], blocks: Mapping[str, Mapping[str, Any]], device: str, runtime: str
) -> dict[str, Any]:
    base, new = old["base"], old["new"]

    def at(label: str, channels: int) -> Case:
        case = Case(
            **blocks[label],
            inputs=((*old["size"], channels),),
            batch_size=old["batch_size"],
            device=device,
            runtime=runtime,
        )
        _check_ours(case)
        return case

    return {
        **old,
        "device": device,
        "pairs": [(c, at(base, c).id, at(new, c).id) for c in old["channels"]],
        **curves(at, base, new, tuple(old["range"])),
    }
