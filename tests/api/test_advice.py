"""Advice: what was tried is measured, and said with an interval."""

import json

import pytest

import cnnbench
from cnnbench import runtimes
from cnnbench.api import advice
from cnnbench.cli import main
from cnnbench.errors import CnnbenchError, UnknownNameError
from cnnbench.host import environment


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(environment, "cores", lambda: 2)


def tried(ways, **options):
    found = cnnbench.advise(
        "vgg_block", (4, 4, 3), ways=ways, runtime="fake", launches=3, **options
    )
    return found, {change.what: change for change in found.changes}


def test_each_change_has_its_ratio_to_the_network_as_it_is():
    found, changes = tried(("types", "threads", "batch"))
    assert found.base.name == "vgg_block 4x4x3"
    assert set(changes) == {"mixed_bfloat16", "bfloat16", "1 thread", "batch 8"}
    # By the formula of the simulated runtime: a tenth of a call is not shared by two threads.
    assert changes["1 thread"].ratio.value == pytest.approx(1 / (0.1 + 0.9 / 2), rel=0.1)
    assert changes["1 thread"].verdict == "slower"
    # Eight samples: what a call and a layer take by themselves is shared among them.
    cost = cnnbench.analyze("vgg_block", (4, 4, 3))
    alone = 20_000 + 10_000 * (len(cost.layers) - 1)
    expected = (alone / 8 + cost.flops / 100) / (alone + cost.flops / 100)
    assert changes["batch 8"].ratio.value == pytest.approx(expected, rel=0.1)
    assert changes["batch 8"].verdict == "faster"
    assert [c.ratio.value for c in found.changes] == sorted(c.ratio.value for c in found.changes)
    assert json.loads(json.dumps(found.to_json())) == found.to_json()


@pytest.mark.tensorflow
def test_layers_are_changed_and_the_outputs_compared():
    found = cnnbench.advise(
        "residual_module", (16, 16, 3), ways=["layers"], launches=2, time_budget=20
    )
    assert found.changes == ()
    model = cnnbench.advise("inverted_residual", (16, 16, 8), ways=["layers"], launches=2)
    names = {change.what: change for change in model.changes}
    assert set(names) == set(advice_names())
    assert all(0 <= change.apart < 1e-5 for change in names.values())
    assert all(change.ratio.low < change.ratio.value for change in names.values())


def advice_names():
    from cnnbench.networks.rewriting import CHANGES

    return CHANGES


@pytest.mark.parametrize(
    ("ways", "expected"),
    [(["colour"], "unknown way 'colour'"), ([], "expected something to change")],
)
def test_an_unknown_way_is_refused_before_anything_is_measured(ways, expected):
    with pytest.raises((UnknownNameError, CnnbenchError), match=expected):
        cnnbench.advise("vgg_block", ways=ways, runtime="fake")


def test_a_suite_is_no_network(capsys):
    assert main(["advise", "tutorial", "--runtime", "fake", "--ways", "threads"]) == 2
    assert "advice is for one network; tutorial is a suite" in capsys.readouterr().err


@pytest.mark.parametrize("several", ["fake,tensorflow", "all"])
def test_it_runs_on_one_runtime_now(several, monkeypatch, capsys):
    monkeypatch.setattr(runtimes, "_installed", lambda module: True)
    assert main(["advise", "vgg_block", "--runtime", several]) == 2
    assert f"runtime is the one on which it runs now; got {several}" in capsys.readouterr().err


def test_the_command_prints_what_is_faster_for_sure_first(capsys):
    quick = ["--runtime", "fake", "--ways", "threads,batch", "--input", "16x16x3"]
    assert main(["advise", "vgg_block", *quick]) == 0
    said = capsys.readouterr().out
    assert "Of 2 changes that were tried, faster for sure are batch 8 (" in said
    assert said.index("batch 8  ") < said.index("1 thread  ")


def test_what_was_not_timed_says_why(monkeypatch, capsys):
    assert main(["advise", "vgg_block", "--ways", "nonsense"]) == 2
    assert "unknown way 'nonsense'" in capsys.readouterr().err
    assert advice.WAYS[0] == "runtimes"
