"""A runtime that behaves, slowly enough for a test to interfere.

Each child adds a line to the file that `CHILDREN` names: the label of its case and its process id.
"""

import os
import time
from pathlib import Path

from cnnbench.runtimes import Prepared
from tests.support.misbehaving import ENVIRONMENT, MODES, PRELOAD, describe

__all__ = ["CHILDREN", "ENVIRONMENT", "MODES", "PRELOAD", "describe", "prepare"]

CHILDREN = "CNNBENCH_TEST_CHILDREN"


def prepare(order):
    with Path(os.environ[CHILDREN]).open("a") as file:
        file.write(f"{order.case.label} {os.getpid()}\n")
    return Prepared(step=lambda: time.sleep(0.1))
