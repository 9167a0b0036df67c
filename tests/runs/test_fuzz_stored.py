"""Stored runs are data from strangers: whatever is in one, reading it ends well or in one line.

A baseline is a stored run too. See `tests.support.hostile`.
"""

import json
import random

import pytest

from cnnbench.machine import profiling
from cnnbench.reporting import formats
from cnnbench.reporting.runs import compared_machines, page, summary
from cnnbench.runs import baselines, comparison, recording
from cnnbench.runs.history import history
from cnnbench.runs.side_by_side import side_by_side
from cnnbench.runs.store import FILE
from tests.support import stored
from tests.support.hostile import CHUNKS, COUNT, spoilt, well_ended


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    """A run of two cases, as its lines."""
    folder = stored.history(tmp_path_factory.mktemp("f"), {"a": [100.0], "b": [200.0]}) / "run-00"
    return [json.loads(line) for line in (folder / FILE).read_bytes().splitlines()]


def lines(tree):
    return b"".join(json.dumps(line).encode() + b"\n" for line in tree)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_stored_run_that_somebody_changed_is_read_or_refused(
    valid, tmp_path, tmp_path_factory, monkeypatch, undrawn, chunk
):
    monkeypatch.setenv("CNNBENCH_HOME", str(tmp_path))
    folder = tmp_path / "data" / "baselines" / "run"
    folder.mkdir(parents=True)
    other = tmp_path_factory.mktemp("other")
    (other / FILE).write_bytes(lines(valid))
    shown = 0
    for number in range(COUNT // CHUNKS):
        data = spoilt(random.Random(f"stored {chunk} {number}"), valid, lines)
        (folder / FILE).write_bytes(data)
        for use in (
            lambda: recording.read(str(folder)),
            lambda: comparison.compare(*[recording.read(str(folder))] * 2).to_json(),
            lambda: history([str(folder)]).to_json(),
            lambda: [str(found.to_json()) for found in baselines.read_all()],
            lambda: compared_machines.document(side_by_side([str(folder), str(other)])),
            lambda: profiling.of_run(recording.run("run")),
            lambda: formats.text(summary.document(recording.run("run"))).encode(),
        ):
            with well_ended(data):
                use()
        with well_ended(data):
            for kind in ("markdown", "html"):
                formats.show(page.document(recording.run("run")), kind).encode()
            shown += 1
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [folder / FILE]
    assert shown > 0
