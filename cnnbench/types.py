"""TYPES: the records that the functions of cnnbench return, for annotations."""

from cnnbench.analysis.capacity import Capacity
from cnnbench.analysis.conventions import ToolCount
from cnnbench.analysis.formulas import Formula
from cnnbench.analysis.training import Training
from cnnbench.cost import Cost, LayerCost
from cnnbench.crosscheck.pairing import Agreement
from cnnbench.graph import Graph

__all__ = [
    "Agreement",
    "Capacity",
    "Cost",
    "Formula",
    "Graph",
    "LayerCost",
    "ToolCount",
    "Training",
]
