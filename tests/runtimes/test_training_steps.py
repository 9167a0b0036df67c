"""The step of training of each runtime: the loss of the first, and that it learns."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from cnnbench import runtimes
from cnnbench.cases.case import Case
from cnnbench.runtimes import Order, _keras

STEPS = """
import json, sys
from pathlib import Path
from cnnbench import runtimes
from cnnbench.cases.case import Case
from cnnbench.runtimes import Files, Order

name, folder = sys.argv[1:]
case = Case("vgg_block", (8, 8, 3), {"n_filters": 4}, 2, mode="train", runtime=name)
order = Order(case, threads=1, files=Files(Path(folder)))
runtimes.start(order)
ready = runtimes.load(name).prepare(order)
logs = [ready.step() for _ in range(3)]
# JAX returns its state too; the loss is the mean over the steps so far.
print(json.dumps([float((log[0] if isinstance(log, tuple) else log)["loss"]) for log in logs]))
"""


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", ["tensorflow", "jax", "torch"])
def test_a_step_has_the_loss_of_the_stored_network_and_then_a_smaller_one(name, tmp_path):
    if lacks := runtimes.missing(name):
        pytest.skip(lacks)
    case = Case("vgg_block", (8, 8, 3), {"n_filters": 4}, 2)
    _keras.stored(Order(case, seed=3), tmp_path, freeze=False, calibrate=False)
    child = subprocess.run(
        [sys.executable, "-c", STEPS, name, str(tmp_path)],
        env={**os.environ, **runtimes.load(name).ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    losses = json.loads(child.stdout.splitlines()[-1])
    # Of a block, the mean square of what it returns: without batch norm the same in training.
    (outputs,) = _keras.arrays(tmp_path / _keras.OUTPUTS)
    assert losses[0] == pytest.approx(float(np.mean(outputs**2)), rel=1e-5)
    assert losses[0] > losses[1] > losses[2] > 0
