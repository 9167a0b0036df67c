"""Measurements of this machine, stored for the next time under everything they depend on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from cnnbench import paths
from cnnbench.errors import CnnbenchError
from cnnbench.schema import record

T = TypeVar("T")
Key = dict[str, Any]


def read(what: str, kind: type[T], key: Key, key_of: Callable[[T], Key]) -> T | None:
    """The stored value; None if there is none that can be read and carries the same key."""
    with suppress(OSError, ValueError, CnnbenchError):
        value = record(kind, json.loads(_path(what, key).read_text(encoding="utf-8")))
        if key_of(value) == key:
            return value
    return None


def write(what: str, key: Key, value: Any) -> str:
    """Store a dataclass; returns why it cannot be stored, or nothing."""
    path = _path(what, key)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(value), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        return f"the {what} cannot be kept in {path.parent}: {error.strerror}"
    return ""


def _path(what: str, key: Key) -> Path:
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    return paths.cache_dir() / f"{what}-{digest[:16]}.json"
