"""Cases measured in one call, with the runtime that computes its times."""

import pytest

import cnnbench
from cnnbench.cases.case import Case
from cnnbench.errors import RuntimeMissingError, StoreError
from cnnbench.runner import session
from cnnbench.runner.loop import Progress
from cnnbench.runs import store

CASES = [
    Case("vgg_block", (8, 8, 3), runtime="fake"),
    Case("residual_module", (8, 8, 4), runtime="fake"),
]


@pytest.fixture(scope="module")
def fake():
    return session.start("fake")


def test_cases_are_measured_and_read_back(fake):
    run = fake.measure(CASES, Progress(), launches=2, time_budget_s=20.0)
    assert {(m.case.id, m.launch, m.outcome) for m in run.measurements} == {
        (case.id, launch, "ok") for case in CASES for launch in (0, 1)
    }
    assert run.plan.runtimes == ("fake",)
    assert all(len(m.samples_ns) > 4 for m in run.measurements)


def test_a_folder_keeps_the_run_and_none_is_written_over(fake, tmp_path):
    kept = fake.measure(CASES[:1], Progress(), tmp_path / "run", launches=1, seed=3)
    assert store.read(tmp_path / "run") == kept
    with pytest.raises(StoreError, match="already holds a run"):
        fake.measure(CASES[:1], Progress(), tmp_path / "run", launches=1)


def test_ctrl_c_reaches_the_caller_and_keeps_what_was_measured(fake, tmp_path):
    class Impatient(Progress):
        def begins(self, launch):
            if launch.number == 1:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fake.measure(CASES, Impatient(), tmp_path, launches=2)
    assert len(store.read(tmp_path).measurements) == 2


def test_what_does_not_start_is_left_out_and_said_while_another_measures(tmp_path, undrawn):
    broken = "tests.support.cannot_start"
    with pytest.raises(RuntimeMissingError, match=r"does not start: ImportError: libbroken\.so"):
        cnnbench.run("vgg_block", runtime=broken, ceilings=False, out=tmp_path / "alone")
    assert not (tmp_path / "alone").exists()
    finished = cnnbench.run(
        "vgg_block", runtime=["fake", broken], launches=1, ceilings=False, out=tmp_path / "both"
    )
    assert [m.case.runtime for m in finished.run.measurements] == ["fake"]
    assert [note for note in finished.run.plan.notes if "libbroken.so" in note]
