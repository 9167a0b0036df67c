"""What an installed cnnbench has, and what it does where there is no framework."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import cnnbench

PACKAGE = Path(cnnbench.__file__).parent
ROOT = PACKAGE.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_file_of_the_package_is_installed():
    patterns = PYPROJECT["tool"]["setuptools"]["package-data"]["cnnbench"]
    installed = {pattern: set(PACKAGE.glob(pattern)) for pattern in patterns}
    assert all(installed.values()), installed
    files = {path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    data = {path for path in files if path.suffix != ".py"}
    assert data == set().union(*installed.values())
    # setuptools takes a folder of modules for a package only if it says so itself.
    folders = {path.parent for path in files - data}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_the_citation_is_of_this_version():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    (version,) = re.findall(r"^version: (.+)$", citation, re.MULTILINE)
    assert version == cnnbench.__version__
    assert f"license: {PYPROJECT['project']['license']}" in citation


@pytest.fixture
def without_keras(tmp_path, monkeypatch):
    """Runs a command where Keras and TensorFlow cannot be imported; as they say it themselves."""
    for name in ("keras", "tensorflow"):
        text = f'raise ModuleNotFoundError("No module named {name!r}")'
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        command = [sys.executable, "-m", "cnnbench", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


def test_paper_needs_no_framework(without_keras):
    done = without_keras("analyze", "resnet50", "--format", "csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert "conv2d" in done.stdout


@pytest.mark.parametrize(
    "command", [("run", "vgg_block", "-q"), ("analyze", "vgg_block", "--check")], ids=" ".join
)
def test_what_needs_a_framework_says_how_to_get_it(without_keras, command):
    done = without_keras(*command)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.endswith(
        "Keras on TensorFlow cannot be imported here (No module named 'keras'): "
        "pip install tensorflow"
    )
    assert list(Path.cwd().glob("reports/*")) == []
