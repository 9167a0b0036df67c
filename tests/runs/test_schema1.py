"""Runs of schema 1: what is read is what stands in the lines, as it would be stored today."""

import json

import pytest

from cnnbench import blocks
from cnnbench.cost import cost
from cnnbench.runs import store
from cnnbench.runs.result import results
from tests.support import ROOT

COMMITTED = ("sample-cpu", "claims")


@pytest.fixture(scope="module", params=COMMITTED)
def both(request):
    """The lines of a committed run by their type, and the run as it is read."""
    folder = ROOT / "reports" / request.param
    lines = {"plan": [], "launch": [], "stop": [], "ceilings": []}
    for text in (folder / store.FILE).read_text().splitlines():
        line = json.loads(text)
        assert line["schema"] == 1
        lines[line["type"]].append(line)
    return lines, store.read(folder)


def today(key):
    """An id that ended in "cpu graph"."""
    before, device, mode = key.rsplit(" ", 2)
    return f"{before} {device} tensorflow/{mode}"


def id_of(case):
    """The id of a case of a line, from its values."""
    params = ",".join(f"{name}={value}" for name, value in sorted(case["params"].items()))
    shape = "x".join(map(str, case["input_shape"]))
    return (
        f"{case['target']}({params}) {shape} batch={case['batch_size']} {case['dtype']} "
        f"{case['device']} tensorflow/{case['mode']}"
    )


def test_every_line_is_read(both):
    lines, run = both
    assert run.bad_lines == ()
    assert run.problems == {}
    assert len(run.measurements) == len(lines["launch"])


def test_the_plan_is_what_was_planned(both):
    ((plan,), run) = (both[0]["plan"], both[1])
    assert plan["runtime"] == "tensorflow"
    assert [case.id for case in run.plan.cases] == [id_of(case) for case in plan["cases"]]
    assert [case.label for case in run.plan.cases] == [case["label"] for case in plan["cases"]]
    assert run.plan.together == tuple(tuple(map(today, row)) for row in plan["together"])
    same = "suite description launches precision reference seed time_budget_s timeout_s threads"
    for name in (*same.split(), "command"):
        assert getattr(run.plan, name) == plan[name], name
    assert run.plan.base == ""
    assert run.plan.runtimes == ("tensorflow",)


def test_every_launch_has_its_samples_turns_and_reference(both):
    lines, run = both
    for line, m in zip(lines["launch"], run.measurements, strict=True):
        assert (m.case.id, m.launch, m.outcome) == (id_of(line["case"]), line["launch"], "ok")
        first, *calls = line["samples_ns"]
        assert m.samples_ns[0] == first
        ends = [sum(line["bursts"][: n + 1]) for n in range(len(line["bursts"]))]
        assert m.turns == [
            tuple(calls[end - made : end]) for end, made in zip(ends, line["bursts"], strict=True)
        ]
        assert m.beside == tuple(map(today, line["beside"]))
        assert m.references == {today(line["reference"]): tuple(line["reference_ns"])}
        same = "started wall_s peak_bytes peak_source environment detail"
        assert all(getattr(m, name) == line[name] for name in same.split())
        check = line["check"]
        assert (m.check.layers, m.check.params) == (check["layers"], check["params"])
        # What was not measured then is not known now.
        assert (m.build_ns, m.compile_ns, m.new_batch_ns, m.resident_bytes) == (None,) * 3 + ((),)


def test_stops_and_ceilings_are_those_of_the_lines(both):
    lines, run = both
    assert run.stops == {today(line["case"]): line["reason"] for line in lines["stop"]}
    assert len(run.ceilings) == len(lines["ceilings"])
    for line, ceiling in zip(lines["ceilings"], run.ceilings, strict=True):
        assert ceiling.flops_per_s == line["flops_per_s"]
        assert ceiling.bytes_per_s == line["bytes_per_s"]
        assert ceiling.key == line["key"]
        assert [p.case for p in ceiling.probes] == [today(p["case"]) for p in line["probes"]]


def test_comparisons_name_the_cases_of_the_plan(both):
    ((plan,), run) = (both[0]["plan"], both[1])
    assert len(run.plan.comparisons) == len(plan["comparisons"])
    ids = {case.id for case in run.plan.cases}
    for line, pair in zip(plan["comparisons"], run.plan.comparisons, strict=True):
        for name in ("title", "base", "new", "batch_size"):
            assert getattr(pair, name) == line[name]
        assert [list(pair.size), list(pair.show)] == [line["size"], line["show"]]
        assert [channels for channels, *_ in pair.pairs] == line["channels"]
        for channels, *keys in pair.pairs:
            assert set(keys) <= ids
            assert all(f" {'x'.join(map(str, pair.size))}x{channels} " in key for key in keys)
        first, last = line["range"]
        assert pair.channels == tuple(range(first, last + 1))


def test_the_curves_of_the_sample_are_those_of_its_two_blocks():
    (pair,) = store.read(ROOT / "reports" / "sample-cpu").plan.comparisons
    for channels in (1, 3, 192, 512):
        place = pair.channels.index(channels)
        for name, costs in (
            ("naive_inception_module", pair.base_costs),
            ("inception_module", pair.new_costs),
        ):
            known = cost(blocks.get(name).trace((28, 28, channels), batch_size=4))
            counted = known.params, known.macs, known.flops, known.activation_bytes
            names = "parameters", "MACs", "FLOPs", "activation memory"
            assert tuple(costs[quantity][place] for quantity in names) == counted


def test_costs_are_those_that_keras_counted_when_it_was_measured(both):
    lines, run = both
    counted = {id_of(line["case"]): line["check"]["params"] for line in lines["launch"]}
    known, problems = results(run)
    assert problems == []
    assert {r.case.id: r.cost.params for r in known} == counted


def test_a_block_that_is_no_longer_there_is_named_and_the_rest_is_read(tmp_path):
    whole = (ROOT / "reports" / "sample-cpu" / store.FILE).read_text()
    (tmp_path / store.FILE).write_text(whole.replace('"vgg_three_blocks"', '"vgg_tree_blocks"'))
    known, problems = results(store.read(tmp_path))
    assert len(problems) == 3  # at three sizes
    assert all("unknown target 'vgg_tree_blocks'; did you mean" in line for line in problems)
    assert len(known) == 41
    assert all(r.time for r in known)
