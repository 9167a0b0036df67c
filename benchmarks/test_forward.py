"""One forward pass of every catalogue entry, in this process."""

import pytest

from cnnbench import blocks
from cnnbench.case import Case
from cnnbench.cost import cost
from cnnbench.runtimes import tensorflow

ENTRIES = {
    name: entry
    for name, entry in blocks.catalogue().items()
    if cost(entry.trace()).weight_bytes < 2**30
}


def case_of(name: str) -> Case:
    """A block on images at 64x64 of its own channels, anything else at its own input."""
    entry = ENTRIES[name]
    image = entry.kind == "block" and len(entry.input_shape) == 3
    return Case(name, (64, 64, entry.input_shape[-1]) if image else entry.input_shape)


@pytest.mark.parametrize("name", ENTRIES)
def test_forward(benchmark, name):
    case = case_of(name)
    paper = case.cost()
    ready = tensorflow.prepare(case, seed=0)
    assert ready.check is not None
    assert ready.check.equal
    benchmark.group = ENTRIES[name].kind
    benchmark.extra_info.update(
        case=case.id, params=paper.params, macs=paper.macs, flops=paper.flops
    )
    benchmark.pedantic(ready.step, rounds=10, warmup_rounds=3)
