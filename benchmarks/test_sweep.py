"""Costs of many configurations: the same rules, on columns of numbers."""

import pytest

from cnnbench import api

INCEPTION = {name: range(16, 161, 16) for name in ("f1", "f2_in", "f2_out", "f3_in", "f3_out")}


@pytest.mark.parametrize(
    ("name", "grid", "shape"),
    [
        ("inception_module", INCEPTION | {"f4_out": range(16, 161, 16)}, (28, 28, 192)),
        ("vgg_block", {"n_filters": range(1, 1001), "input_channels": range(1, 1001)}, None),
        # A shortcut of its own where the channels are equal.
        ("resnet_basic", {"filters": range(1, 1001), "input_channels": range(1, 1001)}, None),
        # As many layers as there are of them.
        ("vgg_block", {"n_conv": range(1, 9), "n_filters": range(1, 125_001)}, None),
    ],
    ids=["inception_module", "vgg_block", "resnet_basic", "vgg_block n_conv"],
)
def test_a_million_configurations(benchmark, name, grid, shape):
    """The Pareto front of FLOPs and output channels of a million configurations, exact."""

    def sweep():
        return api.sweep(name, grid, shape, pareto=True)

    benchmark.group = "sweep"
    found = benchmark.pedantic(sweep, rounds=5, warmup_rounds=1)
    assert found.within_limits == 10**6
    benchmark.extra_info["configurations a second"] = 10**6 / benchmark.stats["median"]
    for row in (0, -1):  # one configuration by itself costs the same
        cost = found.grid.case(int(found.numbers[row])).paper().cost
        assert found.costs["flops"][row] == cost.flops
        assert found.costs["peak"][row] == cost.peak_activation_bytes
