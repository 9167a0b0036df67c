"""Claims as a stranger writes them: each is judged, or refused in one line."""

import random
import tomllib

import pytest

from cnnbench import claims
from cnnbench.claims import judged
from tests.support.hostile import CHUNKS, COUNT, as_toml, spoilt, well_ended

VALID = tomllib.loads("""
title = "narrow against wide"
statement = "81 % more"
source = "somebody"
note = "as we read it"
variable = { name = "C", means = "channels", range = [1, 64], at = [3, 16] }
[sides]
one = { target = "vgg_block", input = "8x8xC", params = { n_filters = "4C" }, batch = 2 }
two = { target = "conv_stack", input = "8x8xC", layers = ["Conv2D"] }

[[tests]]
quantity = "weights"
new = "one"
base = "two"
says = "81 % more"

[[tests]]
quantity = "FLOPs"
new = "one"
says = "more than 3.6 M"
times = 2
name = "work"
""")


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_claim_that_somebody_changed_is_judged_or_refused(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(claims, "REGISTRY", tmp_path)
    path, read = tmp_path / "x.toml", 0
    for number in range(COUNT // CHUNKS):
        data = spoilt(random.Random(f"claims {chunk} {number}"), VALID, as_toml)
        path.write_bytes(data)
        with well_ended(data):
            found = claims.load()
            read += 1
            judged.judge(found)
    assert [found.name for found in tmp_path.iterdir()] == ["x.toml"]
    assert read < COUNT // CHUNKS
