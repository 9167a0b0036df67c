"""Runs on a real scheduler of dask with real workers, which come, go and differ."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

import cnnbench
from cnnbench.cli import main
from cnnbench.errors import ClusterError
from cnnbench.runner import agent, cluster, crew
from cnnbench.runner.loop import Progress
from cnnbench.runs import store

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills processes by signals")
ROOT = Path(cnnbench.__file__).parents[1]

RUNTIME = """
import os
from cnnbench.runtimes.fake import *
from cnnbench.runtimes.fake import prepare

def describe():
    version = os.environ.get("MINE", "1")
    return {"versions": {"mine": version}, "devices": {"cpu": ["simulated"], "gpu": []}}
"""


class Dask:
    """A scheduler and its workers; each is a process."""

    def __init__(self, folder, *options, **variables):
        self.folder, self.processes = folder, []
        self.file = folder / "scheduler.json"
        options = ("--port", "0", "--scheduler-file", str(self.file), *options)
        self.scheduler = self.start("scheduler", *options, **variables)
        self.wait(lambda: self.file.exists() and self.file.read_text().endswith("}"))
        self.address = json.loads(self.file.read_text())["address"]

    def start(self, what, *args, **variables):
        process = subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{what}", *args, "--no-dashboard"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env={"PYTHONPATH": str(ROOT), **os.environ, **variables},
        )
        self.processes.append(process)
        return process

    def worker(self, *args, **variables):
        """Start a worker; returns its process when the scheduler knows it."""
        options = ("--no-nanny", "--nthreads", "1", "--death-timeout", "20", *args)
        process = self.start("worker", self.address, *options, **variables)
        # It says so on a line of its own.
        assert any(b"Registered to" in line for line in process.stderr)
        return process

    def wait(self, over):
        until = time.monotonic() + 60
        while not over():
            assert time.monotonic() < until
            time.sleep(0.05)

    def end(self):
        for process in self.processes:
            process.kill()
            process.wait()
            process.stderr.close()


@pytest.fixture
def dask(tmp_path):
    pytest.importorskip("distributed")
    (tmp_path / "dask").mkdir()
    started = Dask(tmp_path / "dask")
    yield started
    started.end()


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A runtime of the user's own, where a worker finds it that is given these variables."""
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "its_package").mkdir()
    (folder / "its_package" / "__init__.py").write_text("")
    (folder / "its_package" / "mine.py").write_text(RUNTIME)
    monkeypatch.syspath_prepend(str(folder))
    return {"PYTHONPATH": f"{folder}:{ROOT}"}


class Watch(Progress):
    """Does something after the first launch; remembers what the user was told."""

    def __init__(self, then=None):
        self.then, self.told = then, []

    def notes(self, what):
        self.told.append(what)

    def ended(self, measurement, done, total, left_s):
        if self.then:
            then, self.then = self.then, None
            then()


def run(folder, address, watch=None, runtime="fake", **options):
    return cnnbench.run(
        "vgg_block",
        "residual_module",
        input_shape=(8, 8, 3),
        runtime=runtime,
        cluster=address,
        out=folder,
        launches=options.pop("launches", 4),
        seed=3,
        ceilings=False,
        pages=options.pop("pages", False),
        progress=watch or Watch(),
        **options,
    )


def check_complete(finished, launches=4):
    assert finished.ending.reason == "done"
    made = Counter((m.case.target, m.launch) for m in finished.run.measurements if m.ok)
    assert set(made.values()) == {1}
    assert len(made) == 2 * launches


def test_a_cluster_measures_what_this_machine_would(dask, tmp_path):
    dask.worker()
    dask.worker()
    finished = run(tmp_path / "there", dask.address)
    check_complete(finished)
    here = cnnbench.run(
        "vgg_block",
        "residual_module",
        input_shape=(8, 8, 3),
        runtime="fake",
        out=tmp_path / "here",
        launches=4,
        seed=3,
        ceilings=False,
        pages=False,
    )

    def samples(of):
        # How many calls fit into a slice may differ; what each takes may not.
        return {(m.case.id, m.launch): m.samples_ns[:5] for m in of.run.measurements}

    assert samples(finished) == samples(here)
    launches = [m for m in finished.run.measurements if m.case.target == "vgg_block"]
    assert all(m.beside and m.environment["host"] for m in launches)
    # Both workers are on one CPU, so no launch runs beside another.
    spans = sorted((m.started, m.started + m.wall_s) for m in launches)
    assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))


