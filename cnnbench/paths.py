"""Where cnnbench keeps what outlives a command, and how files of others are read and replaced.

`CNNBENCH_HOME`, where it is set, holds both folders; else they are where the platform has
them (platformdirs). Nothing is created here: whoever writes does that.
"""

from __future__ import annotations

import json
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cnnbench import units
from cnnbench.errors import CnnbenchError, StoreError, one_line

DEEPEST = 200
"""Levels of lists and tables in a file that are still read; a network of networks has some ten."""

_FOLDERS = re.compile(r"(?<![\w~/:])(?<!(?<!\w)\.)/(?:[^\s/:,]+/)+")
"""The folders of an absolute path, also where it follows the end of a sentence without a space."""

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
"""Half a letter, or the begin of a whole one."""


def data_dir() -> Path:
    """What the user gave us to keep, such as baselines."""
    from platformdirs import user_data_path

    home = os.environ.get("CNNBENCH_HOME")
    return Path(home) / "data" if home else user_data_path("cnnbench", appauthor=False)


def cache_dir() -> Path:
    """What can be measured again, such as the ceilings of this machine."""
    from platformdirs import user_cache_path

    home = os.environ.get("CNNBENCH_HOME")
    return Path(home) / "cache" if home else user_cache_path("cnnbench", appauthor=False)


def without_folders(text: str) -> str:
    """A text that others read: of absolute paths, which are of this machine, the last names."""
    return _FOLDERS.sub("", text)


def check_file(path: Path, most: int, error: type[CnnbenchError], do: str) -> None:
    """Refuse what would be read without an end, such as a pipe, or is of more than `most` bytes.

    Args:
        path: of the file; a folder is left to whoever opens it.
        most: bytes.
        error: what is raised.
        do: what else to do, at the end of its line.

    Raises:
        OSError: there is no such file.
    """
    found = os.stat(path)
    if stat.S_ISDIR(found.st_mode):
        return
    if not stat.S_ISREG(found.st_mode):
        raise error(f"{path} is a pipe or a device; copy what it gives into a file first")
    if found.st_size > most:
        raise error(
            f"{path} is of {units.binary(found.st_size)}, and at most {units.binary(most)} are "
            f"read; {do}"
        )


def read(path: Path, most: int, error: type[CnnbenchError], do: str) -> bytes:
    """The bytes of a file of somebody else's; the arguments are those of `check_file`.

    Raises:
        OSError: there is no such file, or it cannot be read.
    """
    check_file(path, most, error, do)
    return path.read_bytes()


def from_json(text: bytes) -> Any:
    """What a JSON text of somebody else's holds.

    Raises:
        ValueError: it is none, nested too deeply, or has half a letter in it, which no file can.
    """
    try:
        found = json.loads(text)
        if _SURROGATE.search(text):
            json.dumps(found, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    check_depth(found)
    return found


def check_depth(data: Any) -> None:
    """Refuse lists and dictionaries that are nested more than `DEEPEST` deep.

    Raises:
        ValueError: they are.
    """
    level = [data] if isinstance(data, (dict, list)) else []
    for _ in range(DEEPEST):
        level = [
            inner
            for holder in level
            for inner in (holder.values() if isinstance(holder, dict) else holder)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return
    raise ValueError(_TOO_DEEP)


_TOO_DEEP = f"its lists and tables are nested too deeply, more than {DEEPEST} levels"


def no_room(error: OSError) -> str:
    """What to do where a temporary file cannot be written, after the reason."""
    why = error.strerror or one_line(str(error))
    return f"{why}; make room where temporary files are, or name another folder with TMPDIR"


def temporary_file(prefix: str, suffix: str) -> str:
    """A new temporary file, empty and closed, which the caller removes.

    Raises:
        StoreError: there is no room for one.
    """
    try:
        descriptor, name = tempfile.mkstemp(suffix, prefix)
    except OSError as error:
        raise StoreError(f"a temporary file cannot be made: {no_room(error)}") from None
    os.close(descriptor)
    return name


@contextmanager
def temporary_folder(prefix: str) -> Iterator[str]:
    """A new temporary folder, which is removed at the end.

    Raises:
        StoreError: there is no room for one.
    """
    try:
        made = tempfile.TemporaryDirectory(prefix=prefix)
    except OSError as error:
        raise StoreError(f"a temporary folder cannot be made: {no_room(error)}") from None
    with made as name:
        yield name


def replace_file(path: Path, content: bytes) -> None:
    """Write a file in the place of what is there.

    The folder may be a stranger's: what was a link to another file is one no more, and that file
    stays as it is.
    """
    path.unlink(missing_ok=True)
    path.write_bytes(content)
