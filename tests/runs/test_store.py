"""The run's folder: append, read back, damage."""

import json
import resource
from dataclasses import replace
from io import BytesIO

import pytest

from cnnbench.cases.answer import Check
from cnnbench.cases.case import Case
from cnnbench.cases.plan import BlockComparison, Plan
from cnnbench.errors import StoreError
from cnnbench.runs import store
from cnnbench.runs.store import FILE, Measurement
from tests.support.stored import case, timed

CASE = Case("vgg_block", (64, 64, 3), {"n_filters": 8}, label="small")
PLAN = Plan(
    suite="s",
    description="d",
    cases=(CASE, replace(CASE, mode="eager")),
    comparisons=(
        BlockComparison(
            title="t",
            base="a",
            new="b",
            size=(28, 28),
            batch_size=4,
            device="cpu",
            pairs=((3, "a at 3", "b at 3"), (192, "a at 192", "b at 192")),
            show=(3,),
            range=(1, 512),
            channels=(1, 2),
            base_costs={"MACs": (3, 4)},
            new_costs={"MACs": (5, 6)},
        ),
    ),
    seed=3,
)
DONE = Measurement(
    case=CASE,
    launch=0,
    outcome="ok",
    samples_ns=(30, 10, 11),
    peak_bytes=1 << 40,
    peak_source="VmHWM",
    check=Check(4, 38_720, ("conv2d: parameters: 1 on paper, 2 in Keras",)),
    environment={"host": "h"},
)


def stored(folder, *measurements):
    with store.create(folder, PLAN) as file:
        for measurement in measurements:
            file.append("launch", measurement.to_json())


def test_what_is_written_is_read_back(tmp_path):
    failed = Measurement(CASE, 1, outcome="timeout", detail="no result within 1 s")
    stored(tmp_path / "new" / "run", DONE, failed)
    run = store.read(tmp_path / "new" / "run")
    assert run.plan == PLAN
    assert run.measurements == (DONE, failed)
    assert run.bad_lines == ()


def test_what_launches_have_in_common_is_in_memory_once(tmp_path):
    here = {"host": "h", "versions": {"python": "3.12"}, "load_1m": 0.5}
    there = here | {"load_1m": 1.5}
    other = replace(CASE, label="another name of the same")
    assert other.id == CASE.id
    launches = [
        replace(DONE, environment=here),
        replace(DONE, launch=1, environment=there),
        replace(DONE, launch=2, environment=there, case=other),
    ]
    stored(tmp_path, *launches)
    run = store.read(tmp_path)
    assert [*run.measurements] == launches
    cases = [m.case for m in run.measurements]
    assert cases[0] is cases[1] is run.plan.cases[0]
    assert len({id(m.environment["versions"]) for m in run.measurements}) == 1


def test_every_line_has_the_schema_and_is_on_the_disk_at_once(tmp_path):
    with store.create(tmp_path, PLAN) as file:
        file.append("launch", DONE.to_json())
        lines = (tmp_path / FILE).read_text().splitlines()  # before the file is closed
    assert {json.loads(line)["schema"] for line in lines} == {2}
    # The two cases differ in their mode alone, and so have one paper.
    assert [json.loads(line)["type"] for line in lines] == ["plan", "paper", "launch"]


def test_a_second_run_into_the_folder_is_refused(tmp_path):
    stored(tmp_path, DONE)
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(StoreError, match="already holds a run; continue it with --resume"):
        store.create(tmp_path, PLAN)
    assert (tmp_path / FILE).read_bytes() == before


