"""What the README says is run: its commands, its Python, its suite."""

import re
import shlex
from pathlib import Path

import pytest

from cnnbench.cases import suites
from cnnbench.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^\$ cnnbench (.*)$", README, re.MULTILINE)


def fenced(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_in_the_readme_prints_what_stands_below_it(capsys, command):
    assert main(shlex.split(command)) == 0
    out = capsys.readouterr().out
    shown = README.split(f"$ cnnbench {command}\n", 1)[1].split("```", 1)[0].split("\n$", 1)[0]
    for line in filter(None, map(str.strip, shown.splitlines())):
        assert line in out


def test_there_are_commands_to_run():
    assert len(COMMANDS) >= 1
    assert len(fenced("python")) >= 2


@pytest.mark.tensorflow
@pytest.mark.parametrize("program", fenced("python"))
def test_python_in_the_readme_runs(program, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a run goes into a folder
    exec(compile(program, "README.md", "exec"), {})


@pytest.mark.parametrize("text", fenced("toml"))
def test_a_suite_in_the_readme_loads(tmp_path, text):
    (tmp_path / "mine.toml").write_text(text)
    assert suites.load(str(tmp_path / "mine.toml")).groups(["cpu"], "tensorflow")


def test_the_block_in_contributing_can_be_analysed():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    program = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1].replace("@block", "#")
    from cnnbench.cost import cost
    from cnnbench.graph import trace
    from cnnbench.layers.conv import conv2d
    from cnnbench.layers.merge import concatenate

    names = {"conv2d": conv2d, "concatenate": concatenate}
    exec(program, names)
    # 64*16+16, 16*64+64, 9*16*64+64
    assert cost(trace(names["my_fire_module"], (8, 8, 64))).params == 1040 + 1088 + 9280


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", "benchmarks/README.md", "reports/README.md"]
)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text()):
        assert (ROOT / page).parent.joinpath(target).exists(), target