@pytest.fixture
def certified(tmp_path):
    """The variables of dask that name a certificate of ours for each side."""
    if not shutil.which("openssl"):
        pytest.skip("openssl makes the certificate")
    key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "certificate.pem")
    made = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost")
    subprocess.run(
        ["openssl", *made, "-keyout", key, "-out", certificate], check=True, capture_output=True
    )
    sides = {
        f"{side}__{what}": path
        for side in ("SCHEDULER", "WORKER", "CLIENT")
        for what, path in (("KEY", key), ("CERT", certificate))
    }
    return {
        f"DASK_DISTRIBUTED__COMM__TLS__{name}": value
        for name, value in {"CA_FILE": certificate, **sides}.items()
    }


def test_with_tls_only_those_with_a_certificate_get_in(tmp_path, certified):
    pytest.importorskip("distributed")
    (tmp_path / "dask").mkdir()
    dask = Dask(tmp_path / "dask", "--protocol", "tls", **certified)
    try:
        assert dask.address.startswith("tls://")
        dask.worker(**certified)

        def asked(address, folder, **variables):
            command = "run vgg_block --input 8x8x3 --runtime fake --launches 2 --no-ceilings -q"
            given = ("--cluster", address, "--out", str(tmp_path / folder))
            return subprocess.run(
                [sys.executable, "-m", "cnnbench", *command.split(), *given],
                capture_output=True,
                text=True,
                env={"PYTHONPATH": str(ROOT), **os.environ, **variables},
                timeout=120,
            )

        done = asked(dask.address, "good", **certified)
        assert (done.returncode, done.stderr) == (0, "")
        found = store.read(tmp_path / "good").measurements
        assert [m.outcome for m in found] == ["ok", "ok"]
        plain = dask.address.replace("tls://", "tcp://")
        gone = {name: str(tmp_path / "gone.pem") for name in certified}
        for address, variables, said in (
            (dask.address, {}, f"{dask.address} needs a certificate: none is configured; name"),
            (dask.address, gone, f"{dask.address} needs a certificate: "),
            (plain, {}, f"no dask scheduler answers at {plain} within {cluster.ANSWER_S:g} s: "),
        ):
            refused = asked(address, "refused", **variables)
            assert (refused.returncode, refused.stdout) == (2, "")
            assert refused.stderr.startswith(f"cnnbench: {said}")
            assert len(refused.stderr.splitlines()) == 1
    finally:
        dask.end()


def test_a_worker_is_killed_and_another_makes_its_launches(dask, tmp_path):
    first, second = dask.worker(), dask.worker()
    first_killed = Watch(lambda: kill_the_one_that_measures(first, second))
    check_complete(run(tmp_path / "r", dask.address, first_killed))
    assert any("is lost" in line for line in first_killed.told)


def kill_the_one_that_measures(*workers):
    import psutil

    for worker in workers:
        if psutil.Process(worker.pid).children():
            worker.send_signal(signal.SIGKILL)
            worker.wait()
            return
    raise AssertionError("nobody measures")


def test_a_worker_that_joins_late_takes_over(dask, tmp_path):
    first = dask.worker()

    def change():
        dask.worker()
        first.kill()
        first.wait()

    check_complete(run(tmp_path / "r", dask.address, Watch(change)))


def test_a_scheduler_dies_and_nothing_finished_is_lost(dask, tmp_path):
    dask.worker()
    folder = tmp_path / "r"

    def change():
        dask.scheduler.kill()
        dask.scheduler.wait()

    with pytest.raises(ClusterError, match="does not answer any more; what is finished is kept"):
        run(folder, dask.address, Watch(change))
    before = store.read(folder).measurements
    assert 2 <= len(before) < 8
    (tmp_path / "again").mkdir()
    again = Dask(tmp_path / "again")
    try:
        again.worker()
        finished = run(folder, again.address, resume=True)
    finally:
        again.end()
    check_complete(finished)
    assert finished.run.measurements[: len(before)] == before


