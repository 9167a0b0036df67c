"""`python -m benchmarks.scale run|one|cluster|report`."""

import argparse
import tempfile
from pathlib import Path

from benchmarks.scale import FOLDER, beside, page, record
from cnnbench.reporting import formats

parser = argparse.ArgumentParser(prog="python -m benchmarks.scale")
parser.add_argument("what", choices=("run", "one", "cluster", "report"))
parser.add_argument("--cases", type=int, nargs="+", default=record.CASES)
parser.add_argument("--workers", type=int, default=record.WORKERS)
parser.add_argument("--seconds", type=float, default=record.LAUNCH_S, help="that a launch takes")
parser.add_argument("--turns", type=int, default=4, help="of a run with a cluster and without")
parser.add_argument("--fake", action="store_true", help="turns of a run whose calls take no time")
given = parser.parse_args()
if given.what == "one":  # in a process of its own, whose memory is measured
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        for cases in given.cases:
            record.one(Path(folder), cases, given.workers, given.seconds)
else:
    if given.what == "run":
        record.record(FOLDER, given.cases, given.workers, given.seconds)
    if given.what == "cluster":
        beside.record(FOLDER, given.turns, given.fake)
    print(f"report: {formats.write(page.document(FOLDER), FOLDER)}")
