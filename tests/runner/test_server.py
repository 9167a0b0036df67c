"""Real children, and every way in which one can end."""

import itertools
import multiprocessing
import os
import shutil
import signal
import tempfile
import time
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil
import pytest

from cnnbench.cases.case import Case
from cnnbench.errors import RuntimeMissingError, UnknownNameError
from cnnbench.runner import child, server, worker
from cnnbench.runner.server import Workers
from cnnbench.runtimes import Order

MISBEHAVING = "tests.support.misbehaving"
CASE = Case("vgg_block", (8, 8, 3), runtime=MISBEHAVING)


@pytest.fixture(scope="module")
def children():
    return Workers({MISBEHAVING: server.start(MISBEHAVING)})


def outcome(children, behaviour, timeout_s=20.0):
    (answer,) = together(children, [behaviour], timeout_s)
    return answer


def together(children, behaviours, timeout_s=20.0, references=()):
    def order(behaviour):
        return Order(replace(CASE, label=behaviour), None, 0, None)

    beside = [order(reference) for reference in references]
    replies, turns = children.launch([order(b) for b in behaviours], 0.01, timeout_s, beside)
    assert len(turns) == len(beside)
    return replies


def test_a_child_that_behaves_returns_every_call(children):
    answer = outcome(children, "behaves")
    assert answer.outcome == "ok"
    assert len(answer.samples_ns) > 4
    assert min(answer.samples_ns) >= 0
    assert answer.peak_source


def test_what_a_child_prints_does_not_reach_the_result_or_the_terminal(children, capfd):
    assert outcome(children, "prints").outcome == "ok"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("behaviour", "expected", "detail"),
    [
        ("raises", "failed", "ValueError: a reason in model.py"),
        ("crashes", "crashed", "SIGSEGV; it last said: about to crash"),
        ("exits", "crashed", "exit status 7 without a result"),
        ("is_killed", "killed", "SIGKILL, most often because memory ran out"),
        ("exceeds_memory", "out-of-memory", "MemoryError: "),
        ("sends_another_document", "failed", "expected one JSON document from the child"),
    ],
)
def test_a_child_that_fails_says_how(children, behaviour, expected, detail):
    answer = outcome(children, behaviour)
    assert answer.outcome == expected
    assert answer.detail.startswith(detail)


def test_rubbish_in_the_pipe_is_no_result(children):
    answer = outcome(children, "writes_rubbish_into_the_pipe")
    assert answer.outcome in ("crashed", "failed")


@pytest.mark.parametrize("behaviour", ["hangs", "stops"])
def test_a_child_that_hangs_is_stopped_at_the_timeout(children, behaviour):
    answer = outcome(children, behaviour, timeout_s=1.0)
    assert (answer.outcome, answer.detail) == ("timeout", "no result within 1 s")


def test_no_child_outlives_its_launch(children):

    outcome(children, "hangs", timeout_s=0.5)
    names = [p.status() for p in psutil.Process().children(recursive=True)]
    # The fork server and the resource tracker stay; a third would be the hanging child.
    assert len([s for s in names if s != psutil.STATUS_ZOMBIE]) <= 2


def test_a_child_follows_its_parent_into_death_and_leaves_no_file(tmp_path):
    import subprocess
    import sys

    program = (
        "import sys; sys.path.insert(0, '.')\n"
        "from dataclasses import replace\n"
        "from tests.runner.test_server import CASE, MISBEHAVING, Order, Workers, server\n"
        "if __name__ == '__main__':\n"
        "    order = Order(replace(CASE, label='hangs'), None, 0, None)\n"
        "    workers = Workers({MISBEHAVING: server.start(MISBEHAVING)})\n"
        "    waits = Order(replace(CASE, label='behaves'), None, 0, None)\n"
        "    workers.launch([order], 0.01, 600.0, [waits])\n"
    )
    script = tmp_path / "program.py"
    script.write_text(program)
    # Not in `tmp_path`: the path of the fork server's socket may have 107 characters.
    temporary = Path(tempfile.mkdtemp(prefix="cnnbench-"))
    parent = psutil.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    deadline = time.monotonic() + 30
    while len(family := parent.children(recursive=True)) < 4 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(family) >= 4, "server, tracker and two children should be running"
    time.sleep(1.0)  # let the child reach its step
    parent.kill()
    _, alive = psutil.wait_procs(family, timeout=10)
    parent.wait()
    assert alive == []
    assert [*temporary.glob("cnnbench-*")] == []
    shutil.rmtree(temporary)


