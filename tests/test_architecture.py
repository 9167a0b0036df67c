"""Who may import whom, and what importing us imports."""

import ast
import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import cnnbench

ROOT = Path(cnnbench.__file__).parent

# What each room may import of ours, anywhere in its files. A room is a file or a folder directly
# under cnnbench/. Each stands below what it imports: no arrow goes up, and so there is no circle.
MAY = {
    room: set(may.split())
    for room, may in {
        # Leaves: they know nothing of networks.
        "errors": "",
        "units": "errors",
        "paths": "errors units",
        "records": "",
        "schema": "errors paths",
        "stats": "",
        # The spine: a layer's rule, the graph of a network, its cost.
        "rule": "",
        "graph": "errors records rule",
        "cost": "units records rule graph",
        # What a network is.
        "layers": "errors units rule graph",
        "blocks": "errors rule graph layers",
        "networks": "errors units paths rule graph layers blocks",
        "analysis": "errors units records rule graph cost layers blocks",
        # What to measure, where, and by what.
        "host": "errors paths schema",
        "cases": "errors units paths schema rule graph cost networks analysis",
        "crosscheck": "errors units records rule graph networks cost cases",
        "runtimes": "errors graph networks cases crosscheck",
        # What was measured, and what measures it.
        "runs": "errors units paths schema records stats cost host cases",
        "runner": "errors units paths schema stats graph layers blocks networks host cases"
        " runtimes runs",
        # What follows from both.
        "machine": "errors units records stats graph cost blocks analysis host cases runtimes"
        " runs runner",
        "design_space": "errors units records rule graph cost blocks cases runs runner",
        "claims": "errors units schema records stats graph cost blocks cases runs",
        "prediction": "errors units records stats graph cost layers analysis host cases runtimes"
        " runs runner machine",
        # For a person: it never measures.
        "reporting": "errors units paths stats graph cost analysis host cases runs machine"
        " design_space claims prediction",
        # For a program, and for the command line.
        "api": "errors units paths records stats rule graph cost blocks networks analysis host"
        " cases crosscheck runtimes runs runner machine design_space claims prediction reporting",
        "types": "graph cost analysis crosscheck runs machine design_space claims prediction api",
        "benchmarking": "networks cases runtimes runs",
        "cli": "errors units blocks networks cases runtimes runs runner claims reporting api",
        "__init__": "errors api",
        "__main__": "cli",
    }.items()
}
MOST_ROOMS = 32

FRAMEWORKS = {"tensorflow", "keras", "jax", "torch"}
# Only inside a function of these, for nothing heavy may happen at import.
FRAMEWORK_USERS = {"graph", "crosscheck", "runtimes", "networks"}
PLOTTING = {"pandas", "matplotlib"}


def parts():
    """Each part and its files."""
    found = {}
    for file in sorted(ROOT.rglob("*.py")):
        first, *_ = file.relative_to(ROOT).parts
        found.setdefault(first.removesuffix(".py"), []).append(file)
    return found


PARTS = parts()


@cache
def imports(file):
    """(dotted name, whether at the top level) of everything that a file imports when it runs."""
    return [*_imports(file)]


