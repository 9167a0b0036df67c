"""A runtime that behaves, slowly enough for a test to interfere.

Each child that prepares one of the cases, and not the reference, adds its process id to the file
that `CHILDREN` names.
"""

import os
import time
from pathlib import Path

from cnnbench.runner.loop import REFERENCE
from cnnbench.runtimes import Prepared
from tests.support.misbehaving import ENVIRONMENT, MODES, PRELOAD, describe

__all__ = ["CHILDREN", "ENVIRONMENT", "MODES", "PRELOAD", "describe", "prepare"]

CHILDREN = "CNNBENCH_TEST_CHILDREN"


def prepare(case, seed, threads=None, paper=None, model=None):
    if case.label != REFERENCE.label:
        with Path(os.environ[CHILDREN]).open("a") as file:
            file.write(f"{os.getpid()}\n")
    return Prepared(step=lambda: time.sleep(0.1))
