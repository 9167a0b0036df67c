"""The commands as functions. Each imports what it needs when it is called."""

from cnnbench.api import views as views
from cnnbench.api.advice import WAYS as WAYS
from cnnbench.api.advice import advise
from cnnbench.api.analysis import (
    analyze,
    capacity,
    check,
    choose,
    conventions,
    diagram,
    formula,
    trace,
    training,
)
from cnnbench.api.claims import Verified, verify
from cnnbench.api.machines import Profiled, doctor, predict, profile, roofline
from cnnbench.api.runs import Finished, report, results, run
from cnnbench.api.stored import (
    Exported,
    compare,
    export,
    gate,
    history,
    list_baselines,
    remove_baseline,
    save_baseline,
)
from cnnbench.api.sweeps import sweep

__all__ = [
    "advise",
    "analyze",
    "capacity",
    "check",
    "choose",
    "conventions",
    "diagram",
    "formula",
    "trace",
    "training",
]
__all__ += ["Verified", "verify"]
__all__ += ["Exported", "compare", "export", "list_baselines", "remove_baseline", "save_baseline"]
__all__ += ["Profiled", "doctor", "predict", "profile", "roofline"]
__all__ += ["Finished", "gate", "history", "report", "results", "run"]
__all__ += ["sweep"]
