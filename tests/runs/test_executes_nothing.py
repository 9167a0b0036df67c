"""What others stored is read without executing anything in it: a file would tell if it were.

To continue such a run executes what it names, and so asks that the user names it too.
"""

import contextlib
import io
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

import cnnbench
from cnnbench.cli import main
from cnnbench.errors import StoreError
from cnnbench.runs.store import FILE
from tests.support import stored
from tests.support.hostile import tree_of

EVIL = "import pathlib\npathlib.Path('executed').touch()\ndef data(batch): pass\n"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A folder with a module that tells when it is imported, which Python finds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    Path("evil").mkdir()
    Path("evil/__init__.py").write_text(EVIL)
    Path("evil/runtime.py").write_text(EVIL)
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "evil"]:
        del sys.modules[name]


def run(name, **changed):
    """The folder of a run of one case, some of whose values are others."""
    case = stored.case("a")
    folder = stored.timed(Path(name), (case, [100.0, 101.0, 102.0]))
    lines = [json.loads(line) for line in (folder / FILE).read_text().splitlines()]
    for line in lines:
        for holder in (*line.get("cases", ()), line.get("case", {})):
            holder.update(changed)
        if line["type"] == "paper":
            line["of"] = "what is not there"
    (folder / FILE).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def old(name):
    """The same as schema 1 had it, with a comparison over channels."""
    blocks = {"a": {"target": "os:system", "params": {"command": "touch executed"}}}
    case = {**blocks["a"], "label": "a", "input_shape": [8, 8, 3], "batch_size": 1}
    case |= {"dtype": "float32", "device": "cpu", "mode": "graph"}
    pair = {"title": "x", "base": "a", "new": "a", "size": [8, 8], "batch_size": 1}
    pair |= {"channels": [3], "show": [], "range": [1, 3]}
    launch = asdict(stored.launch(stored.case("a"), 0, 100.0))
    plan = {"suite": "mine", "description": "", "runtime": "tensorflow", "cases": [case]}
    for comparisons, place in (([], name), ([pair], f"{name}-compared")):
        lines = [
            {"type": "plan", **plan, "blocks": blocks, "comparisons": comparisons},
            {**launch, "type": "launch", "case": case, "beside": [], "reference": ""},
        ]
        Path(place).mkdir()
        Path(place, FILE).write_text("".join(json.dumps({"schema": 1, **x}) + "\n" for x in lines))


CODE = {
    "function": {"target": "os:system", "params": {"command": "touch executed"}},
    "module": {"target": "evil:data"},
    "imports": {"imports": ["evil"]},
    "data": {"data": "evil:data"},
    "runtime": {"runtime": "evil.runtime"},
}


def commands(folder):
    """All that reads a stored run."""
    yield "report", folder
    yield "compare", folder, folder
    yield "compare", folder, "--max-time", "1s"
    yield "history", folder
    yield "profile", folder, "--against", folder
    yield "verify", "two-3x3-for-5x5", "--run", folder
    for per in ("case", "launch", "call"):
        yield "export", folder, "--per", per
    yield "export", folder, "--format", "pytest-benchmark"
    yield "baseline", "save", "x", folder, "--replace"
    yield ("baseline", "list")
    yield "history", "x"


@pytest.mark.parametrize("kind", [*CODE, "schema 1", "schema 1, compared"])
def test_reading_a_stored_run_executes_nothing(kind, undrawn, capsys):
    if kind in CODE:
        run("run", **CODE[kind])
    else:
        old("run")
    folder = "run-compared" if "compared" in kind else "run"
    for command in commands(folder):
        with contextlib.redirect_stdout(io.StringIO()):
            assert main(command) in (0, 1, 2, 3), command
        assert "Traceback" not in capsys.readouterr().err
        assert not os.path.exists("executed"), command
        assert "evil" not in sys.modules
    with contextlib.suppress(StoreError):  # of a comparison that cannot be costed
        cnnbench.results(folder)


@pytest.mark.parametrize("kind", CODE)
def test_a_run_that_would_execute_what_nobody_named_is_not_continued(kind, capsys):
    run("run", **CODE[kind])
    before = tree_of(Path())
    Path("mine.toml").write_text('[[block]]\nname = "a"\ntarget = "vgg_block"\n')
    assert main(["run", "mine.toml", "--out", "run", "--resume", "--no-ceilings"]) == 2
    err = capsys.readouterr().err
    (code,) = {"os:system", "evil:data", "evil", "evil.runtime"} & {*err.replace(",", " ").split()}
    assert f"the run in run would execute {code}, which this command does not name" in err
    Path("mine.toml").unlink()
    assert tree_of(Path()) == before


def test_what_the_user_names_too_is_executed(capsys):
    folder = run("run", target="evil:data", runtime="fake")
    (first, *_) = (folder / FILE).read_text().splitlines(keepends=True)
    (folder / FILE).write_text(first)  # without launches, which are of another machine
    Path("mine.toml").write_text('[[block]]\nname = "a"\ntarget = "evil:data"\n')
    main(["run", "mine.toml", "--out", "run", "--resume", "--no-ceilings"])
    assert "does not name" not in capsys.readouterr().err
    assert os.path.exists("executed")  # so the tests above can fail


def test_a_suite_is_read_without_executing_it(capsys):
    Path("mine.toml").write_text(
        '[[block]]\nname = "a"\ntarget = "os:system"\nparams = { command = "touch executed" }\n'
        'imports = ["evil"]\ndata = "evil:data"\n'
    )
    from cnnbench.cases import suites

    suites.load("mine.toml")
    assert not os.path.exists("executed")
