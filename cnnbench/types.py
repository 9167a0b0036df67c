"""TYPES: the records that the functions of cnnbench return, for annotations."""

from cnnbench.analysis.capacity import Capacity
from cnnbench.analysis.conventions import ToolCount
from cnnbench.analysis.formulas import Formula
from cnnbench.analysis.training import Training
from cnnbench.api.comparisons import Exported
from cnnbench.cost import Cost, LayerCost
from cnnbench.crosscheck.pairing import Agreement
from cnnbench.graph import Graph
from cnnbench.runs.baselines import Baseline
from cnnbench.runs.case_change import CaseChange
from cnnbench.runs.comparison import EnvironmentDifference, RunComparison
from cnnbench.runs.gate import Gate

__all__ = [
    "Agreement",
    "Baseline",
    "Capacity",
    "CaseChange",
    "Cost",
    "EnvironmentDifference",
    "Exported",
    "Formula",
    "Gate",
    "Graph",
    "LayerCost",
    "RunComparison",
    "ToolCount",
    "Training",
]
