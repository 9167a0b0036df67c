"""Records of one kind as the rows of a CSV file, each on the disk when it was made."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")


def append(file: Path, rows: Iterable[Any]) -> None:
    """Add dataclasses to a file, which begins with the names of their fields."""
    with open(file, "a", newline="", encoding="utf-8") as out:
        for row in map(asdict, rows):
            writer = csv.DictWriter(out, list(row), lineterminator="\n")
            if not out.tell():
                writer.writeheader()
            writer.writerow(row)


def read(file: Path, of: type[T]) -> list[T]:
    """The rows of a file; none if it is not there."""
    if not file.exists():
        return []
    with open(file, newline="", encoding="utf-8") as text:
        return TypeAdapter(list[of]).validate_python(list(csv.DictReader(text)))  # type: ignore[valid-type]
