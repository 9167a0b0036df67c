"""The health of a machine, and the smallest difference that it can show."""

from __future__ import annotations

from cnnbench import units
from cnnbench.machine.health import Health
from cnnbench.machine.noise import LAUNCHES, Noise
from cnnbench.reporting.document import Document
from cnnbench.reporting.tables import MISSING, percent

USUAL = 5
"""Launches a case in the suites that come with cnnbench."""


def document(health: Health) -> Document:
    """The findings with what to do about each, then the noise floor or why there is none."""
    page = Document(data=health.to_json)
    rows = [[f.verdict.value, f.what, f.value, f.advice or MISSING] for f in health.findings]
    page.table((["verdict", "what", "value", "to do"], rows))
    if noise := health.noise:
        page.text(_sentence(noise))
        differences = [[str(n), percent(noise.resolved(n))] for n in LAUNCHES]
        page.table((["launches a case", "smallest difference"], differences))
    page.text(health.note)
    return page


def _sentence(noise: Noise) -> str:
    case = noise.case
    return (
        f"noise floor: with {USUAL} launches a case, differences from "
        f"{percent(noise.resolved(USUAL))} on can be resolved\n"
        f"measured on {case.target} {units.shape(case.input_shape)} ({case.device}, {case.mode}; "
        f"{units.seconds(noise.time.value)} a call): over {noise.launches} launches its ratio to a "
        f"block that took turns with it varied by {percent(noise.deviation)} (standard deviation)"
    )
