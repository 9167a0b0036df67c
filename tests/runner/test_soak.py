"""A short soak: a run under faults loses nothing, and the program that says so can be wrong."""

import json
from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from benchmarks.runtimes import rows
from benchmarks.soak import faults, page, record, runtime
from benchmarks.soak.record import END, SESSIONS, End
from benchmarks.soak.session import LAUNCHED, Launch, Session, Soak, key
from cnnbench.reporting import formats
from cnnbench.schema import record as checked
from tests.support import ROOT

COMMITTED = ROOT / "reports" / "soak"
EACH = 3
"""Launches of a case, so that a dozen cases have enough for all of the faults."""
FAULTS = (faults.parent_killed, faults.server_killed, faults.launch_damaged)


@pytest.fixture(scope="module")
def soaked(tmp_path_factory):
    out, work = tmp_path_factory.mktemp("out"), tmp_path_factory.mktemp("work")
    record.record(out, work, cases=12, seed=3, faults=FAULTS, launches=EACH)
    sessions = rows.read(out / SESSIONS, Session)
    return (
        rows.read(out / LAUNCHED, Launch),
        sessions,
        checked(End, json.loads((out / END).read_text())),
    )


def test_nothing_is_lost_and_the_run_is_completed(soaked):
    launches, sessions, end = soaked
    assert {one.fault for one in sessions} >= {
        "parent is killed",
        "fork server is killed",
        "stored launches are corrupted",
    }
    assert [one.lost for one in sessions] == [0] * len(sessions)
    assert [one.processes for one in sessions] == [0] * len(sessions)
    assert (end.stored, end.launches) == (12 * EACH, 12 * EACH)
    assert (end.cases, end.costed, end.timed) == (12, 12, 12 - end.wrong)
    assert end.temporary.get("cnnbench", 0) == 0
    assert sessions[-1].status == 0
    assert max(one.lines for one in sessions) <= 1
    assert all(map(page.as_it_must, launches))
    # Each is printed once, and again if its line was damaged or its parent killed before it knew.
    printed = Counter((one.case, one.launch) for one in launches)
    assert len(launches) <= end.stored + 3
    assert set(printed.values()) <= {1, 2}


def test_a_launch_that_is_not_in_the_file_is_missed(tmp_path):
    soak = Soak(tmp_path, tmp_path, 1, Random(1))
    soak.run.mkdir()
    case = {"target": "vgg_block", "inputs": [[8, 8, 3]], "params": {}}
    lines = [{"type": "launch", "case": case, "launch": number} for number in (0, 1)]
    soak.file.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"type": "laun')
    assert soak.stored() == {key(line): 1 for line in lines}
    soak.finished = {key(lines[0]), ("another", 0)}
    assert soak.finished - soak.stored().keys() == {("another", 0)}


def test_what_goes_wrong_follows_from_the_seed():
    found = [runtime.fault("1", f"case {n}", 1)[0] for n in range(2000)]
    assert found == [runtime.fault("1", f"case {n}", 1)[0] for n in range(2000)]
    assert sum(map(bool, found)) == pytest.approx(2000 * runtime.RATE, rel=0.2)
    assert set(found) == {"", *runtime.FAULTS}


def rows_of(lives, launches, growth=0):
    return [
        Launch(life, n, 0, "ok", "", "ok", 10**8 + 1000 * life + growth * n + n % 3, 9)
        for life in range(lives)
        for n in range(launches)
    ]


def test_a_parent_that_grows_is_seen():
    flat, grown = page.growth(rows_of(4, 60)), page.growth(rows_of(4, 60, 5000))
    assert abs(flat.value) < 1
    assert max(map(abs, (flat.low, flat.high))) < 1
    assert grown.value == pytest.approx(5000, rel=0.01)
    assert grown.low > 4000


@pytest.mark.skipif(not (COMMITTED / END).exists(), reason="not measured yet")
def test_the_committed_page_comes_from_what_is_recorded():
    text = formats.markdown(page.document(COMMITTED))
    assert text == (COMMITTED / "README.md").read_text(encoding="utf-8")


def test_the_page_says_what_is_not_kept(soaked):
    launches, sessions, end = soaked
    launches = [*rows_of(3, 60), *launches]
    bad = [replace(sessions[0], lost=2), *sessions[1:]]
    assert page.verdict(launches, bad, end).startswith("**Not kept**: what was printed as finished")
    half = replace(end, stored=20)
    assert "`--resume` completes it" in page.verdict(launches, sessions, half)