def test_a_truncated_last_line_is_named_and_only_it_is_lost(tmp_path):
    stored(tmp_path, DONE, DONE)
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes()[:-25])
    assert store.read(tmp_path).measurements == (DONE,)
    with store.resume(tmp_path) as file:
        file.append("launch", DONE.to_json())
    run = store.read(tmp_path)
    assert run.measurements == (DONE, DONE)
    assert len(run.bad_lines) == 1
    assert run.bad_lines[0].startswith("measurements.jsonl:4: not a record (")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"\xff\xfe\x00", "not a record (3 bytes)"),
        (b"[1, 2]", "not a record (6 bytes)"),
        (b'{"schema": 9, "type": "launch"}', "schema 9, this version reads 1 to 2"),
        (b'{"schema": 2, "type": "lunch"}', "unknown type 'lunch'"),
        (b'{"schema": 1, "type": "launch"}', "not a measurement: case: Field required"),
        (b'{"schema": 1, "type": "launch", "case": 3}', "not a measurement: case: "),
        (b'{"schema": 2, "type": "launch", "case": 3}', "not a measurement: case: "),
        (b'{"schema": 2, "type": "paper", "of": "x"}', "not a paper: KeyError: 'columns'"),
        (
            b'{"schema": 2, "type": "paper", "of": "x", "columns": [], "layers": [], "inputs": [], '
            b'"outputs": [], "dtype": "", "digest": "", "demand": {}, "step": {}, "file": ""}',
            "not a paper: ValueError: no layers",
        ),
    ],
)
def test_a_corrupt_line_is_skipped_and_named(tmp_path, line, reason):
    stored(tmp_path, DONE)
    with open(tmp_path / FILE, "ab") as file:
        file.write(line + b"\n")
    with store.resume(tmp_path) as file:
        file.append("launch", DONE.to_json())
    run = store.read(tmp_path)
    assert run.measurements == (DONE, DONE)
    assert [bad.split(": ", 1)[0] for bad in run.bad_lines] == ["measurements.jsonl:4"]
    assert reason in run.bad_lines[0]


def test_a_folder_without_a_run_is_an_error(tmp_path):
    with pytest.raises(StoreError, match="no run in"):
        store.read(tmp_path)
    (tmp_path / FILE).write_text("rubbish\n")
    with pytest.raises(StoreError, match=r"holds no plan of a run \(measurements.jsonl:1: not a"):
        store.read(tmp_path)


def test_a_folder_that_cannot_be_written_is_refused_without_a_trace(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write to"):
        store.check_free(tmp_path / "file" / "run")
    store.check_free(tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()


def test_a_run_has_one_writer(tmp_path):
    with (
        store.create(tmp_path, PLAN),
        pytest.raises(StoreError, match=r"another process writes .*; wait until it ends"),
    ):
        store.resume(tmp_path)
    with store.resume(tmp_path) as file:
        file.append("stop", {"case": "x"})
    assert [path.name for path in tmp_path.iterdir()] == [store.FILE]


def test_a_full_disk_is_one_line_and_loses_nothing_that_was_written(tmp_path):
    with store.create(tmp_path, PLAN) as file:
        written = (tmp_path / store.FILE).stat().st_size
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (written + 10, before[1]))
        try:
            with pytest.raises(StoreError, match=r"cannot write to .*; make room and continue"):
                file.append("stop", {"case": "x" * 100})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (tmp_path / store.FILE).stat().st_size == written + 10
    assert store.read(tmp_path).plan == PLAN


DEEP = "[" * 100_000 + "]" * 100_000


def test_a_line_that_is_nested_too_deeply_is_named_and_skipped(tmp_path):
    folder = timed(tmp_path / "r", (case("narrow"), [100.0]))
    with (folder / FILE).open("a") as file:
        file.write(f'{{"schema": 2, "type": "launch", "case": {DEEP}}}\n')
    run = store.read(folder)
    assert len(run.measurements) == 1
    (bad,) = run.bad_lines
    assert "not a record" in bad


def test_a_line_that_is_too_long_is_named_and_not_kept(tmp_path, monkeypatch):
    folder = timed(tmp_path / "r", (case("narrow"), [100.0]))
    lines = (folder / FILE).read_bytes().splitlines(keepends=True)
    longest = max(map(len, lines))
    monkeypatch.setattr(store, "LONGEST", longest)
    lines[1:1] = [b"x" * (5 * longest) + b"\n"]
    (folder / FILE).write_bytes(b"".join(lines))
    run = store.read(folder)
    assert len(run.measurements) == 1
    (bad,) = run.bad_lines
    assert bad.startswith(f"{FILE}:2: a line of more than")


def test_lines_that_are_too_long_are_one_line_each():
    file = BytesIO(b"a" * 7 + b"\n" + b"bb\n" + b"c" * 3 + b"\n" + b"d" * 9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "LONGEST", 3)
        assert [*store._lines(file)] == [b"aaaa", b"bb", b"ccc", b"dddd"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"samples_ns": [0, 5, 5]}, "a time must be more than 0"),
        ({"samples_ns": [2**70, 5, 5]}, "of this century"),
        ({"references": {"r": [-1.0]}}, "a time must be more than 0"),
        ({"reference": "r", "reference_ns": [-1.0]}, "a time must be more than 0"),
        ({"reference": "r", "reference_ns": 7}, "references"),
        ({"bursts": [5, 0]}, "its turns have other calls"),
        ({"bursts": [3, 3]}, "its turns have other calls"),
    ],
)
def test_a_launch_that_cannot_be_is_named_and_skipped(tmp_path, wrong, message):
    folder = timed(tmp_path / "r", (case("narrow"), [100.0, 100.0]))
    lines = [json.loads(line) for line in (folder / FILE).read_text().splitlines()]
    lines[-1] |= wrong
    (folder / FILE).write_text("".join(json.dumps(line) + "\n" for line in lines))
    run = store.read(folder)
    assert len(run.measurements) == 1
    (bad,) = run.bad_lines
    assert message in bad


