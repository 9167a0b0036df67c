"""One forward pass of every catalogue entry, in this process."""

import pytest

from cnnbench import blocks
from cnnbench.benchmarking import forward
from cnnbench.cost import cost

ENTRIES = {
    name: entry
    for name, entry in blocks.catalogue().items()
    if entry.kind in ("block", "model") and cost(entry.trace()).weight_bytes < 2**30
}


def shape_of(name: str) -> tuple[int, ...]:
    """A block on images at 64x64 of its own channels, anything else at its own input."""
    entry = ENTRIES[name]
    image = entry.kind == "block" and len(entry.input_shape) == 3
    return (64, 64, entry.input_shape[-1]) if image else entry.input_shape


@pytest.mark.parametrize("name", ENTRIES)
def test_forward(benchmark, name):
    step = forward(name, shape_of(name))
    assert step.prepared.check is not None
    assert step.prepared.check.equal
    benchmark.group = ENTRIES[name].kind
    benchmark.extra_info.update(step.extra_info)
    benchmark.pedantic(step, rounds=10, warmup_rounds=3)
