"""A runtime that opens networks as TensorFlow does, and computes its times as the fake one does."""

from cnnbench.cases.case import Case
from cnnbench.networks import load
from cnnbench.runtimes import fake, tensorflow

MODES = tensorflow.MODES
PRELOAD = tensorflow.PRELOAD
ENVIRONMENT = tensorflow.ENVIRONMENT
SIMULATED = True
describe = fake.describe
NAME = __name__


def prepare(order):
    case = order.case
    if case.network.kind != "entry":
        load.opened(case.network, case.inputs, case.dtype, values=True)
    return fake.prepare(order)


def case(model, inputs, **other):
    """The case of a Keras model that is at hand."""
    return Case(model.name, tuple(inputs), runtime="tensorflow", **other)
