"""Files of pytest-benchmark from strangers: each is read, compared and shown, or refused."""

import json
import random

import pytest

from cnnbench.reporting import formats
from cnnbench.reporting.runs import benchmarks
from cnnbench.runs import comparison, pytest_benchmark, recording, store
from tests.support import stored
from tests.support.hostile import CHUNKS, COUNT, spoilt, well_ended


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    """What we write of a run of two cases."""
    folder = tmp_path_factory.mktemp("f")
    run = stored.history(folder, {"a": [100.0], "b": [200.0]}) / "run-00"
    text, left_out = pytest_benchmark.write(store.read(run))
    assert not left_out
    return json.loads(text)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_benchmarks_that_somebody_changed_are_read_or_refused(valid, tmp_path, undrawn, chunk):
    path, read = tmp_path / "x.json", 0
    for number in range(COUNT // CHUNKS):
        dice = random.Random(f"benchmarks {chunk} {number}")
        data = spoilt(dice, valid, lambda tree: json.dumps(tree).encode())
        path.write_bytes(data)
        with well_ended(data):
            found = recording.read(str(path))
            read += 1
            for kind in ("markdown", "html"):
                formats.show(benchmarks.document(found, path.name), kind).encode()
            comparison.compare(found, found).to_json()
    assert [found.name for found in tmp_path.iterdir()] == ["x.json"]
    assert read < COUNT // CHUNKS
