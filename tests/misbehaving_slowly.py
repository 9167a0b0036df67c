"""A runtime that behaves, slowly enough for a test to interfere."""

import time

from tests.misbehaving import ENVIRONMENT, PRELOAD, describe

from cnnbench.runtimes import Prepared

__all__ = ["ENVIRONMENT", "PRELOAD", "describe", "prepare"]


def prepare(case, seed, threads=None):
    return Prepared(step=lambda: time.sleep(0.1))
