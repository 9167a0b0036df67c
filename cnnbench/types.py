"""TYPES: the records that the functions of cnnbench return, for annotations."""

from cnnbench.analysis.candidates import Candidate, Choice
from cnnbench.analysis.capacity import Capacity
from cnnbench.analysis.conventions import ToolCount
from cnnbench.analysis.formulas import Formula
from cnnbench.analysis.training import Training
from cnnbench.api.claims import Verified
from cnnbench.api.comparisons import Exported
from cnnbench.claims.judged import JudgedClaim
from cnnbench.cost import Cost, LayerCost
from cnnbench.crosscheck.pairing import Agreement
from cnnbench.design_space.rows import MeasuredRows, Sweep
from cnnbench.graph import Graph
from cnnbench.machine.bounds import Bound
from cnnbench.machine.health import Health, HealthFinding
from cnnbench.machine.noise import Noise
from cnnbench.machine.plausibility import Judgement
from cnnbench.machine.roofline import Roofline
from cnnbench.prediction.calibration import Calibration
from cnnbench.prediction.forecast import Expected, LayerTime, Prediction
from cnnbench.runs.baselines import Baseline
from cnnbench.runs.case_change import CaseChange
from cnnbench.runs.comparison import EnvironmentDifference, RunComparison
from cnnbench.runs.gate import Gate

__all__ = [
    "Agreement",
    "Baseline",
    "Bound",
    "Calibration",
    "Candidate",
    "Capacity",
    "CaseChange",
    "Choice",
    "Cost",
    "EnvironmentDifference",
    "Expected",
    "Exported",
    "Formula",
    "Gate",
    "Graph",
    "Health",
    "HealthFinding",
    "JudgedClaim",
    "Judgement",
    "LayerCost",
    "LayerTime",
    "MeasuredRows",
    "Noise",
    "Prediction",
    "Roofline",
    "RunComparison",
    "Sweep",
    "ToolCount",
    "Training",
    "Verified",
]
