"""`python -m benchmarks.soak run|report`."""

import argparse
import tempfile
from pathlib import Path

from benchmarks.soak import FOLDER, page, record
from cnnbench.reporting import formats

parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
parser.add_argument("what", choices=("run", "report"))
parser.add_argument("--cases", type=int, default=500)
parser.add_argument("--seed", type=int, default=1, help="of the faults, and when they happen")
parser.add_argument("--within", help="a small file system, which is then filled too")
given = parser.parse_args()
if given.what == "run":
    with tempfile.TemporaryDirectory(prefix="soak-", dir=given.within) as folder:
        record.record(FOLDER, Path(folder), given.cases, given.seed)
print(f"report: {formats.write(page.document(FOLDER), FOLDER)}")
