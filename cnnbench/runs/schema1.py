"""Runs that were stored before schema 2, read as if they had been stored since.

A case did not name its runtime, which the plan did for all, and had one input. Costs were not
stored: they are worked out from the catalogue as it is today.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cnnbench.cases.case import Case
from cnnbench.cases.paper import Paper
from cnnbench.cases.plan import curves
from cnnbench.errors import CnnbenchError


def upgraded(kind: str, data: dict[str, Any], runtime: str) -> dict[str, Any]:
    """The values of a line of schema 1 as schema 2 has them; what is wrong stays so."""
    try:
        if kind == "plan":
            kept = {key: data[key] for key in data.keys() - {"runtime", "blocks"}}
            together = [[case_id(key, runtime) for key in row] for row in data.get("together", ())]
            return {
                **kept,
                "cases": [_case(case, runtime) for case in data["cases"]],
                "together": together,
                "comparisons": [
                    _comparison(comparison, data["blocks"], device, runtime)
                    for comparison in data.get("comparisons", ())
                    for device in dict.fromkeys(case["device"] for case in data["cases"])
                ],
            }
        if kind == "launch":
            beside = [case_id(key, runtime) for key in data.get("beside", ())]
            reference = data.get("reference") and case_id(data["reference"], runtime)
            return {
                **data,
                "case": _case(data["case"], runtime),
                "beside": beside,
                "reference": reference or "",
            }
        if kind == "stop":
            return {**data, "case": case_id(data["case"], runtime)}
        if kind == "ceilings":
            probes = [
                {**probe, "case": case_id(probe["case"], runtime)} for probe in data["probes"]
            ]
            return {**data, "probes": probes}
    except (KeyError, TypeError, ValueError, AttributeError):
        pass  # not such a record: whoever decodes it says what is wrong
    return data


def case_id(key: str, runtime: str) -> str:
    """The id of a case of schema 1, which ended in its mode: "... cpu graph"."""
    head, _, mode = key.rpartition(" ")
    return f"{head} {runtime}/{mode}"


def papers(cases: Mapping[str, Case]) -> tuple[dict[str, Paper], dict[str, str]]:
    """The costs of cases by their key, and why some have none."""
    known, problems = {}, {}
    for key, case in cases.items():
        try:
            known[key] = case.paper()
        except (CnnbenchError, TypeError) as error:
            problems[key] = str(error)
    return known, problems


def _comparison(
    old: dict[str, Any], blocks: Mapping[str, Mapping[str, Any]], device: str, runtime: str
) -> dict[str, Any]:
    base, new = old["base"], old["new"]

    def at(label: str, channels: int) -> Case:
        return Case(
            **blocks[label],
            inputs=((*old["size"], channels),),
            batch_size=old["batch_size"],
            device=device,
            runtime=runtime,
        )

    return {
        **old,
        "device": device,
        "pairs": [(c, at(base, c).id, at(new, c).id) for c in old["channels"]],
        **curves(at, base, new, tuple(old["range"])),
    }


def _case(case: dict[str, Any], runtime: str) -> dict[str, Any]:
    kept = {key: value for key, value in case.items() if key != "input_shape"}
    return {**kept, "inputs": [case["input_shape"]], "runtime": runtime}
