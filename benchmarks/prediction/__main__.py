"""`python -m benchmarks.prediction [measure [SECONDS] | report]`."""

import sys

from benchmarks.prediction import FOLDER, page, record
from cnnbench.reporting import formats
from cnnbench.runs import store

what, *rest = sys.argv[1:] or ["all"]
if what in ("all", "measure"):
    record.measure(*map(float, rest))
if what in ("all", "report"):
    print(f"report: {formats.write(page.document(store.read(FOLDER)), FOLDER)}")
