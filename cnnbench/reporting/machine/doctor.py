"""What `cnnbench doctor` found, as text or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable

from cnnbench import units
from cnnbench.machine.health import Finding, Health
from cnnbench.machine.noise import Noise
from cnnbench.reporting.tables import MISSING, percent, text_table

LAUNCHES = (2, 3, 5, 10, 20)
USUAL = 5
"""Launches a case of the suites that come with cnnbench."""


def render(found: Health, format: str) -> str:
    """Findings and the noise floor as markdown or json."""
    if format == "json":
        document = {
            "findings": [finding.to_json() for finding in found.findings],
            "noise": None if found.noise is None else _document(found.noise),
            "note": found.note,
        }
        return json.dumps(document, indent=2) + "\n"
    return f"{findings_table(found.findings, 'github')}\n{noise_text(found, 'github')}"


def findings_table(findings: Iterable[Finding], style: str) -> str:
    """What was found, what it means and what to do."""
    rows = [[f.verdict.value, f.what, f.value, f.advice or MISSING] for f in findings]
    return text_table(["verdict", "what", "value", "to do"], rows, style)


def noise_text(found: Health, style: str) -> str:
    """The noise floor, or why there is none; nothing if it was not asked for."""
    parts = [_sentence(found.noise), _table(found.noise, style)] if found.noise else []
    return "".join(f"\n{part}\n" for part in (*parts, found.note) if part)


def _sentence(noise: Noise) -> str:
    case = noise.case
    return (
        f"noise floor: with {USUAL} launches a case, differences from "
        f"{percent(noise.resolved(USUAL))} on can be resolved\n"
        f"measured on {case.target} {units.shape(case.input_shape)} ({case.device}, {case.mode}; "
        f"{units.seconds(noise.time.value)} a call): over {noise.launches} launches its ratio to a "
        f"block that took turns with it varied by {percent(noise.deviation)} (standard deviation)"
    )


def _table(noise: Noise, style: str) -> str:
    rows = [[str(n), percent(noise.resolved(n))] for n in LAUNCHES]
    return text_table(["launches a case", "smallest difference"], rows, style)


def _document(noise: Noise) -> dict[str, object]:
    return {
        "case": noise.case.id,
        "seconds": noise.time.value,
        "launches": noise.launches,
        "deviation": noise.deviation,
        "smallest_difference": {n: noise.resolved(n) for n in LAUNCHES},
    }