def _imports(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    inside = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        top = id(node) not in inside
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, top
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import; write the whole name"
            for alias in node.names:
                yield f"{node.module}.{alias.name}", top


def of_ours(file):
    """What a file imports of ours: "graph", or "layers.conv" for a module of a folder."""
    for name, _ in imports(file):
        package, *rest = name.split(".")
        if package != "cnnbench" or rest in ([], ["__version__"]):
            continue
        yield ".".join(rest)


def test_every_part_is_in_the_table_and_every_row_is_a_part():
    assert set(PARTS) == set(MAY)
    assert len([part for part in PARTS if not part.startswith("__")]) <= MOST_ROOMS


def rooms_of(part):
    """The rooms that a part imports, each with the files that do."""
    found = {}
    for file in PARTS[part]:
        for name in of_ours(file):
            room = name.split(".")[0]
            if room != part:
                found.setdefault(room, set()).add(str(file.relative_to(ROOT)))
    return found


@pytest.mark.parametrize("part", MAY)
def test_a_part_imports_what_the_table_grants_and_no_grant_is_unused(part):
    found = rooms_of(part)
    wrong = {f"{file} imports {room}" for room in found.keys() - MAY[part] for file in found[room]}
    assert not wrong
    assert not MAY[part] - found.keys(), f"granted to {part}, but not used"


def test_no_arrow_of_the_table_goes_up():
    order = list(MAY)
    for part, may in MAY.items():
        above = [room for room in may if order.index(room) >= order.index(part)]
        assert not above, f"{part} may import {above}, which stand above it"


def test_api_and_cli_have_the_same_files():
    api, cli = ({file.name for file in PARTS[part]} for part in ("api", "cli"))
    assert cli - api == {"options.py"}  # options that commands share
    assert api - cli == {"views.py"}  # what a notebook shows, as a command prints


def test_frameworks_are_imported_by_few_and_never_at_the_top_of_a_file():
    for part, files in PARTS.items():
        for file in files:
            for name, top in imports(file):
                if name.split(".")[0] in FRAMEWORKS:
                    assert part in FRAMEWORK_USERS, f"{file} imports {name}"
                    assert not top, f"{file} imports {name} outside a function"


def test_tables_and_figures_are_made_only_by_the_report():
    for part, files in PARTS.items():
        for file in files:
            for name, _ in imports(file):
                if name.split(".")[0] in PLOTTING:
                    assert part == "reporting", f"{file} imports {name}"


def test_the_table_of_imports_can_fail(tmp_path, monkeypatch):
    bad = tmp_path / "bad.py"
    bad.write_text("def f():\n    from cnnbench.reporting import page\n")
    assert list(of_ours(bad)) == ["reporting.page"]
    monkeypatch.setitem(PARTS, "stats", [bad])
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    with pytest.raises(AssertionError, match=r"bad\.py imports reporting"):
        test_a_part_imports_what_the_table_grants_and_no_grant_is_unused("stats")
    monkeypatch.setitem(MAY, "stats", {"reporting", "units"})
    with pytest.raises(AssertionError, match="granted to stats, but not used"):
        test_a_part_imports_what_the_table_grants_and_no_grant_is_unused("stats")
    with pytest.raises(AssertionError, match="stats may import"):
        test_no_arrow_of_the_table_goes_up()


HEAVY = ("tensorflow", "keras", "pandas", "matplotlib", "jax", "torch", "rich", "distributed")


def loaded_after(code):
    """The heavy modules that are in a fresh interpreter after it ran some code."""
    program = f"""
import json, sys
{code}
print()
print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "code",
    [
        "import cnnbench",
        "import cnnbench; cnnbench.analyze('resnet50')",
        "from cnnbench.cli import main; assert main(['analyze', 'vgg_block']) == 0",
        "from cnnbench.cli import main; assert main(['list']) == 0",
        "from cnnbench.cli import main; assert main(['analyze', 'vgg_blok']) == 2",
        "from cnnbench.cli import main; assert main(['analyze', 'resnet18', '--as', 'thop']) == 0",
        "from cnnbench.cli import main; main(['analyze', 'vgg16', '--memory', '1GiB'])",
        "from cnnbench.cli import main; assert main(['analyze', 'vgg_block', 'vgg16']) == 0",
        "from cnnbench.cli import main; assert main(['formula', 'vgg_block']) == 0",
        "from cnnbench.cli import main; assert main(['sweep', 'vgg_block', '--batch', '1:9']) == 0",
        "from cnnbench.cli import main; assert main(['doctor', '--no-noise']) == 0",
        "from cnnbench.cli import main; assert main(['roofline', 'vgg16', '--on', 'A100']) == 0",
        "from cnnbench.cli import main; assert main(['verify']) == 0",
        "import os; os.environ |= {'_CNNBENCH_COMPLETE': 'complete_bash', 'COMP_CWORD': '2',"
        " 'COMP_WORDS': 'cnnbench run t'}\nfrom cnnbench.cli import main"
        "\ntry: main([])\nexcept SystemExit: pass",
        "from cnnbench.cases import suites; suites.load('tutorial')",
        "from cnnbench import runtimes; runtimes.load('tensorflow')",
    ],
)
def test_analysing_imports_no_framework_no_pandas_and_no_matplotlib(code):
    assert loaded_after(code) == []


def test_what_is_loaded_is_seen():
    assert loaded_after("import pandas") == ["pandas"]
