"""The GitHub Actions example of docs/howto/ci.md: it parses, its scripts do what they should."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/howto/ci.md").read_text(encoding="utf-8")
SUITE = """
[[block]]
name = "narrow"
target = "vgg_block"
params = { n_filters = 4 }
inputs = ["8x8x3"]
"""
# In the place of an environment's command: the fake runtime, the same in every run.
COMMAND = """#!/bin/sh
test "$1" = run && set -- "$@" --runtime fake --seed 1 --no-ceilings
exec {python} -m cnnbench "$@"
"""


@pytest.fixture(scope="module")
def job():
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (found,) = yaml.safe_load(text)["jobs"].values()
    return found


def script(job, name):
    (found,) = [step["run"] for step in job["steps"] if step.get("name") == name]
    return found


def shell(text, folder):
    """As GitHub runs a step: bash that stops at the first error."""
    settings = {"GITHUB_STEP_SUMMARY": "summary.md", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["bash", "-e", "-c", text],
        cwd=folder,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_step_uses_an_action_of_a_version_or_runs_something(job):
    for step in job["steps"]:
        assert re.fullmatch(r"actions/[a-z-]+@v\d+", step.get("uses", "actions/none@v1"))
        assert ("uses" in step) != ("run" in step)


def test_base_and_head_are_measured_compared_summed_up_and_gated(job, tmp_path):
    for side in ("base", "head"):
        command = tmp_path / f"venv-{side}" / "bin" / "cnnbench"
        command.parent.mkdir(parents=True)
        command.write_text(COMMAND.format(python=sys.executable))
        command.chmod(0o755)
    (tmp_path / "head").mkdir()
    (tmp_path / "head" / "bench.toml").write_text(SUITE)
    rounds = "1 2 3 4 5 6"  # here two will do: the fake runtime takes the same each time
    assert rounds in script(job, "Measure")
    measured = shell(script(job, "Measure").replace(rounds, "1 2"), tmp_path)
    assert measured.returncode == 0, measured.stderr
    compared = shell(script(job, "Compare"), tmp_path)
    assert compared.returncode == 0, compared.stderr
    text = (tmp_path / "summary.md").read_text()
    assert "| narrow 8x8x3 |" in text
    assert "Gate at 10 %: passed." in text
    # And where every call of head takes ten times as long:
    for file in (tmp_path / "runs" / "head").rglob("measurements.jsonl"):
        records = [json.loads(line) for line in file.read_text().splitlines()]
        for record in records:
            if record["type"] == "launch":
                record["samples_ns"] = [10 * ns for ns in record["samples_ns"]]
        file.write_text("\n".join(map(json.dumps, records)))
    assert shell(script(job, "Compare"), tmp_path).returncode == 1
    assert "Gate at 10 %: failed." in (tmp_path / "summary.md").read_text()
