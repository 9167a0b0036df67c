"""Disks without room: one line, nothing that was finished is lost, and `--resume` completes it.

The disks are small file systems in memory, which only the processes of a test see.
"""

import json
import os
import subprocess
import sys

import pytest

from cnnbench.runs import store
from tests.support import ROOT

ALONE = ("unshare", "--user", "--map-root-user", "--mount")


def _may_mount():
    try:
        command = [*ALONE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


pytestmark = pytest.mark.skipif(not _may_mount(), reason="no file system may be mounted here")


@pytest.fixture
def shell(tmp_path):
    """A function that runs lines of a shell beside `full`, a file system with these options."""

    def run(options, *lines):
        (tmp_path / "full").mkdir()
        script = "\n".join((f"mount -t tmpfs -o {options} tmpfs full || exit 99", *lines))
        done = subprocess.run(
            (*ALONE, "sh", "-c", script),
            capture_output=True,
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "CNNBENCH_HOME": str(tmp_path / "home"),
                "TF_CPP_MIN_LOG_LEVEL": "3",
            },
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr[-2000:]
        return done

    return run


RUN = f"{sys.executable} -m cnnbench run -q"
SMALL = "vgg_block --input 32x32x3 --batch 1,2,3,4,5,6,7,8 --runtime fake --launches 2"


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (40, "cannot write to full/r/measurements.jsonl: No space left on device; make room and"),
        (160, "cannot write the report to full/r: No space left on device"),
    ],
)
def test_a_run_on_a_full_disk_is_completed_where_there_is_room(shell, tmp_path, size, said):
    done = shell(
        f"size={size}k",
        f"{RUN} {SMALL} --out full/r; echo $?",
        "cp -r full/r before; mount -o remount,size=64m full",
        f"{RUN} {SMALL} --resume --out full/r > resumed; echo $?; cp -r full/r after",
    )
    assert done.stdout.split() == ["2", "0"], done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"cnnbench: {said}")
    text = (tmp_path / "before" / store.FILE).read_bytes()
    whole = text[: text.rindex(b"\n") + 1]  # what is after it was never finished
    assert (tmp_path / "after" / store.FILE).read_bytes().startswith(whole)
    found = [json.loads(line) for line in whole.splitlines()]
    launches = [x for x in found if x["type"] == "launch"]
    assert 0 < len(launches) <= 16
    assert (len(launches) < 16) == (size == 40)
    run = store.read(tmp_path / "after")
    assert len(run.measurements) == 16
    assert all(m.ok for m in run.measurements)
    assert (tmp_path / "after" / "README.md").exists()


def test_without_a_place_for_temporary_files_a_run_is_refused_in_a_line(shell):
    done = shell("nr_inodes=2", f"TMPDIR=$PWD/full {RUN} {SMALL} --out r; echo $?; ls full")
    assert done.stdout.split() == ["2"]
    (line,) = done.stderr.splitlines()
    assert line == (
        "cnnbench: a temporary file cannot be made: No space left on device; make room where "
        "temporary files are, or name another folder with TMPDIR"
    )


MODEL = """
import keras
import cnnbench
x = keras.Input((8, 8, 256))
model = keras.Model(x, keras.layers.Conv2D(256, 3)(x), name="mine")  # 2.3 MB
options = dict(runtime="tensorflow", launches=1, ceilings=False, time_budget=5, out="r")
try:
    cnnbench.run(model, **options)
except cnnbench.errors.CnnbenchError as error:
    print(error)
"""


@pytest.mark.tensorflow
def test_a_model_that_temporary_files_have_no_room_for(shell, tmp_path):
    (tmp_path / "mine.py").write_text(MODEL)
    done = shell("size=1m", f"TMPDIR=$PWD/full {sys.executable} mine.py; ls full | grep cnnbench")
    assert done.stdout.splitlines() == [
        "mine cannot be saved: No space left on device; make room where temporary files are, or "
        "name another folder with TMPDIR"
    ]
    assert not (tmp_path / "r").exists()
