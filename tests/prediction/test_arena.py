"""The arena of a first call, against TensorFlow's own log of its allocator."""

import os
import re
import subprocess
import sys

import pytest

from cnnbench.cases.case import Case
from cnnbench.prediction import buffers
from tests.support import ROOT

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are forked"),
]

# None with branches, whose order depends on the moment.
CASES = (
    # Two holes of one size, in two regions: the lower is taken.
    Case("unit_layers", (14, 14, 512), {"unit": "separable", "depth": 2}),
    Case("xception_block", (19, 19, 728)),
    Case("vgg_block", (56, 56, 64), {"n_filters": 64, "n_conv": 2}),
    Case("resnet_bottleneck", (56, 56, 256)),
    Case("dense_layers", (512,), {"units": 512, "depth": 2}, batch_size=128),
    # What is followed by GELU is given back before GELU needs more.
    Case("unit_layers", (56, 56, 64), {"unit": "dense_gelu", "depth": 2}),
    # An orthogonal initialiser takes apart what it has drawn.
    Case("unit_layers", (2, 16, 16, 64), {"unit": "conv_lstm", "depth": 2}),
)

PAGE = 4_096
NO_ARENA = 77

LOGGED = """
import os, sys
import keras, tensorflow  # noqa: F401 -- once, for all that are forked
from tensorflow.python.util import _pywrap_util_port
from cnnbench import runtimes
if not _pywrap_util_port.IsMklEnabled():
    sys.exit({no_arena})
sys.path.insert(0, {root!r})
from tests.prediction.test_arena import CASES
for number, case in enumerate(CASES):
    if not os.fork():
        os.dup2(os.open(f"{logs}/{{number}}.log", os.O_CREAT | os.O_WRONLY), 2)
        order = runtimes.Order(case, seed=1)
        runtimes.start(order)
        ready = runtimes.load("tensorflow").prepare(order)
        os.write(2, b"FIRST CALL\\n")
        ready.step()
        os.write(2, b"DONE\\n")
        os._exit(0)
    os.wait()
"""


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs")
    script = LOGGED.format(root=str(ROOT), logs=folder, no_arena=NO_ARENA)
    level = {"TF_CPP_VMODULE": "bfc_allocator=4", "TF_CPP_MIN_LOG_LEVEL": "0"}
    done = subprocess.run([sys.executable, "-c", script], env=os.environ | level, check=False,
                          capture_output=True, timeout=300)  # fmt: skip
    if done.returncode == NO_ARENA:
        pytest.skip("on this processor TensorFlow leaves oneDNN off, and so has no such arena")
    assert done.returncode == 0, done.stderr[-2000:]
    return [(folder / f"{number}.log").read_text() for number in range(len(CASES))]


def pages(log):
    """The pages that buffers of the arena lie on."""
    found = set()
    for size, address in re.findall(r"AllocateRaw mklcpu +(\d+) 0x([0-9a-f]+)", log):
        start = int(address, 16)
        found.update(range(start // PAGE, (start + int(size) - 1) // PAGE + 1))
    return found


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda n: CASES[n].target)
def test_the_arena_is_that_of_tensorflow(logs, number):
    before, rest = logs[number].split("FIRST CALL")
    call, _ = rest.split("DONE")
    old, new = pages(before), pages(call)
    assert old, "TensorFlow has logged no buffer"
    graph = CASES[number].graph()
    # A buffer begins and ends on pages that it has in part: one page for each hole in between.
    assert buffers.prepared(graph).touched == pytest.approx(len(old) * PAGE, abs=16 * PAGE)
    touched, *_ = buffers.rise(graph, buffers.plan(graph))
    assert touched == pytest.approx(len(new - old) * PAGE, abs=16 * PAGE)