def test_a_worker_that_lacks_a_runtime_is_left_out_and_named(dask, tmp_path, mine):
    dask.worker()
    with pytest.raises(ClusterError, match=r"left out: cannot import the runtime its_package.mine"):
        run(tmp_path / "none", dask.address, runtime="its_package.mine")
    assert not (tmp_path / "none").exists()
    dask.worker(CUDA_VISIBLE_DEVICES="", **mine)
    finished = run(tmp_path / "r", dask.address, runtime="its_package.mine")
    check_complete(finished)
    (note,) = [note for note in finished.run.plan.notes if "left out" in note]
    assert "cannot import the runtime its_package.mine" in note


def test_machines_of_another_kind_are_left_out(dask, tmp_path, mine):
    for number, version in enumerate(["2", "1", "2"]):
        dask.worker(CUDA_VISIBLE_DEVICES=f"-{number + 1}", MINE=version, **mine)
    folder = tmp_path / "r"
    finished = run(folder, dask.address, runtime="its_package.mine", launches=2)
    check_complete(finished, launches=2)
    assert {m.environment["versions"]["mine"] for m in finished.run.measurements} == {"2"}
    (note,) = [note for note in finished.run.plan.notes if "left out" in note]
    assert "mine 1 instead of 2" in note


def of_kinds(finished):
    """The launches of each run, by the version of the user's runtime that its machines have."""
    found = {}
    for one in (finished, *finished.others):
        (version,) = {m.environment["versions"]["mine"] for m in one.run.measurements}
        found[version] = one
    return found


def test_on_each_kind_of_machine_there_is_a_run_and_they_stand_side_by_side(dask, tmp_path, mine):
    for number, version in enumerate(["2", "1", "2"]):
        dask.worker(CUDA_VISIBLE_DEVICES=f"-{number + 1}", MINE=version, **mine)
    folder = tmp_path / "r"
    options = {"runtime": "its_package.mine", "each_kind": True, "pages": True}
    finished = run(folder, dask.address, launches=2, **options)
    kinds = of_kinds(finished)
    assert list(kinds) == ["2", "1"]  # the kind with most workers first
    for one in kinds.values():
        check_complete(one, launches=2)
        assert one.folder.parent == folder
    assert finished.page == folder / "README.md"
    words = finished.page.read_text()
    assert words.startswith("# How fast are the same 2 networks on 2 versions?")
    assert "On mine 1 a call takes" in words
    # A kind of which a run is lost is measured again; the other has all of its launches.
    shutil.rmtree(kinds["1"].folder)
    again = run(folder, dask.address, launches=2, resume=True, **options)
    assert of_kinds(again)["2"].run.measurements == kinds["2"].run.measurements
    check_complete(of_kinds(again)["1"], launches=2)


def test_a_kind_that_has_gone_is_measured_on_no_other(dask, tmp_path, mine):
    *_, alone = [
        dask.worker(CUDA_VISIBLE_DEVICES=f"-{number + 1}", MINE=version, **mine)
        for number, version in enumerate("001")
    ]

    def change():
        alone.kill()
        alone.wait()

    kinds = {"runtime": "its_package.mine", "each_kind": True, "launches": 1}
    with pytest.raises(ClusterError, match=r"no worker of a kind .*: there is mine 0 instead of 1"):
        run(tmp_path / "r", dask.address, Watch(change), **kinds)
    (folder,) = (tmp_path / "r").iterdir()
    assert {m.environment["versions"]["mine"] for m in store.read(folder).measurements} == {"0"}


def test_each_kind_of_one_kind_is_a_run_with_its_own_page(tmp_path, monkeypatch, capsys):
    pytest.importorskip("distributed")
    monkeypatch.chdir(tmp_path)
    given = ["--runtime", "fake", "--no-ceilings", "--cluster", "local:1", "--each-kind"]
    assert main(["run", "vgg_block", "--launches", "1", *given, "--out", "r"]) == 0
    (folder,) = Path("r").iterdir()
    assert f"report: {folder}/README.md" in capsys.readouterr().out
    assert main(["run", "vgg_block", "--launches", "1", "--runtime", "fake", "--each-kind"]) == 2
    assert "each kind of machine is one of a cluster; say where with --cluster" in (
        capsys.readouterr().err
    )


