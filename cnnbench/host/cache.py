"""What was measured of this machine, kept for the next time under all that it depends on."""

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
    """What was kept; None where there is nothing, or nothing that can be read or used.

    Args:
        what: it is called.
        kind: the dataclass that it is.
        key: all that it depends on.
        key_of: what of that it says itself.
    """
    with suppress(OSError, ValueError, CnnbenchError):
        found = record(kind, json.loads(_place(what, key).read_text(encoding="utf-8")))
        if key_of(found) == key:
            return found
    return None


def write(what: str, key: Key, value: Any) -> str:
    """Keep a dataclass; returns why it cannot be kept, empty if it can."""
    path = _place(what, key)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(value), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        return f"the {what} cannot be kept in {path.parent}: {error.strerror}"
    return ""


def _place(what: str, key: Key) -> Path:
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    return paths.cache_dir() / f"{what}-{digest[:16]}.json"
