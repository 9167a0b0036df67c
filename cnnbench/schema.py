"""Data from outside, checked: TOML files and stored records; what is wrong in one line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from cnnbench.errors import CnnbenchError, unknown
from cnnbench.paths import check_depth

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


def parse(
    text: str,
    source: str,
    model: type[M],
    tables: Mapping[str, type[BaseModel]],
    error: type[CnnbenchError],
) -> M:
    """Check the TOML text of the file `source`; raises `error` for the first thing that is wrong.

    `model` says what the content must be, and `tables` what its tables must be, by key.
    """
    try:
        found = tomllib.loads(text)
        check_depth(found)
        return model.model_validate(found)
    except tomllib.TOMLDecodeError as fault:
        raise error(f"{source}: not TOML: {fault}") from None
    except RecursionError:
        raise error(f"{source}: its arrays or tables are nested too deeply") from None
    except ValidationError as fault:
        raise error(f"{source}: {_first(fault, model, tables)}") from None
    except ValueError as fault:  # also of numbers with thousands of digits
        raise error(f"{source}: {fault}") from None


def _first(
    error: ValidationError, model: type[BaseModel], tables: Mapping[str, type[BaseModel]]
) -> str:
    """The first thing wrong, in one line: where, what was expected, what came."""
    details = error.errors()[0]
    if not details["loc"]:
        return details["msg"].removeprefix("Value error, ")
    path, last = details["loc"][:-1], details["loc"][-1]
    if details["type"] == "extra_forbidden":
        table = tables.get(str(path[0]) if path else "", model)
        return f"{_place(path)}{unknown('key', str(last), table.model_fields)}"
    if details["type"] == "missing":
        what = f"number {last + 1}" if isinstance(last, int) else f"the key {last!r}"
        return f"{_place(path)}{what} is missing"
    message = details["msg"].removeprefix("Value error, ")
    # Our own messages already say what came.
    came = "" if details["type"] == "value_error" else f"; got {details['input']!r}"
    return f"{_place(details['loc'])}{message[0].lower()}{message[1:]}{came}"


def _place(path: Sequence[int | str]) -> str:
    """("block", 0, "inputs", 1) as "[block] 1 inputs 2: "."""
    table = len(path) > 1 and isinstance(path[1], int)
    words = [str(part + 1 if isinstance(part, int) else part) for part in path]
    if table:
        words[0] = f"[{words[0]}]"
    return f"{' '.join(words)}: " if words else ""


def record(kind: type[T], data: Any) -> T:
    """A plan, a measurement or a case from the plain values of a stored line.

    A CnnbenchError says which value is missing or of the wrong type.
    """
    try:
        value: T = _adapter(kind).validate_python(data)  # type: ignore[arg-type]  # a class is a key
        return value
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"{place}: " for place in first["loc"])
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", getattr(kind, "__name__", "value")).lower()
        raise CnnbenchError(f"not a {name}: {where}{first['msg']}") from None


@cache
def _adapter(kind: Any) -> Any:
    return TypeAdapter(kind)
