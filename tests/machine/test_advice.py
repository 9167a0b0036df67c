"""Advice: what is made of runs that were stored."""

from dataclasses import replace
from pathlib import Path

import pytest

from cnnbench.cases.case import Case
from cnnbench.cases.plan import Plan
from cnnbench.machine.advice import UNTIMED, of_runs
from cnnbench.runs.store import Measurement, Run

BASE = Case("vgg_block", ((4, 4, 3),), runtime="fake", label="mine")


def run(*changed, base=BASE, base_ns=1000, later=0):
    """A run of the base and of some changes, each with three launches that take `ns` a call.

    The changes have launches `later` than those of the base.
    """
    measured = []
    cases = [base, *(case for case, _ in changed)]
    for case, ns in [(base, base_ns), *changed]:
        for launch in range(3) if case is base else range(later, later + 3):
            beside = tuple(other.id for other in cases if other is not case)
            ok = Measurement(
                outcome="ok",
                case=case,
                launch=launch,
                samples_ns=(5 * ns, *[ns + launch] * 30),
                bursts=(10, 10, 10),
                beside=beside,
                difference=2e-3,
            )
            failed = Measurement(outcome="failed", detail="too much", case=case, launch=launch)
            measured.append(ok if ns else failed)
    papers = {case.paper_key: case.paper() for case in cases}
    return Run(Path(), Plan("s", "", tuple(cases), papers=papers), tuple(measured))


def changes(*runs, apart=None, base=BASE):
    found = of_runs(runs, base, apart or {}, "done")
    return {change.what: change for change in found.changes}


def test_a_change_that_failed_says_why_and_comes_last():
    slow, broken = replace(BASE, dtype="float16"), replace(BASE, dtype="bfloat16")
    found = changes(run((broken, 0), (slow, 3000)))
    assert list(found) == ["float16", "bfloat16"]
    assert (found["bfloat16"].ratio, found["bfloat16"].problem) == (None, "too much")
    assert found["float16"].ratio.value == pytest.approx(3, rel=0.01)
    assert found["float16"].verdict == "slower"
    assert found["float16"].problem == ""


def test_a_change_has_no_ratio_to_a_network_that_failed_and_that_is_said():
    (change,) = changes(run((replace(BASE, dtype="float16"), 500), base_ns=0)).values()
    assert (change.ratio, change.problem) == (None, UNTIMED)
    assert change.result.time


def test_a_change_of_the_batch_without_a_launch_in_common_has_no_ratio():
    (change,) = changes(run((replace(BASE, batch_size=8), 500), later=3)).values()
    assert (change.ratio, change.verdict) == (None, "unclear")


def test_a_number_of_threads_that_all_have_is_no_change():
    base = replace(BASE, threads=2)
    found = changes(run((replace(base, batch_size=8), 500), base=base), base=base)
    assert list(found) == ["batch 8"]


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"threads": 1}, "1 thread"),
        ({"threads": 2}, "2 threads"),
        ({"batch_size": 8}, "batch 8"),
        ({"runtime": "openvino", "mode": "infer"}, "openvino"),
        ({"runtime": "litert", "mode": "infer", "dtype": "int8"}, "litert, int8"),
        ({"label": "other layers", "params": {"n_filters": 3}}, "other layers"),
    ],
)
def test_a_change_is_named_by_what_is_different(changed, what):
    assert list(changes(run((replace(BASE, **changed), 500)))) == [what]


def test_outputs_move_by_what_is_known_of_them_and_not_at_all_on_the_same_runtime():
    other = replace(BASE, runtime="openvino", mode="infer")
    rewritten = replace(BASE, label="folded", params={"n_filters": 3})
    found = changes(
        run((other, 500), (replace(BASE, threads=1), 500)),
        run((rewritten, 500)),
        apart={"folded": 1e-7},
    )
    assert {what: change.apart for what, change in found.items()} == {
        "openvino": 2e-3,
        "1 thread": 0.0,
        "folded": 1e-7,
    }


def test_a_sample_counts_where_a_call_has_more_of_them():
    found = changes(run((replace(BASE, batch_size=8), 2000)))
    assert found["batch 8"].ratio.value == pytest.approx(2 / 8, rel=0.01)
    assert found["batch 8"].verdict == "faster"


def test_without_the_network_as_it_is_there_is_no_advice():
    only = run()
    nothing = replace(only, plan=replace(only.plan, cases=()), measurements=())
    assert of_runs([nothing], BASE, {}, "interrupted") is None
