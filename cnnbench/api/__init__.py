"""The commands as functions. Each imports what it needs when it is called.

on_paper         trace, analyze, formula
configurations   sweep
on_your_machine  run, report, results
between_runs     compare, export, baselines
judging          verify
about_machines   doctor, roofline, predict
"""

from cnnbench.api.about_machines import doctor, predict, roofline
from cnnbench.api.between_runs import (
    Exported,
    compare,
    export,
    list_baselines,
    remove_baseline,
    save_baseline,
)
from cnnbench.api.configurations import sweep
from cnnbench.api.judging import Verified, verify
from cnnbench.api.on_paper import analyze, formula, trace
from cnnbench.api.on_your_machine import Finished, report, results, run

__all__ = [
    "Exported",
    "Finished",
    "Verified",
    "analyze",
    "compare",
    "doctor",
    "export",
    "formula",
    "list_baselines",
    "predict",
    "remove_baseline",
    "report",
    "results",
    "roofline",
    "run",
    "save_baseline",
    "sweep",
    "trace",
    "verify",
]
