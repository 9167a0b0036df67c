"""TYPES: the records that the functions of cnnbench return, for annotations."""

from cnnbench.analysis.candidates import Candidate, Choice
from cnnbench.analysis.capacity import Capacity
from cnnbench.analysis.conventions import ToolCount
from cnnbench.analysis.formulas import Formula
from cnnbench.analysis.training import Training
from cnnbench.api import Exported, Verified
from cnnbench.claims.judged import JudgedClaim
from cnnbench.cost import Cost, LayerCost
from cnnbench.crosscheck.pairing import Agreement
from cnnbench.design_space.rows import MeasuredRows, Sweep
from cnnbench.graph import Graph
from cnnbench.machine.advice import Advice, Change
from cnnbench.machine.health import Health, HealthFinding, Noise
from cnnbench.machine.profiling import NetworkProfile, ProfiledLayer
from cnnbench.machine.roofline import Bound, Judgement, Roofline
from cnnbench.prediction.calibration import Calibration
from cnnbench.prediction.forecast import Expected, LayerTime, Prediction
from cnnbench.runs.baselines import Baseline
from cnnbench.runs.comparison import CaseChange, EnvironmentDifference, RunComparison
from cnnbench.runs.gate import Gate, LimitedCase
from cnnbench.runs.history import CaseHistory, History, HistoryPoint, LevelChange
from cnnbench.runs.seen import HistoryRun

__all__ = ["Candidate", "Capacity", "Choice", "Cost", "Formula", "Graph", "LayerCost", "ToolCount"]
__all__ += ["Agreement", "Exported", "JudgedClaim", "MeasuredRows", "Sweep", "Training", "Verified"]
__all__ += ["Bound", "Health", "HealthFinding", "Judgement", "Noise", "Roofline"]
__all__ += ["Advice", "Change", "NetworkProfile", "ProfiledLayer"]
__all__ += ["Calibration", "Expected", "LayerTime", "Prediction"]
__all__ += ["Baseline", "CaseChange", "EnvironmentDifference", "RunComparison"]
__all__ += ["Gate", "LimitedCase"]
__all__ += ["CaseHistory", "History", "HistoryPoint", "HistoryRun", "LevelChange"]
