"""RECORD: what functions for users return: plain values for JSON, a line, a page in a notebook."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

T = TypeVar("T")
Printer = Callable[[object, str], str]
"""Prints a record as html or as markdown."""
_printers: list[Printer] = []


def print_with(printer: Printer) -> None:
    """Let this print the records for notebooks: whoever can print them stands above this room."""
    _printers[:] = [printer]


class Shown:
    """What a notebook shows as a page; as its `repr` where nothing prints it."""

    __slots__ = ()

    def _repr_html_(self) -> str | None:
        return _printers[0](self, "html") if _printers else None

    def _repr_markdown_(self) -> str | None:
        return _printers[0](self, "markdown") if _printers else None


class Records(list[T], Shown):
    """A list that a notebook shows as one page."""

    __slots__ = ()


class Record(Shown):
    """A dataclass that a user gets."""

    __slots__ = ()

    def to_json(self) -> dict[str, Any]:
        """All fields and properties as plain values, which `json.dumps` takes."""
        values: dict[str, Any] = plain(self)
        return values


def plain(value: Any) -> Any:
    """Dictionaries, lists, texts and numbers; of anything else the text.

    Of a dataclass its properties too, but no field that its `repr` hides.
    """
    if is_dataclass(value):
        names = [field.name for field in fields(value) if field.repr]
        names += [name for name, part in vars(type(value)).items() if isinstance(part, property)]
        return {name: plain(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def finite(value: Any) -> Any:
    """The value; None for a number that JSON does not know, infinite or NaN."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def one_line(record: Any, name: str, *facts: str) -> str:
    """The `repr` of a record: Cost(resnet50: 177 layers, ...); of a title only the name."""
    return f"{type(record).__name__}({name.partition('(')[0] or 'unnamed'}: {', '.join(facts)})"
