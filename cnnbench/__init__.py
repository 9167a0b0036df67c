"""cnnbench: what a convolutional network costs, on paper and on your machine.

In the order in which things happen:

    blocks/       BLOCK        a network, written once, as a function on tensors
    targets/      TARGET       whatever a user can name: a block, a Keras model, a file
    graph, layers, rule GRAPH  its layers, each with the rule of what it costs
    cost          COST         parameters, MACs, FLOPs and memory of a graph
    views, presets, training, fit, folding, formulas      other readings of a graph
    agreement/                 the same graph beside Keras, TensorFlow's profiler and XLA
    suites/, case CASE         what to measure: a block at a size, batch, device and mode
    runtimes/     RUNTIME      what runs a case: Keras on TensorFlow, or the fake
    runner/                    each launch of a case in a process of its own
    measurement   MEASUREMENT  what happened, raw
    store         STORE        a run's folder, one line a launch
    stats, result RESULT       a case's launches as estimates, beside its cost
    space/        SPACE        every configuration of a block at once: the front, the best
    prediction/   PREDICTION   what a network should take here, from 80 s of measurement
    recording     RECORDING    what was measured, by a run or by pytest-benchmark (exchange)
    comparison    COMPARISON   two recordings: ratios, verdicts, a gate; sources, baselines
    ceilings, machine/ CEILING what the machine can do at most, its health and noise
    hardware, kept, places     what the kernel says; what was measured, kept; and where
    claims/       CLAIM        what others say of networks, judged on paper and by a run
    reporting/    REPORT       tables, figures and the page

Importing this package imports no framework, no pandas and no matplotlib.
"""

__version__ = "0.1.0"

from cnnbench.api import (
    analyze,
    capacity,
    check,
    compare,
    conventions,
    doctor,
    export,
    formula,
    predict,
    report,
    results,
    roofline,
    run,
    sweep,
    trace,
    training,
    verify,
)
from cnnbench.errors import CnnbenchError

__all__ = [
    "CnnbenchError",
    "__version__",
    "analyze",
    "capacity",
    "check",
    "compare",
    "conventions",
    "doctor",
    "export",
    "formula",
    "predict",
    "report",
    "results",
    "roofline",
    "run",
    "sweep",
    "trace",
    "training",
    "verify",
]
