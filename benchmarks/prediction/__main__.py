"""`python -m benchmarks.prediction [measure [PART] [SECONDS] | networks | report]`."""

import sys

from benchmarks.prediction import FOLDER, networks, page, record, unseen
from cnnbench.reporting import formats
from cnnbench.runs import store

what, *rest = sys.argv[1:] or ["all"]
parts = [word for word in rest if word in unseen.PARTS]
seconds = [float(word) for word in rest if word not in parts]
if what == "networks":
    networks.write()
if what in ("all", "measure"):
    record.measure(*parts or [""], *seconds)
if what in ("all", "report"):
    document = page.document(store.read(FOLDER), unseen.parts())
    print(f"report: {formats.write(document, FOLDER)}")
