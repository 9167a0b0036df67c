"""The commands as functions. Each imports what it needs when it is called.

analysis      trace, analyze, training, capacity, conventions, check, choose, formula
sweeps        sweep
runs          run, report, results
comparisons   compare, export, baselines
claims        verify
machines      doctor, roofline
prediction    predict
"""

from cnnbench.api.analysis import (
    analyze,
    capacity,
    check,
    choose,
    conventions,
    formula,
    trace,
    training,
)
from cnnbench.api.claims import Verified, verify
from cnnbench.api.comparisons import (
    Exported,
    compare,
    export,
    list_baselines,
    remove_baseline,
    save_baseline,
)
from cnnbench.api.machines import doctor, roofline
from cnnbench.api.prediction import predict
from cnnbench.api.runs import Finished, report, results, run
from cnnbench.api.sweeps import sweep

__all__ = [
    "Exported",
    "Finished",
    "Verified",
    "analyze",
    "capacity",
    "check",
    "choose",
    "compare",
    "conventions",
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
    "training",
    "verify",
]
