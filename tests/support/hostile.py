"""Files as strangers make them: what all fuzzers of them share.

`CNNBENCH_FUZZ=2000 python -m pytest tests -k somebody_changed` tries ten times as many inputs. Each
follows from its number alone.
"""

import hashlib
import json
import os
import random
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

from cnnbench.errors import LONGEST, CnnbenchError

COUNT = int(os.environ.get("CNNBENCH_FUZZ", "200"))
CHUNKS = 10
"""Tests among which the inputs are divided, so that several processes can share them."""
LIMIT_S = 20
"""Seconds that one input may take."""

STRANGE = (
    *(None, True, 0, -1, 3, 2**70, 10**18, 1e308, -0.5, float("nan"), float("inf"), "9" * 50),
    *("", "x", "../../x", "/tmp/x", "C:\\x", "\0", "<b>", "a\nb", "\u202e", "x" * 5000, "$\\x$"),
    *("os:system", "a.b", "[x](javascript:alert(1))", "|", "`", "\x1b[31m", "é"),
    *([], {}, [[]], {"a": {}}, [None], [0, 0], [1, 2, 3], json.loads("[" * 300 + "]" * 300)),
)
"""What stands in the place of a value."""

TOKENS = (
    *(b"NaN", b"Infinity", b"1e999", b"-0", b"9" * 5000, b"[" * 10_000, b'{"a":' * 10_000, b"true"),
    *(b"\xff\xfe", b"\0", b'"\\ud800"', b"'", b'"', b"#", b"\n", b"[[", b"=", b"..", b"../../x"),
    b"a." * 10_000,
)
"""What stands in the place of a token."""
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\w.+-]+|\s+|.', re.DOTALL)


def inside(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a document, as what holds it and the key or index."""
    stack = [_places(tree)]  # not by recursion: some are nested deeper than Python goes
    while stack:
        if (place := next(stack[-1], None)) is None:
            stack.pop()
            continue
        yield place
        holder, key = place
        stack.append(_places(holder[key]))


def _places(holder: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(holder, dict):
        return iter([(holder, key) for key in holder])
    return iter([(holder, key) for key in range(len(holder) if isinstance(holder, list) else 0)])


def spoilt(dice: random.Random, tree: Any, written: Callable[[Any], bytes]) -> bytes:
    """A document with one to three of its values, tokens or bytes changed.

    Args:
        dice: what decides all of it.
        tree: the document in plain values; it stays as it is.
        written: makes a file of it.
    """
    match dice.choice(("values", "values", "values", "tokens", "bytes")):
        case "values":
            with suppress(RecursionError):  # where what is deep was put into what is deep
                return written(_changed(dice, json.loads(json.dumps(tree))))
            return written(tree)
        case "tokens":
            tokens = _TOKEN.findall(written(tree))
            for _ in range(dice.randint(1, 3)):
                place = dice.randrange(len(tokens))
                begin = dice.randrange(len(tokens))
                some = tokens[begin : begin + dice.randint(1, 9)]
                tokens[place : place + dice.randint(0, 2)] = dice.choice(
                    ([], some, [dice.choice(TOKENS)], [dice.choice(TOKENS)])
                )
            return b"".join(tokens)
        case _:
            return spoilt_bytes(dice, written(tree))


def _changed(dice: random.Random, tree: Any) -> Any:
    for _ in range(dice.randint(1, 3)):
        holder, key = dice.choice([*inside(tree)] or [([None], 0)])
        match dice.choice(("delete", "double", "swap", "replace", "replace", "replace")):
            case "delete":
                del holder[key]
            case "double" if isinstance(holder, list):
                holder.insert(key, holder[key])
            case "double":
                holder[dice.choice(("x", "../x", key + key))] = holder[key]
            case "swap":
                other, there = dice.choice([*inside(tree)])
                copies = json.dumps(holder[key]), json.dumps(other[there])
                other[there], holder[key] = map(json.loads, copies)
            case _:
                holder[key] = deepcopy(dice.choice(STRANGE))  # which is changed too
    return tree


def spoilt_bytes(dice: random.Random, data: bytes) -> bytes:
    """Bytes, a few of which are others, or that end early."""
    found = bytearray(data)
    for _ in range(dice.randint(1, 20)):
        found[dice.randrange(len(found))] = dice.randrange(256)
    return bytes(found[: dice.randrange(len(found))] if dice.random() < 0.2 else found)


class Late(BaseException):
    """It took too long. No `Exception`, which what is tested may take for a refusal."""


@contextmanager
def well_ended(data: bytes = b"") -> Iterator[None]:
    """What runs inside ends in time: well, or with a CnnbenchError of one line."""

    def late(*_: object) -> None:
        raise Late(f"more than {LIMIT_S} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    try:
        yield
    except CnnbenchError as error:
        line = str(error)
        assert line.isprintable(), line
        assert 0 < len(line) <= LONGEST + 20, line
    except BaseException as error:
        raise AssertionError(f"{error!r:.300} of {data[:2000]!r}") from error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def tree_of(folder: Path) -> dict[str, str]:
    """Everything in a folder, with what it holds."""
    return {
        str(path.relative_to(folder)): "link"
        if path.is_symlink()
        else hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else "other"
        for path in folder.rglob("*")
    }


def as_toml(tree: dict[str, Any]) -> bytes:
    """A document as a TOML file; what TOML cannot hold becomes what it refuses."""

    def value(of: Any) -> str:
        if isinstance(of, dict):
            pairs = (f"{json.dumps(key)} = {value(inner)}" for key, inner in of.items())
            return f"{{ {', '.join(pairs)} }}"
        if isinstance(of, list):
            return f"[{', '.join(map(value, of))}]"
        return "null" if of is None else str(of) if isinstance(of, float) else json.dumps(of)

    lines: list[str] = []
    for key, of in tree.items() if isinstance(tree, dict) else ():
        if isinstance(of, list) and of and all(isinstance(table, dict) for table in of):
            for table in of:
                lines += [f"[[{json.dumps(key)}]]"]
                lines += [f"{json.dumps(name)} = {value(inner)}" for name, inner in table.items()]
        else:
            lines.insert(0, f"{json.dumps(key)} = {value(of)}")
    return "\n".join(lines).encode() + b"\n"
