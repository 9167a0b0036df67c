"""Stored runs are data from strangers: whatever is in one, reading it ends well or in one line.

`CNNBENCH_FUZZ=2000 python -m pytest tests/runs/test_fuzz_stored.py` tries more of them.
"""

import json
import os
import random
from contextlib import suppress

import pytest

from cnnbench.errors import CnnbenchError
from cnnbench.reporting.runs import compared_machines
from cnnbench.runs import comparison, recording
from cnnbench.runs.history import history
from cnnbench.runs.side_by_side import side_by_side
from cnnbench.runs.store import FILE
from tests.support import stored

COUNT = int(os.environ.get("CNNBENCH_FUZZ", "200"))
STRANGE = (
    *(
        None,
        True,
        0,
        -1,
        2**70,
        1e308,
        -0.5,
        float("nan"),
        float("inf"),
        "",
        "../../x",
        "\0",
        "<b>",
    ),
    *([], {}, [[]], {"a": {}}, [None], "9" * 50),
)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A run of two cases, as its lines."""
    folder = stored.history(tmp_path_factory.mktemp("f"), {"a": [100.0], "b": [200.0]}) / "run-00"
    return (folder / FILE).read_bytes()


def values(data):
    """Every place in a document: what holds it, and its key."""
    for key, value in list(data.items() if isinstance(data, dict) else enumerate(data)):
        yield data, key
        if isinstance(value, (dict, list)):
            yield from values(value)


def mutated(data, dice):
    """The bytes with a few of them changed, or with a few values of a line replaced."""
    if dice.random() < 0.3:
        found = bytearray(data)
        for _ in range(dice.randint(1, 20)):
            found[dice.randrange(len(found))] = dice.randrange(256)
        return bytes(found[: dice.randrange(len(found))] if dice.random() < 0.2 else found)
    lines = [json.loads(line) for line in data.splitlines()]
    for _ in range(dice.randint(1, 3)):
        holder, key = dice.choice([*values(dice.choice(lines))])
        if isinstance(holder, dict) and dice.random() < 0.3:
            del holder[key]
        else:
            holder[key] = dice.choice(STRANGE)
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


@pytest.mark.parametrize("seed", range(10))
def test_a_stored_run_that_somebody_changed_is_read_or_refused(
    original, tmp_path, tmp_path_factory, seed
):
    dice = random.Random(seed)
    other = tmp_path_factory.mktemp("other")
    (other / FILE).write_bytes(original)
    folder = tmp_path / "run"
    folder.mkdir()
    for _ in range(COUNT // 10):
        text = mutated(original, dice)
        (folder / FILE).write_bytes(text)
        for use in (
            lambda: recording.read(str(folder)),
            lambda: comparison.compare(*[recording.read(str(folder))] * 2).to_json(),
            lambda: history([str(folder)]).to_json(),
            lambda: compared_machines.document(side_by_side([str(folder), str(other)])),
        ):
            with suppress(CnnbenchError):  # always one line, see tests of it
                use()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
