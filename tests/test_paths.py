"""Where cnnbench keeps what outlives a command."""

import sys
from pathlib import Path

import pytest

from cnnbench import paths


def test_a_folder_of_ones_own_holds_both(monkeypatch, tmp_path):
    monkeypatch.setenv("CNNBENCH_HOME", str(tmp_path))
    assert paths.data_dir() == tmp_path / "data"
    assert paths.cache_dir() == tmp_path / "cache"
    assert [*tmp_path.iterdir()] == []


@pytest.mark.skipif(sys.platform != "linux", reason="the variables are those of Linux")
def test_without_one_they_are_where_the_platform_has_them(monkeypatch):
    monkeypatch.setenv("CNNBENCH_HOME", "")
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere/data")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere/cache")
    assert paths.data_dir() == Path("/somewhere/data/cnnbench")
    assert paths.cache_dir() == Path("/somewhere/cache/cnnbench")
