"""What a record says of the place where it was measured."""

import subprocess

import pytest

from cnnbench.host import environment


def git(*args):
    identity = ["-c", "user.name=me", "-c", "user.email=me@here"]
    done = subprocess.run(["git", *identity, *args], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The folder that we are in: a repository with one commit."""
    monkeypatch.chdir(tmp_path)
    git("init", "--quiet")
    (tmp_path / "model.py").write_text("depth = 18\n")
    git("add", "model.py")
    git("commit", "--quiet", "--message", "a model")
    environment.machine.cache_clear()
    yield tmp_path
    environment.machine.cache_clear()


def test_the_commit_of_the_users_project_is_recorded(project):
    assert environment.machine()["project_commit"] == git("rev-parse", "HEAD")[:12]


def test_a_changed_file_adds_a_plus_and_a_new_one_does_not(project):
    commit = git("rev-parse", "HEAD")[:12]
    (project / "reports").mkdir()
    (project / "reports" / "measurements.jsonl").write_text("")
    assert environment.machine()["project_commit"] == commit
    environment.machine.cache_clear()
    (project / "model.py").write_text("depth = 50\n")
    assert environment.machine()["project_commit"] == commit + "+"


def test_outside_of_git_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    environment.machine.cache_clear()
    assert environment.machine()["project_commit"] is None
    environment.machine.cache_clear()


def test_a_repository_cannot_have_a_program_of_its_own_started(project):
    program = project / "monitor"
    program.write_text(f"#!/bin/sh\ntouch {project / 'started'}\n")
    program.chmod(0o755)
    git("config", "core.fsmonitor", str(program))
    assert environment.machine()["project_commit"]
    assert not (project / "started").exists()
