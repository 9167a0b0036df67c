"""Running malformed commands, and making them: what `test_fuzz` and `test_fuzz_targets` share."""

import io
import json
import random
import re
import signal
import sys
import warnings
from collections.abc import Iterable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

import pytest

from benchmarks.configurations import stripped
from cnnbench.cli import main
from cnnbench.networks.load import no_values
from tests.support.hostile import inside

__all__ = ["inside"]

LIMIT = 20
"""Seconds after which a command is interrupted, as by Ctrl-C; it then ends with 130."""
LONGEST = 300
"""Characters of a message that one still reads."""


@dataclass(frozen=True)
class Command:
    """A command, and whether it is right; None where that is for others to say.

    If it is, Keras must agree about the `config` of its file. The `note` tells what was done.
    """

    argv: tuple[str, ...]
    right: bool | None = False
    config: str = ""
    note: str = ""


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder of its own, Python's path as it was, and no warnings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Keras, about masks and the like
        yield


def check(commands: Iterable[Command]) -> None:
    """Run commands and name all those that do not end as they must."""
    faults = [fault for command in commands if (fault := fault_of(command))]
    assert not faults, f"{len(faults)} faults\n" + "\n\n".join(faults)


def fault_of(command: Command) -> str:
    """What a command does that it must not."""
    status, out, err = run(command.argv)
    faults = []
    if status not in (0, 2) or command.right not in (None, status == 0):
        faults.append(f"ends with {status}")
    if status == 0 and (err or not out):
        faults.append("prints no answer, or something on the standard error")
    if status == 0 and command.config:
        faults += disagreement(json.loads(out), command.config)
    if status == 2:
        if out:
            faults.append(f"prints {out!r:.80}")
        if not re.fullmatch("cnnbench: [^\n]+\n", err) or "Traceback" in err:
            faults.append("does not say it in one line")
        if len(err) > LONGEST or not err[:-1].isprintable():
            faults.append("says it in a line that is too long, or that a terminal cannot show")
    if not faults:
        return ""
    return "\n".join(
        (" and ".join(faults), repr(command.argv), command.note, command.config, err[:1000])
    )


def run(argv: Iterable[str]) -> tuple[int | str, str, str]:
    """Exit status, or what was raised; standard output and error, encoded as for a terminal."""
    out, err = (
        io.TextIOWrapper(io.BytesIO(), "utf-8", errors, write_through=True)
        for errors in ("strict", "backslashreplace")
    )
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, LIMIT)
    status: int | str
    try:
        with redirect_stdout(out), redirect_stderr(err):
            status = main(list(argv))
    except BaseException as error:
        status = repr(error)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return status, *(stream.buffer.getvalue().decode() for stream in (out, err))


def disagreement(found: dict, config: str) -> list[str]:
    """Where an answer is not what Keras counts for the same configuration."""
    import keras

    whole = json.loads(config)
    # Keras also checks what changes no count, such as how weights are regularised.
    for read in (whole, stripped(whole)):
        try:
            with no_values():
                model = keras.saving.deserialize_keras_object(read)
            break
        except Exception:  # whatever it finds wrong
            continue
    else:
        return []
    shapes = [[size or 1 for size in x.shape] for x in keras.tree.flatten(model.outputs)]
    faults = []
    if found["totals"]["parameters"] != model.count_params():
        faults.append(f"counts {found['totals']['parameters']}, Keras {model.count_params()}")
    batches = [x.shape[0] for x in keras.tree.flatten(model.inputs)]  # of the file, if any
    if found["output_shapes"] != shapes and not any(batches):
        faults.append(f"gives {found['output_shapes']}, Keras {shapes}")
    return faults


WORDS = (
    *("", " ", "x", "-", "é", "\u202e", "a\nb", "a\tb", "\x1b[31m", "\udc80", "None", "[]"),
    *("0", "-1", "1.5", "1e3", "٣", "nan", "inf", "9" * 30, "9" * 5000, "x" * 5000, "{0}%s%n"),
    *("../..", "/", "~", ".", "C:\\x", "$HOME", "`id`", "a\0b", "[" * 300, "__import__('os')"),
)
"""What people, scripts and fingers put in the place of anything."""

VALUES = (
    *(None, True, 0, -1, 1, 2, 3.5, 1e300, 10**9, 10**18, 10**30, float("nan"), float("inf")),
    *("", "x", "same", "relu", "é\u202e", "a\nb", "x" * 5000, "__import__('os').system('x')"),
    *([], [[]], [None], [1, 2, 3], [0, 0], {}, {"class_name": "Dense"}),
    {"class_name": "Dense", "config": {"units": 2}, "module": "keras.layers"},
    json.loads("[" * 300 + "]" * 300),
)


def changed(rng: random.Random, text: str, names: Iterable[str] = ()) -> tuple[str, str]:
    """A document with one to three things deleted, doubled, swapped or replaced, and which."""
    tree, done = json.loads(text), []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        places = [*inside(tree)]
        if not places:
            break
        (holder, key), (other, there) = rng.choice(places), rng.choice(places)
        value = rng.choice(VALUES)
        match rng.choice(("delete", "double", "swap", "rename", "replace", "replace")):
            case "delete":
                done.append(f"{key!r} deleted")
                del holder[key]
            case "double" if isinstance(holder, list):
                done.append(f"{key!r} doubled")
                holder.insert(key, holder[key])
            case "swap":
                done.append(f"{key!r} swapped with {there!r}")
                copies = json.dumps(holder[key]), json.dumps(other[there])
                other[there], holder[key] = map(json.loads, copies)
            case "rename" if key in ("class_name", "module", "registered_name") and names:
                holder[key] = rng.choice([*names])
                done.append(f"{key!r} named {holder[key]!r}")
            case _:
                done.append(f"{key!r} = {value!r:.60}, was {holder[key]!r:.60}")
                holder[key] = value
    return json.dumps(tree), "; ".join(done)
