"""Folders of SavedModels as strangers make them, and what becomes of each.

`python -m tests.support.saved_models FOLDER FIRST COUNT` spoils the SavedModel in a folder in that
many ways and opens each, in a process of its own: TensorFlow is C++, which can crash, or wait where
no signal interrupts it. It is imported once, and each of these processes is forked from there. One
JSON line per input says what was done to it and what became of it.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.hostile import LIMIT_S, STRANGE, spoilt_bytes, well_ended

GRAPH = "saved_model.pb"
WEIGHTS = "variables/variables.data-00000-of-00001"
INDEX = "variables/variables.index"
MARK = "fingerprint.pb"
MOST_KIB = 2 * 2**20
"""Memory that one may take: TensorFlow and this model take a fifth of it."""

READ, REFUSED = 0, 3
"""How a process ends that came to an end of its own."""


def spoil(dice: random.Random, folder: Path) -> str:
    """Change one to three things in the folder of a SavedModel; says which."""
    ways: tuple[Callable[[random.Random, Path], str], ...] = (
        *(_message, _message, _message, _message, _message),
        *(_bytes, _bytes, _replaced, _replaced, _more, _text),
    )
    return "; ".join(dice.choice(ways)(dice, folder) for _ in range(dice.choice((1, 1, 1, 2, 3))))


def _bytes(dice: random.Random, folder: Path) -> str:
    """Other bytes in a file."""
    path = folder / dice.choice((GRAPH, GRAPH, INDEX, INDEX, WEIGHTS, MARK))
    if path.is_symlink() or not path.is_file() or not (data := path.read_bytes()[: 2**20]):
        return f"{path.name} is none any more"
    path.write_bytes(spoilt_bytes(dice, data))
    return f"bytes of {path.name}"


def _replaced(dice: random.Random, folder: Path) -> str:
    """Something else in the place of a file or a folder."""
    path = folder / dice.choice((GRAPH, INDEX, WEIGHTS, MARK, "variables", "assets"))
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    if not path.parent.is_dir():
        return f"{path.name} has no folder any more"
    what = dice.choice(
        ("nothing", "empty", "folder", "pipe", "device", "itself", "up", "passwd", "huge", "zip")
    )
    match what:
        case "nothing":
            pass
        case "empty":
            path.write_bytes(b"")
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "device":
            path.symlink_to(dice.choice(("/dev/zero", "/dev/full", "/dev/null", "/dev/tty")))
        case "itself":
            path.symlink_to(path.name)
        case "up":
            path.symlink_to("..")
        case "passwd":
            path.symlink_to("/etc/passwd")
        case "huge":  # without a block of the disk
            with path.open("wb") as file:
                file.truncate(dice.choice((2**31 - 1, 2**33, 2**42)))
        case _:
            path.write_bytes(b"PK\3\4" + dice.randbytes(2000))
    return f"{path.name}: {what}"


def _more(dice: random.Random, folder: Path) -> str:
    """What no SavedModel has, beside the rest."""
    what = dice.choice(("deep", "many", "links", "unprintable", "keras"))
    match what:
        case "deep":
            (folder / "assets" / "/".join("d" * 200)).mkdir(parents=True, exist_ok=True)
        case "many":
            if (folder / "variables").is_dir():
                for number in range(300):
                    (folder / f"variables/variables.data-{number:05}-of-00300").touch()
        case "links":
            for name in ("assets.extra", "variables.x"):
                (folder / name).unlink(missing_ok=True)
                (folder / name).symlink_to("/")
        case "unprintable":
            (folder / "a\n\x1b[31m\u202e").touch()
        case _:
            (folder / "keras_metadata.pb").write_bytes(dice.randbytes(500))
    return what


def _text(dice: random.Random, folder: Path) -> str:
    """The graph as text, which TensorFlow reads where there is no other."""
    path = folder / f"{GRAPH}txt"
    path.unlink(missing_ok=True)
    path.write_bytes(
        dice.choice(
            (b"", b"saved_model_schema_version: 1", b"meta_graphs { " * 10_000, b"\xff" * 99)
        )
    )
    if dice.random() < 0.5:
        return "a text beside it"
    return f"a text in its place, {_gone(folder / GRAPH)}"


def _gone(path: Path) -> str:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    return path.name


def _message(dice: random.Random, folder: Path) -> str:
    """Other values in the graph, which is a whole one still."""
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    path = folder / GRAPH
    if path.is_symlink() or not path.is_file() or path.stat().st_size > 2**20:
        return "no graph any more"
    graph = SavedModel()
    try:
        graph.ParseFromString(path.read_bytes())
    except DecodeError:
        return "no graph any more"
    done = []
    for _ in range(dice.choice((1, 1, 2, 3))):
        # Down by chance, so that a field of few is met as often as one of a thousand.
        message, way = graph, ""
        while True:
            fields = message.ListFields()
            if not fields:
                break
            field, value = dice.choice(fields)
            way += f".{field.name}"
            held = _held(field, value)
            inner = [x for x in held if hasattr(x, "ListFields")]
            if inner and dice.random() < 0.93:
                message = dice.choice(inner)
                continue
            done.append(way + " " + _field(dice, message, field))
            break
    try:
        path.write_bytes(graph.SerializeToString())
    except ValueError as error:  # half a letter, or more than a message holds
        return f"not written: {error}"[:80]
    return ", ".join(done)


def _held(field: Any, value: Any) -> list[Any]:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return list(value.values())
    return list(value) if field.is_repeated else [value]


NUMBERS = (0, 1, -1, 2, 7, 10**6, 2**31 - 1, -(2**31), 2**62, 2**63 - 1, -(2**63))


def _field(dice: random.Random, message: Any, field: Any) -> str:
    """Change one field of a message; says how."""
    value = getattr(message, field.name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        key = dice.choice(sorted(value))
        entry = field.message_type.fields_by_name["value"]
        if dice.random() < 0.5 or not isinstance(key, str):
            del value[key]
            return f"without {key}"
        if entry.message_type is not None:
            value["x" * dice.choice((1, 5000))].CopyFrom(value[key])
            return f"{key} twice"
        value["x"] = value[key]
        return f"{key} twice"
    if field.is_repeated:
        match dice.choice(("delete", "double", "mix", "many", "one")):
            case "delete":
                del value[dice.randrange(len(value))]
                return "one less"
            case "double":
                value.extend([value[dice.randrange(len(value))]])
                return "one twice"
            case "mix":
                mixed = [*value]
                dice.shuffle(mixed)
                del value[:]
                value.extend(mixed)
                return "in another order"
            case "many":
                size = value[0].ByteSize() if field.message_type is not None else 1
                more = min(3000, 2**20 // (size + 1))  # a file of a megabyte, not of a hundred
                value.extend([value[0]] * more)
                return f"{more} more"
            case _ if field.message_type is None:
                value[dice.randrange(len(value))] = _scalar(dice, field)
                return "one is another"
        del value[:]
        return "none"
    if field.message_type is not None or dice.random() < 0.2:
        message.ClearField(field.name)
        return "none"
    new = _scalar(dice, field)
    setattr(message, field.name, new)
    return f"= {new!r:.40}"


def _scalar(dice: random.Random, field: Any) -> Any:
    """A value that a field can hold."""
    kind = field.cpp_type
    if kind == field.CPPTYPE_STRING:
        text = dice.choice([x for x in STRANGE if isinstance(x, str)])
        return text.encode() if field.type == field.TYPE_BYTES else text
    if kind == field.CPPTYPE_BOOL:
        return dice.random() < 0.5
    if kind in (field.CPPTYPE_DOUBLE, field.CPPTYPE_FLOAT):
        return dice.choice((0.0, -1.5, float("nan"), float("inf")))
    if kind == field.CPPTYPE_ENUM:
        return dice.choice(field.enum_type.values).number
    bits = 31 if kind in (field.CPPTYPE_INT32, field.CPPTYPE_UINT32) else 63
    low = 0 if kind in (field.CPPTYPE_UINT32, field.CPPTYPE_UINT64) else -(2**bits)
    return dice.choice([x for x in NUMBERS if low <= x < 2**bits])


def _open(folder: Path, said: Path) -> None:
    """Open a folder in this process, and end it."""
    from cnnbench import networks

    status = 1
    with said.open("w") as file:
        os.dup2(file.fileno(), 2)
        try:
            with well_ended():
                network = networks.Network(str(folder))
                network.file_digest()
                network.trace(None)
                network.file_digest()
                status = READ
            status = REFUSED if status else READ
        except BaseException:
            traceback.print_exc(limit=-6)
        sys.stderr.flush()
    os._exit(status)


def became(folder: Path, said: Path) -> dict[str, Any]:
    """How a process ends that opens a folder: its status, memory in KiB, time and last words."""
    began = time.monotonic()
    pid = os.fork()
    if not pid:
        _open(folder, said)
    found, status, used = 0, 0, None
    while not found:
        found, status, used = os.wait4(pid, os.WNOHANG)
        if not found and time.monotonic() - began > LIMIT_S + 5:
            os.kill(pid, signal.SIGKILL)
            found, status, used = os.wait4(pid, 0)
        time.sleep(0.005)
    return {
        "status": os.waitstatus_to_exitcode(status),
        "kib": used.ru_maxrss if used else 0,
        "seconds": round(time.monotonic() - began, 2),
        "said": said.read_text(errors="replace")[-1500:],
    }


def main(folder: str, first: str, count: str) -> None:
    """The command in the description of this module."""
    import keras  # noqa: F401 imported before the forks
    import tensorflow  # noqa: F401

    whole, copy, said = Path(folder), Path("model"), Path("said")
    for number in range(int(first), int(first) + int(count)):
        shutil.copytree(whole, copy)
        done = spoil(random.Random(f"saved model {number}"), copy)
        found = became(copy, said)
        print(json.dumps({"number": number, "done": done, **found}), flush=True)
        shutil.rmtree(copy)


if __name__ == "__main__":
    main(*sys.argv[1:])
