"""One forward pass of every catalogue entry, in this process."""

import pytest

from cnnbench import blocks
from cnnbench.case import Case
from cnnbench.runtimes import tensorflow

ENTRIES = blocks.catalogue()


def case_of(name: str) -> Case:
    """A block at 64x64 of its own channels, a model at its own input."""
    entry = ENTRIES[name]
    shape = entry.input_shape if entry.kind == "model" else (64, 64, entry.input_shape[-1])
    return Case(name, shape)


@pytest.mark.parametrize("name", ENTRIES)
def test_forward(benchmark, name):
    case = case_of(name)
    cost = case.cost()
    ready = tensorflow.prepare(case, seed=0)
    assert ready.check is not None
    assert ready.check.equal
    benchmark.group = ENTRIES[name].kind
    benchmark.extra_info.update(case=case.id, params=cost.params, macs=cost.macs, flops=cost.flops)
    benchmark.pedantic(ready.step, rounds=10, warmup_rounds=3)