def test_a_runtime_describes_itself(children):
    described = children.servers[MISBEHAVING].describe()
    assert described.versions == {"misbehaving": "1"}


def test_an_unknown_runtime_is_refused_by_name():
    with pytest.raises(UnknownNameError, match="unknown runtime 'tensorflwo'; did you mean tensor"):
        server.start("tensorflwo")


def test_a_runtime_that_cannot_start_is_an_error_of_one_line():
    fake = server.start("fake")  # whose fork server ends with it
    broken = replace(fake, runtime="tests.no_such_module")
    with pytest.raises(RuntimeMissingError, match="does not start: cannot import") as caught:
        broken.describe()
    assert "\n" not in str(caught.value)


def test_variables_and_streams_are_as_before(children):
    before = dict(os.environ), os.fstat(1), os.fstat(2)
    outcome(children, "behaves")
    assert (dict(os.environ), os.fstat(1), os.fstat(2)) == before


@pytest.mark.parametrize("given", ["file", "standard input"])
def test_a_script_without_a_main_guard_may_start_children(tmp_path, given):
    import subprocess
    import sys

    program = (
        "print('once')\n"
        "from cnnbench.runner import server\n"
        "print(server.start('fake').describe().outcome)\n"
        "print(__spec__ is None)\n"
    )
    script = tmp_path / "script.py"
    script.write_text(program)
    done = subprocess.run(
        [sys.executable, *([str(script)] if given == "file" else [])],
        input=program,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    assert (done.stdout, done.stderr) == ("once\nok\nTrue\n", "")


def test_a_fork_server_that_was_killed_is_replaced(children):

    forks = children.servers[MISBEHAVING].forks
    assert outcome(children, "behaves").outcome == "ok"
    first = psutil.Process(forks._forkserver_pid)
    first.kill()
    assert outcome(children, "behaves").outcome == "ok"
    assert forks._forkserver_pid != first.pid


def test_a_fork_server_that_is_killed_after_it_has_forked_costs_nothing(monkeypatch):
    fresh = Workers({MISBEHAVING: server.start(MISBEHAVING)})
    forks, killed = fresh.servers[MISBEHAVING].forks, []
    connect = forks.connect_to_new_process

    def forked(*args):
        found = connect(*args)
        if not killed:
            os.read(found[0], 8)  # the number of the child, which is there
            killed.append(psutil.Process(forks._forkserver_pid))
            killed[0].kill()
        return found

    monkeypatch.setattr(forks, "connect_to_new_process", forked)
    assert outcome(fresh, "behaves").outcome == "ok"
    assert killed


def test_a_child_that_cannot_be_started_is_an_outcome(children, monkeypatch):
    def refuse(process):
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(child, "RETRY_S", 0.0)
    monkeypatch.setattr(BaseProcess, "start", refuse)
    answer = outcome(children, "behaves")
    assert answer.outcome == "failed"
    assert "Cannot allocate memory" in answer.detail


def test_children_take_turns_in_as_many_bursts(children):
    slow, fast = together(children, ["takes_a_millisecond", "takes_two_milliseconds"])
    assert len(slow.bursts) == len(fast.bursts) >= 4
    for answer in (slow, fast):
        assert len(answer.samples_ns) == 1 + sum(answer.bursts)


def test_calls_of_two_children_never_overlap(children):
    answers = together(children, ["says_when_it_ran"] * 2, references=["says_when_it_ran"])
    ((_, reference),) = children.kept
    reference.ask(worker.END)
    reference.hear(20, 20)
    answers.append(reference.reply)
    children.rest()
    spans = [[map(int, text.split()) for text in answer.check.differences] for answer in answers]
    turns = sorted((begin, end, who) for who, mine in enumerate(spans) for begin, end in mine)
    assert all(left[1] <= right[0] for left, right in itertools.pairwise(turns))
    owners = [who for who, _ in itertools.groupby(who for _, _, who in turns)]
    # The cases swap places, the reference (2) comes last.
    assert owners[:12] == [0, 1, 2, 1, 0, 2, 0, 1, 2, 1, 0, 2]


def ordered(label, seed=0):
    return Order(replace(CASE, label=label), None, seed, None)


def processes(children):
    return [child._process.pid for _, child in children.kept]


def test_the_process_of_a_reference_stays_for_a_round(children):
    case, reference = ordered("behaves"), ordered("takes_a_millisecond", seed=7)
    (reply,), (turns,) = children.launch([case], 0.01, 20.0, [reference])
    first = processes(children)
    assert [turn.calls for turn in turns] == [turn.calls for turn in turns if turn.calls > 0]
    assert len(turns) == len(reply.bursts) >= 4
    assert all(1_000_000 <= turn.median_ns <= turn.ns for turn in turns)
    (_, (again,)) = children.launch([case], 0.01, 20.0, [reference])
    assert processes(children) == first
    assert again
    children.launch([case], 0.01, 20.0, [replace(reference, seed=8)])  # of the next round
    assert len(processes(children)) == 1
    assert processes(children) != first
    assert not psutil.pid_exists(first[0])
    children.rest()
    assert children.kept == []
    assert [p.status() for p in psutil.Process().children(recursive=True) if p.pid in first] == []


def test_a_reference_that_has_made_many_calls_has_a_new_process(children, monkeypatch):
    case, reference = ordered("behaves"), ordered("takes_a_millisecond")
    children.launch([case], 0.01, 20.0, [reference])
    (first,) = processes(children)
    monkeypatch.setattr(server, "MOST_TURNS", children.kept[0][1].turns)
    children.launch([case], 0.01, 20.0, [reference])
    (second,) = processes(children)
    assert second != first
    assert not psutil.pid_exists(first)
    children.rest()


@pytest.mark.parametrize("at_once", [False, True])
def test_cases_are_ready_one_after_the_other_or_at_once(children, at_once):
    orders = [ordered("is_ready_late"), ordered("is_ready_late")]
    replies, _ = children.launch(orders, 0.01, 20.0, at_once=at_once)
    (begin, end), (later, _) = sorted(
        tuple(map(int, reply.check.differences[0].split())) for reply in replies
    )
    assert begin < end
    assert (later < end) == at_once
    assert all((len(reply.bursts) == 1) == at_once for reply in replies)
    assert all(len(reply.samples_ns) > 4 for reply in replies)


@pytest.mark.parametrize("behaviour", ["crashes", "crashes_later", "hangs_later"])
def test_a_reference_that_ends_is_started_again_and_costs_the_case_nothing(children, behaviour):
    case = ordered("takes_a_millisecond")
    for _ in range(2):
        (reply,), (gone, stays) = children.launch(
            [case], 0.01, 1.0, [ordered(behaviour), ordered("behaves")]
        )
        assert reply.outcome == "ok"
        assert gone == []
        assert stays
    children.rest()


def test_ctrl_c_in_a_launch_ends_the_references_too(children, monkeypatch):
    case, reference = ordered("behaves"), ordered("takes_a_millisecond")
    children.launch([case], 0.01, 20.0, [reference])
    (before,) = processes(children)

    def pressed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(server, "_take_turns", pressed)
    with pytest.raises(KeyboardInterrupt):
        children.launch([case], 0.01, 20.0, [reference])
    assert children.kept == []
    assert not psutil.pid_exists(before)


@pytest.mark.parametrize(
    ("behaviour", "expected"), [("crashes_later", "crashed"), ("hangs_later", "timeout")]
)
def test_one_that_ends_badly_costs_the_other_nothing(children, behaviour, expected):
    bad, good = together(children, [behaviour, "takes_a_millisecond"], timeout_s=1.0)
    assert bad.outcome == expected
    assert good.outcome == "ok"
    assert len(good.samples_ns) > 4


@pytest.mark.parametrize("where", ["launch", "describe"])
def test_ctrl_c_while_a_child_is_started_leaves_none(monkeypatch, where):
    fresh = Workers({MISBEHAVING: server.start(MISBEHAVING)})
    forks = fresh.servers[MISBEHAVING].forks
    connect = forks.connect_to_new_process
    outcome(fresh, "behaves")

    def interrupted(*args):
        found = connect(*args)
        signal.raise_signal(signal.SIGINT)  # the child is there, and knows nothing yet
        return found

    monkeypatch.setattr(forks, "connect_to_new_process", interrupted)
    started = {
        "launch": lambda: outcome(fresh, "behaves"),
        "describe": fresh.servers[MISBEHAVING].describe,
    }
    with pytest.raises(KeyboardInterrupt):
        started[where]()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    deadline = time.monotonic() + 10
    theirs = psutil.Process(forks._forkserver_pid)
    while theirs.children() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert theirs.children() == []


def test_a_child_whom_nobody_hears_any_more_removes_its_log(tmp_path):
    """The end of the pipe may be seen before the death of the parent is."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    ours.close()
    log = tmp_path / "log"
    target, args = worker.work, (theirs, str(log), worker.describe, MISBEHAVING)
    process = context.Process(target=target, args=args)
    with theirs:
        process.start()
    process.join(30)
    assert process.exitcode is not None
    assert not log.exists()
