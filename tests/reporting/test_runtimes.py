"""Reports of runs on several runtimes: which is which, and what is left out."""

from pathlib import Path

import pytest

from cnnbench import runtimes
from cnnbench.cases import suites
from cnnbench.networks import Network
from cnnbench.reporting import formats
from cnnbench.reporting.runs import summary
from cnnbench.reporting.runs.compared_blocks import compared_blocks
from cnnbench.reporting.runs.sections.compared import against
from cnnbench.runner import planning
from cnnbench.runner.server import Workers
from cnnbench.runs.result import results
from cnnbench.runs.store import Run
from tests.support import synthetic

BOTH = {"narrow": Network("vgg_block", {"n_filters": 4}), "wide": Network("vgg_block")}


def stored(suite):
    places = [
        suites.Place("cpu", name, runtimes.load(name).MODES) for name in ("tensorflow", "openvino")
    ]
    plan = planning.plan(suite, places, Workers({}), 120.0, launches=3)
    return Run(Path(), plan, tuple(synthetic.measurements(plan)))


def test_each_network_is_compared_with_the_base_on_its_own_runtime():
    run = stored(suites.of_networks(BOTH))
    found = against(run, results(run)[0])
    assert [place.where.split(", ", 1)[1] for place in found] == [
        "batch 1, cpu, graph",
        "batch 1, cpu, openvino, infer",
    ]
    for place in found:
        assert place.base.label == "narrow"
        ((other, ratio),) = place.others
        assert (other.label, other.case.runtime) == ("wide", place.base.case.runtime)
        assert ratio.value > 1


def test_all_runtimes_of_one_network_take_turns():
    (group,) = stored(suites.of_networks({"wide": Network("vgg_block")})).plan.together
    assert [name.rpartition(" ")[2] for name in group] == ["tensorflow/graph", "openvino/infer"]


def test_a_comparison_of_blocks_is_made_on_each_runtime(tmp_path):
    file = tmp_path / "s.toml"
    blocks = "".join(
        f'[[block]]\nname = "{n}"\ntarget = "{n}"\n' for n in ("vgg_block", "conv_layers")
    )
    file.write_text(
        f'{blocks}[[compare]]\ntitle = "t"\nbase = "vgg_block"\nnew = "conv_layers"\n'
        'size = "8x8"\nchannels = [3, 4]\nrange = [1, 4]\n'
    )
    run = stored(suites.load(str(file)))
    found = compared_blocks(run.plan, results(run)[0])
    assert [blocks.where for blocks in found] == [
        "8x8, batch 1, cpu",
        "8x8, batch 1, cpu, openvino",
    ]
    for blocks, runtime in zip(found, ("tensorflow", "openvino"), strict=True):
        assert {pair.new.case.runtime for pair in blocks.timed} == {runtime}
        assert len(blocks.timed) == 2


def test_what_a_runtime_cannot_do_is_said_at_the_end_of_a_run():
    run = stored(suites.of_networks(BOTH, modes=["train"]))
    assert {case.runtime for case in run.plan.cases} == {"tensorflow"}
    assert "openvino has no mode train; it has infer" in formats.text(summary.document(run))


def test_every_runtime_names_its_modes_and_what_installs_it():
    for name in runtimes.names():
        runtime = runtimes.load(name)
        assert all(hasattr(runtime, part) for part in runtimes.PARTS), name
        assert runtimes.exporter(name) == "" or runtime.SUFFIX.startswith(".")
        if runtimes.shares(name) and name != "tensorflow":
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(runtimes, "_installed", lambda module: False)
                assert f"cnnbench[{runtime.EXTRA}]" in runtimes.missing(name)
