"""cnnbench: what a convolutional network costs, on paper and on your machine.

The rooms, each of which imports only from those above it:

    errors, units, paths, schema, records, stats    know nothing of networks
    rule, graph, cost    what a layer costs, the layers of a network, the cost of a network
    layers/, blocks/     the rule of each layer; networks written once, as functions on tensors
    networks/            whatever a user can name: a block, a Keras model, a file, a function
    analysis/            other readings of a graph: training, formulas, conventions, capacity
    host/                the computer: its hardware, its ceilings, what was measured of it before
    cases/               what to measure: a network at a size and batch, in one way, on one device
    crosscheck/          a graph beside what Keras and TensorFlow count
    runtimes/            what runs a case: Keras on TensorFlow, or the fake
    runs/                what was measured: stored, joined with its costs, compared, exported
    runner/              a plan and its launches, each in a process of its own
    machine/             what a machine can do at most, and whether it is fit for timing
    design_space/        every configuration of a block at once: the front, the best
    claims/              what others say of networks, judged on paper and by a run
    prediction/          what a network should take here, from minutes of measurement
    reporting/           all of it for a person: documents, their printers, figures
    api/, cli/           the commands as functions, and on the command line

Importing this package imports no framework, no pandas and no matplotlib.
"""

__version__ = "0.1.0"

# The names have one list, in `api`; a type checker follows it if `__all__` itself is imported.
from cnnbench.api import *  # noqa: F403
from cnnbench.api import __all__
from cnnbench.errors import CnnbenchError

__all__ = [*__all__, "CnnbenchError", "__version__"]