@pytest.mark.parametrize("reference", ["", "r", [], {}, 7, None])
def test_a_launch_of_before_is_read_with_its_one_reference(tmp_path, reference):
    folder = timed(tmp_path / "r", (case("narrow"), [100.0, 100.0]))
    lines = [json.loads(line) for line in (folder / FILE).read_text().splitlines()]
    del lines[-1]["references"]
    lines[-1] |= {"reference": reference, "reference_ns": [1.0]}
    (folder / FILE).write_text("".join(json.dumps(line) + "\n" for line in lines))
    *_, last = store.read(folder).measurements
    assert last.references == ({"r": (1.0,)} if reference == "r" else {})


def test_a_run_that_was_killed_while_its_plan_was_stored_can_be_begun_again(tmp_path, monkeypatch):
    def killed(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store.os, "fsync", killed)
        with pytest.raises(KeyboardInterrupt):
            store.create(tmp_path, PLAN)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / FILE).with_suffix(".part").write_text("half of the pl")  # as SIGKILL leaves it
    stored(tmp_path, DONE)
    assert store.read(tmp_path).measurements == (DONE,)
    assert store.read(tmp_path).bad_lines == ()
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_plan_that_could_not_be_read_again_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "LONGEST", 100)
    with pytest.raises(StoreError, match=r"the plan of 2 cases has .* at most 100 B can be read"):
        store.create(tmp_path / "r", PLAN)
    assert not (tmp_path / "r").exists()


def test_a_folder_that_has_become_read_only_is_no_error_at_the_end(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise PermissionError

    with store.create(tmp_path, PLAN) as file:
        file.append("launch", DONE.to_json())
        monkeypatch.setattr(store.Path, "unlink", refused)
    monkeypatch.undo()
    with store.resume(tmp_path) as file:
        file.append("launch", DONE.to_json())
    assert len(store.read(tmp_path).measurements) == 2


def test_a_full_disk_at_the_start_leaves_no_lock(tmp_path):
    stored(tmp_path, DONE)
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes()[:-25])
    size = path.stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        with pytest.raises(StoreError, match="cannot write to"):
            store.resume(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == [path]


def test_several_lines_are_one_wait_for_the_disk(tmp_path, monkeypatch):
    waits = []
    monkeypatch.setattr(store.os, "fsync", waits.append)
    with store.create(tmp_path, PLAN) as file:
        file.extend([("launch", DONE.to_json())] * 3)
    assert len(waits) == 2  # the first is that of the plan and its costs
    assert len(store.read(tmp_path).measurements) == 3
