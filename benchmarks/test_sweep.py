"""Costs of many configurations at once: the same rules, on NumPy arrays."""

import numpy as np
import pytest

from cnnbench import blocks
from cnnbench.cost import cost

CHUNK = 50_000  # its arrays stay in the cache


def columns(seed: int, **most: int) -> dict[str, np.ndarray]:
    """Random values of each parameter, from 1 to the most."""
    rng = np.random.default_rng(seed)
    return {name: rng.integers(1, high + 1, CHUNK) for name, high in most.items()}


INCEPTION = dict.fromkeys(("f1", "f2_in", "f2_out", "f3_in", "f3_out", "f4_out"), 512)


@pytest.mark.parametrize(
    ("name", "shape", "most"),
    [
        ("inception_module", (28, 28, 192), INCEPTION),
        ("vgg_block", (256, 256, 3), {"n_filters": 512}),
        ("naive_inception_module", (28, 28, 192), {"f1": 512, "f2": 512, "f3": 512}),
    ],
)
def test_configurations(benchmark, name, shape, most):
    """Parameters, MACs and FLOPs of 50,000 configurations; a million is twenty of them."""
    entry = blocks.get(name)
    params = columns(0, **most)

    def sweep():
        total = cost(entry.trace(shape, **params))
        return total.params, total.macs, total.flops

    benchmark.group = "sweep"
    found = benchmark(sweep)
    benchmark.extra_info["configurations a second"] = CHUNK / benchmark.stats["median"]
    for index in (0, CHUNK - 1):  # one configuration by itself gives the same numbers
        one = cost(entry.trace(shape, **{k: int(v[index]) for k, v in params.items()}))
        assert [int(column[index]) for column in found] == [one.params, one.macs, one.flops]
