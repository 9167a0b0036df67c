"""The probes are what they say in Keras too."""

import pytest

from cnnbench import crosscheck
from cnnbench.cases.case import Case
from cnnbench.runtimes import Order, _keras, tensorflow

pytestmark = pytest.mark.tensorflow


@pytest.mark.parametrize(
    ("name", "shape", "params"),
    [
        ("probe_matmul", (16,), {"units": 8}),
        ("probe_convolution", (6, 7, 4), {"filters": 5}),
        ("probe_copy", (4, 4, 2), {}),
    ],
)
def test_a_probe_has_the_layers_that_are_counted(name, shape, params):
    case = Case(name, shape, params, batch_size=2)
    check = crosscheck.compare(case.graph(), _keras.build(case))
    assert check.differences == ()
    tensorflow.prepare(Order(case, seed=1)).step()