def test_what_has_another_cnnbench_or_none_is_named(dask, tmp_path):
    (tmp_path / "cnnbench").mkdir()
    (tmp_path / "cnnbench" / "__init__.py").write_text('__version__ = "0.0.7"')
    dask.worker(PYTHONPATH=str(tmp_path))
    with pytest.raises(
        ClusterError, match=rf"it has cnnbench 0\.0\.7, this is {cnnbench.__version__}"
    ):
        run(tmp_path / "r", dask.address)
    assert not (tmp_path / "r").exists()


def test_nobody_there_is_said_in_a_line(dask, tmp_path, monkeypatch):
    monkeypatch.setattr(crew, "JOIN_S", 0.2)
    with pytest.raises(
        ClusterError, match=r"no worker has joined tcp://.*; start one: dask worker"
    ):
        run(tmp_path / "r", dask.address)


@pytest.mark.parametrize(
    "address", ["", "nonsense", "a b:1", "local:x", "host:", "http://host:8786"]
)
def test_what_is_no_address_is_refused(tmp_path, address):
    with pytest.raises(ClusterError, match="must be the address of a dask scheduler, as HOST:8786"):
        run(tmp_path / "r", address)


def test_a_command_that_ends_early_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    pytest.importorskip("distributed")
    monkeypatch.chdir(tmp_path)
    given = ["--runtime", "fake", "--no-ceilings", "--cluster", "local:1", "--out", "r"]
    assert main(["run", "vgg_block", "--time-budget", "0.1s", "--launches", "9", *given]) == 0
    assert "continue with cnnbench run vgg_block --out r --cluster local:1 --resume" in (
        capsys.readouterr().out
    )


def test_an_address_that_does_not_answer_is_named(tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "ANSWER_S", 0.5)
    with pytest.raises(ClusterError, match=r"no dask scheduler answers at 127\.0\.0\.1:9 within"):
        run(tmp_path / "r", "127.0.0.1:9")


@pytest.mark.parametrize(
    ("seen", "count", "said"),
    [
        ("-1", 2, "no GPU that NVIDIA's library shows; use local:1, for its CPU; got local:2"),
        ("-1", 0, "no GPU that NVIDIA's library shows; use local:1, for its CPU; got local:0"),
        ("0,3", 3, "2 GPUs; use local:1 to local:2; got local:3"),
    ],
)
def test_there_are_only_so_many_gpus_here(tmp_path, monkeypatch, seen, count, said):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", seen)
    with pytest.raises(ClusterError, match=said):
        run(tmp_path / "r", f"local:{count}")


def test_the_cpu_of_this_machine_is_a_cluster_too(tmp_path):
    pytest.importorskip("distributed")
    check_complete(run(tmp_path / "r", "local:1", launches=2), launches=2)


def test_without_room_on_the_disk_a_machine_cannot_measure():
    agent.check_disk()
    with pytest.raises(agent.MachineError, match=r"are free in .*, and 1\.00 EiB are needed"):
        agent.check_disk(2**60)


def test_a_gpu_has_the_name_that_its_machine_gives_it():
    assert [agent.gpu_name("4, 7", index) for index in (0, 1, 2)] == ["4", "7", "2"]
    assert agent.gpu_name("", 1) == "1"


@pytest.mark.tensorflow
def test_tensorflow_is_measured_there_with_all_cores(dask, tmp_path):
    dask.worker(OMP_NUM_THREADS="1")  # as dask's nanny sets it
    finished = run(tmp_path / "r", dask.address, runtime="tensorflow", launches=1)
    check_complete(finished, launches=1)
    for m in finished.run.measurements:
        assert m.check.equal
        assert m.environment["versions"]["tensorflow"]
        assert m.environment["threads"] == m.environment["cores"]
