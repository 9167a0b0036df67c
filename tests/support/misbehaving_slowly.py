"""A runtime that behaves, slowly enough for a test to interfere."""

import time

from cnnbench.runtimes import Prepared
from tests.support.misbehaving import ENVIRONMENT, MODES, PRELOAD, describe

__all__ = ["ENVIRONMENT", "MODES", "PRELOAD", "describe", "prepare"]


def prepare(case, seed, threads=None, paper=None, model=None):
    return Prepared(step=lambda: time.sleep(0.1))
