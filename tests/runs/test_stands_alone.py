"""A stored run is read, reported, compared and exported from its lines alone."""

import io
import shutil
from contextlib import redirect_stdout
from dataclasses import asdict, replace
from pathlib import Path

import pytest

import cnnbench
from cnnbench import blocks, graph
from cnnbench.cli import main
from cnnbench.host.ceiling import Ceiling
from cnnbench.networks import Network
from cnnbench.runs import store
from cnnbench.runs.result import results
from tests.support import synthetic

SUITE = """
base = "narrow"
[[block]]
name = "narrow"
target = "vgg_block"
params = { n_filters = 4 }
inputs = ["8x8x3", "16x16x3", "32x32x3"]
batches = [1, 4]
[[block]]
name = "wide"
target = "vgg_block"
params = { n_filters = 8 }
inputs = ["8x8x3", "16x16x3", "32x32x3"]
batches = [1, 4]
modes = ["graph", "train"]
[[block]]
name = "naive"
target = "naive_inception_module"
[[block]]
name = "reduced"
target = "inception_module"
[[compare]]
title = "1x1 reductions"
base = "naive"
new = "reduced"
size = "8x8"
channels = [3, 64, 192]
range = [1, 192]
"""
CEILING = Ceiling("here", "cpu", "float32", 2e11, 3e10, 2**25, 1.1, "probes")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs of one suite; in the second everything takes half as long again."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "mine.toml").write_text(SUITE)
    plan = synthetic.plan(suite=str(folder / "mine.toml"))

    def slower(m):
        return replace(m, samples_ns=tuple(ns * 3 // 2 for ns in m.samples_ns))

    for name, change in (("a", lambda m: m), ("b", slower)):
        synthetic.write(folder / name, plan, change)
        with store.resume(folder / name) as file:
            file.append("ceilings", asdict(CEILING))
    return folder


@pytest.fixture
def copies(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(shutil.copytree(runs, tmp_path / "copies"))


def everything():
    """All that can be made of the two runs, but their pages."""
    found = {}
    for run in "a", "b":
        found[f"results {run}"] = cnnbench.results(run).to_csv()
        for per in "case", "launch", "call":
            found[f"csv {run} {per}"] = cnnbench.export(run, per=per).data
        found[f"json {run}"] = cnnbench.export(run, "pytest-benchmark").data
        found[f"read {run}"] = repr(results(store.read(Path(run))))
    for metric in "time", "memory", "params", "flops":
        found[metric] = printed("compare", "a", "b", "--metric", metric, "--format", "json")
    found["blocks"] = printed("compare", "a", "--blocks", "naive", "reduced")
    return found


def printed(*argv):
    out = io.StringIO()
    with redirect_stdout(out):
        assert main(argv) == 0
    return out.getvalue()


def page():
    """Every file of the report of a run."""
    folder = cnnbench.report("a").parent
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name != store.FILE}


def assert_same(after, before):
    assert after.keys() == before.keys()
    for name, data in before.items():
        assert after[name] == data, name


def test_reading_traces_nothing(copies, monkeypatch):
    before, drawn = everything(), page()
    assert {"README.md", "scaling.png", "roofline.png", "crossover.png"} <= drawn.keys()

    def refuse(*_, **__):
        raise AssertionError("a network is traced or opened")

    for holder, names in (
        (Network, ("trace", "as_run", "keras", "kind")),
        (blocks.Entry, ("trace",)),
        (graph, ("trace",)),
        (blocks, ("trace", "get", "catalogue")),
    ):
        for name in names:
            monkeypatch.setattr(holder, name, refuse)
    assert_same(everything(), before)
    assert_same(page(), drawn)


def test_a_block_that_changes_after_a_run_changes_nothing_that_is_read(copies, monkeypatch):
    before = everything()
    other = blocks.get("residual_module").function
    for name in ("vgg_block", "naive_inception_module"):
        changed = replace(blocks.get(name), function=lambda x, **_: other(x))
        monkeypatch.setitem(blocks._ENTRIES, name, changed)
    case = store.read(Path("a")).plan.cases[0]
    assert case.paper() != store.read(Path("a")).plan.paper(case)
    assert_same(everything(), before)


def test_a_catalogue_without_the_block_reads_the_run_all_the_same(copies, monkeypatch):
    monkeypatch.delitem(blocks._ENTRIES, "vgg_block")
    blocks.catalogue.cache_clear()
    try:
        known, problems = results(store.read(Path("a")))
    finally:
        blocks.catalogue.cache_clear()
    assert problems == []
    # 3 * 3 * 3 * 4 weights and 4 biases, then 3 * 3 * 4 * 4 and 4.
    assert known[0].cost.params == 112 + 148


def test_what_is_stored_is_what_the_rules_say(copies):
    run = store.read(Path("a"))
    papers = {case.paper_key: case.paper() for case in run.plan.cases}
    assert run.plan.papers == papers
    assert {key for key, paper in papers.items() if paper.step} == {
        case.paper_key for case in run.plan.cases if case.mode == "train"
    }
    assert run.problems == {}


def test_a_case_whose_costs_were_not_stored_is_named_and_the_rest_is_read(copies):
    path = Path("a") / store.FILE
    lines = path.read_bytes().splitlines(keepends=True)
    lost = next(line for line in lines if b'"type":"paper"' in line)
    path.write_bytes(b"".join(line for line in lines if line is not lost))
    whole, _ = results(store.read(Path("b")))
    known, problems = results(store.read(Path("a")))
    assert len(known) == len(whole) - 1
    assert problems == [f"{whole[0].case.id}: its costs were not stored"]
