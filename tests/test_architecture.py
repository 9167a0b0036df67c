"""Who may import whom, and what importing us imports."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import cnnbench

ROOT = Path(cnnbench.__file__).parent

# What each part may import of ours, anywhere in its files. A part is a file or a folder
# directly under cnnbench/.
MAY = {
    "errors": set(),
    "places": set(),
    "hardware": set(),
    "ceilings": set(),
    "stats": set(),
    "units": {"errors"},
    "rule": set(),
    "toml": {"errors"},
    "graph": {"errors", "rule"},
    "layers": {"errors", "graph", "rule", "units"},
    "blocks": {"errors", "graph", "layers", "rule"},
    "cost": {"graph", "rule"},
    # Each a reading of a graph or of its cost; none knows another.
    "views": {"cost", "graph", "rule"},
    "presets": {"cost", "errors", "graph", "layers", "rule"},
    "training": {"cost", "errors", "graph", "rule"},
    "folding": {"graph", "rule"},
    "fit": {"cost", "errors", "graph", "rule", "training"},
    "formulas": {"blocks", "cost", "errors", "graph", "rule"},
    # Whatever a user can name, as something that can be traced.
    "targets": {"blocks", "errors", "graph", "layers", "rule", "units"},
    "case": {"blocks", "cost", "errors", "graph", "rule", "training", "units"},
    "measurement": {"case", "errors", "stats"},
    "agreement": {"cost", "errors", "graph", "measurement", "rule", "units"},
    "runtimes": {"agreement", "blocks", "case", "errors", "measurement"},
    "store": {"case", "ceilings", "errors", "measurement"},
    "suites": {"case", "errors", "store", "toml", "units"},
    # Turns cases into measurements: never looks into a network, never writes a page.
    "kept": {"case", "errors", "places"},
    "runner": {
        "case",
        "errors",
        "hardware",
        "measurement",
        "runtimes",
        "stats",
        "store",
        "units",
    },
    "result": {"case", "cost", "errors", "measurement", "stats", "store", "units"},
    # Measures through the runner; what it says of a time is for the report too.
    "machine": {
        "blocks",
        "case",
        "ceilings",
        "cost",
        "errors",
        "graph",
        "hardware",
        "kept",
        "measurement",
        "result",
        "runner",
        "runtimes",
        "stats",
        "units",
    },
    # Judges what others say of networks, on paper and by a run that somebody else makes.
    "claims": {
        "blocks",
        "case",
        "cost",
        "errors",
        "graph",
        "result",
        "stats",
        "store",
        "toml",
        "units",
    },
    "recording": {"errors", "result", "stats", "store", "units"},
    "exchange": {"case", "errors", "recording", "stats", "store"},
    "baselines": {"errors", "places", "store"},
    "sources": {"baselines", "errors", "exchange", "measurement", "recording", "store"},
    "comparison": {"errors", "recording", "result", "stats"},
    "gate": {"comparison"},
    "benchmarking": {"blocks", "case", "exchange", "rule", "runtimes"},
    "space": {"blocks", "case", "cost", "errors", "graph", "result", "rule", "runner"},
    # Looks into networks and measures probes; what it says of blocks is for the report too.
    "prediction": {
        "blocks",
        "case",
        "cost",
        "errors",
        "graph",
        "kept",
        "layers",
        "machine",
        "result",
        "runner",
        "stats",
    },
    # Reads what is stored: never measures.
    "reporting": {
        "baselines",
        "case",
        "ceilings",
        "claims",
        "comparison",
        "cost",
        "errors",
        "exchange",
        "fit",
        "formulas",
        "gate",
        "graph",
        "machine",
        "measurement",
        "prediction",
        "presets",
        "recording",
        "result",
        "space",
        "stats",
        "store",
        "training",
        "units",
        "views",
    },
    "progress": {"measurement", "runner", "units"},
    "api": {
        "baselines",
        "blocks",
        "ceilings",
        "claims",
        "comparison",
        "cost",
        "errors",
        "exchange",
        "fit",
        "formulas",
        "graph",
        "machine",
        "prediction",
        "presets",
        "progress",
        "reporting",
        "rule",
        "runner",
        "sources",
        "space",
        "stats",
        "store",
        "suites",
        "targets",
        "training",
    },
    "cli": {
        "agreement",
        "api",
        "blocks",
        "cost",
        "errors",
        "fit",
        "folding",
        "gate",
        "graph",
        "presets",
        "progress",
        "reporting",
        "rule",
        "suites",
        "targets",
        "training",
        "units",
        "views",
    },
    "__init__": {"api", "errors"},
    "__main__": {"cli"},
}

FRAMEWORKS = {"tensorflow", "keras", "jax", "torch"}
# Only inside a function of these, for nothing heavy may happen at import.
FRAMEWORK_USERS = {"graph", "agreement", "runtimes", "targets"}
PLOTTING = {"pandas", "matplotlib"}


def parts():
    """Each part and its files."""
    found = {}
    for file in sorted(ROOT.rglob("*.py")):
        first, *_ = file.relative_to(ROOT).parts
        found.setdefault(first.removesuffix(".py"), []).append(file)
    return found


PARTS = parts()


def imports(file):
    """(dotted name, whether at the top level) of everything that a file imports when it runs."""
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


@pytest.mark.parametrize("part", MAY)
def test_a_part_imports_only_what_it_may(part):
    wrong = set()
    for file in PARTS[part]:
        for name in of_ours(file):
            allowed = MAY[part] | {part}
            if not any(name == row or name.startswith(f"{row}.") for row in allowed):
                wrong.add(f"{file.relative_to(ROOT)} imports cnnbench.{name}")
    assert not wrong


def test_the_table_has_no_circle():
    done = []
    waiting = {part: {row.split(".")[0] for row in may} for part, may in MAY.items()}
    while waiting:
        ready = sorted(part for part, may in waiting.items() if may <= set(done))
        assert ready, f"a circle among {sorted(waiting)}"
        done += ready
        for part in ready:
            del waiting[part]


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
    with pytest.raises(AssertionError, match=r"bad\.py imports cnnbench\.reporting\.page"):
        test_a_part_imports_only_what_it_may("stats")


HEAVY = ("tensorflow", "keras", "pandas", "matplotlib", "jax", "torch")


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
        "from cnnbench.cli import main; assert main(['formula', 'vgg_block']) == 0",
        "from cnnbench.cli import main; assert main(['sweep', 'vgg_block', '--batch', '1:9']) == 0",
        "from cnnbench.cli import main; assert main(['doctor', '--no-noise']) == 0",
        "from cnnbench.cli import main; assert main(['roofline', 'vgg16', '--on', 'A100']) == 0",
        "from cnnbench.cli import main; assert main(['verify']) == 0",
        "from cnnbench import suites; suites.load('tutorial')",
        "from cnnbench import runtimes; runtimes.load('tensorflow')",
    ],
)
def test_analysing_imports_no_framework_no_pandas_and_no_matplotlib(code):
    assert loaded_after(code) == []


def test_what_is_loaded_is_seen():
    assert loaded_after("import pandas") == ["pandas"]
