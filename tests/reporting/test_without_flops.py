"""A run of networks that compute nothing, or nothing that is counted: a page without speeds."""

from dataclasses import asdict, replace

import pytest

from cnnbench.cases.case import Case
from cnnbench.cases.plan import Plan
from cnnbench.host.ceiling import Ceiling
from cnnbench.reporting.runs.page import write
from cnnbench.runs import store
from tests.support import synthetic

CEILING = Ceiling("here", "cpu", "float32", 2e11, 3e10, 2**25, 1.1, "probes")
SIZES = 8, 16, 32
NOTHING = [Case("vgg_block", (n, n, 8), runtime="fake", label="nothing") for n in SIZES]
SOMETHING = [Case("vgg_block", (n, n, 3), runtime="fake", label="something") for n in SIZES]


def without_work(paper, uncounted):
    """Costs as of a network that only moves values, or of one that Keras cannot look into."""
    layers = tuple(
        replace(layer, macs=0, inside_macs=0, elementwise=0, uncounted=uncounted)
        for layer in paper.cost.layers
    )
    demand = replace(paper.demand, flops=0, least_flops=0.0)
    return replace(paper, cost=replace(paper.cost, layers=layers), demand=demand)


@pytest.mark.parametrize("uncounted", ["", "there is no rule for TFSMLayer"])
@pytest.mark.parametrize("others", [[], SOMETHING])
def test_a_run_without_flops_is_reported(tmp_path, others, uncounted):
    papers = {case.paper_key: case.paper() for case in others}
    papers |= {case.paper_key: without_work(case.paper(), uncounted) for case in NOTHING}
    plan = Plan("mine", "", (*NOTHING, *others), launches=2, papers=papers)
    folder = synthetic.write(tmp_path, plan)
    with store.resume(folder) as file:
        file.append("ceilings", asdict(CEILING))
    page = write(folder).read_text()
    for size in SIZES:
        assert f"nothing {size}x{size}x8" in page
    assert (folder / "flops.png").exists() == bool(others)
