"""Suites of strangers: each is read, or refused in one line; see `tests.support.hostile`."""

import random
import tomllib

import pytest

from cnnbench.cases import suites
from tests.support.hostile import CHUNKS, COUNT, as_toml, spoilt, well_ended

VALID = tomllib.loads("""
name = "mine"
description = "two sizes"
launches = 2
time_budget = 30
threads = [1, 2]
clients = [1]
base = "narrow"

[[block]]
name = "narrow"
target = "naive_inception_module"
params = { f1 = 4, f2 = 4 }
inputs = ["8x8x3", "16x16x3"]
batches = [1, 2]
modes = ["graph"]
devices = ["cpu"]
dtype = ["float32"]

[[block]]
name = "wide"
target = "inception_module"

[[block]]
name = "file"
target = "gone.keras"
data = "gone.npz"
imports = ["gone.layers"]

[[compare]]
title = "wide against narrow"
base = "narrow"
new = "wide"
size = "8x8"
channels = [3, 8]
show = [3]
range = [1, 16]
""")


def test_what_is_changed_is_a_suite(tmp_path):
    (tmp_path / "x.toml").write_bytes(as_toml(VALID))
    assert len(suites.load(str(tmp_path / "x.toml")).block) == 3


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_suite_that_somebody_changed_is_read_or_refused(tmp_path, chunk):
    path, read = tmp_path / "x.toml", 0
    for number in range(COUNT // CHUNKS):
        data = spoilt(random.Random(f"suites {chunk} {number}"), VALID, as_toml)
        path.write_bytes(data)
        with well_ended(data):
            suites.load(str(path))
            read += 1
    assert [found.name for found in tmp_path.iterdir()] == ["x.toml"]
    assert read < COUNT // CHUNKS
