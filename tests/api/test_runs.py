"""Runs from Python, on the runtime that computes its times."""

from collections import Counter

import pytest

import cnnbench
from cnnbench.errors import CnnbenchError
from cnnbench.runner.loop import Progress
from cnnbench.stats import Stop

pytestmark = pytest.mark.usefixtures("undrawn")

SUITE = """
launches = 3
[[block]]
name = "narrow"
target = "vgg_block"
params = { n_filters = 4 }
inputs = ["8x8x3", "16x16x3"]
[[block]]
name = "wide"
target = "vgg_block"
params = { n_filters = 8 }
inputs = ["8x8x3", "16x16x3"]
[[compare]]
title = "one"
base = "narrow"
new = "wide"
size = "8x8"
channels = [4]
range = [1, 8]
"""


class Watching(Progress):
    def __init__(self):
        self.left = []

    def ended(self, measurement, done, total, left_s):
        self.left.append((done, total, left_s))


@pytest.mark.parametrize(("given", "each"), [({}, 3), ({"launches": 1}, 1)])
def test_simulated_times_are_launched_as_often_as_the_suite_says(tmp_path, given, each):
    (tmp_path / "mine.toml").write_text(SUITE)
    watching = Watching()
    finished = cnnbench.run(
        tmp_path / "mine.toml", runtime="fake", out=tmp_path / "r", progress=watching, **given
    )
    counts = Counter(m.case.id for m in finished.run.measurements)
    assert set(counts.values()) == {each}
    assert len(counts) == 6
    assert set(finished.run.stops.values()) == {Stop.LAUNCHES}
    *before, (done, total, left_s) = watching.left
    assert (done, total, left_s) == (6 * each, 6 * each, 0.0)
    last = [left_s for _, _, left_s in before[:-1]]  # the pair that is compared ends together
    assert min(last) >= 1


def test_times_may_be_given_as_on_the_command_line(tmp_path):
    found = cnnbench.run(
        "vgg_block", runtime="fake", time_budget="1m", timeout="90s", out=tmp_path, pages=False
    )
    assert (found.run.plan.time_budget_s, found.run.plan.timeout_s) == (60.0, 90.0)


@pytest.mark.parametrize("wrong", ["soon", "-5s", -5, 0, float("nan")])
@pytest.mark.parametrize(
    "call",
    [
        lambda **given: cnnbench.run("vgg_block", runtime="fake", **given),
        lambda **given: cnnbench.profile("vgg_block", runtime="fake", **given),
        lambda **given: cnnbench.advise("vgg_block", runtime="fake", **given),
        lambda **given: cnnbench.sweep("vgg_block", {}, measure=1, runtime="fake", **given),
        lambda **given: cnnbench.verify(measure=True, runtime="fake", **given),
    ],
)
def test_a_time_budget_that_is_none_is_refused_before_anything_is_made(tmp_path, call, wrong):
    with pytest.raises(CnnbenchError, match="a duration must look like 90s, 5m or 1h; got"):
        call(out=tmp_path / "r", time_budget=wrong)
    assert not (tmp_path / "r").exists()


def test_networks_are_compared_with_the_first(tmp_path):
    names = ("vgg_block", "residual_module", "inception_module")
    finished = cnnbench.run(
        *names, input_shape=(16, 16, 3), batch_size=[1, 4], runtime="fake", out=tmp_path
    )
    plan = finished.run.plan
    assert plan.base == "vgg_block"
    of = {case.id: case for case in plan.cases}
    rows = [[(of[key].target, of[key].batch_size) for key in row] for row in plan.together]
    assert rows == [[(name, batch) for name in names] for batch in (1, 4)]
    assert [m.outcome for m in finished.run.measurements] == ["ok"] * 6 * plan.launches
    page = finished.page.read_text()
    assert all(name in page for name in names)
    assert repr(finished) == f"Finished({tmp_path}: done, 6 of 6 cases timed)"
