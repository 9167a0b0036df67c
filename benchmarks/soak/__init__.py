"""No benchmark: is anything lost when everything goes wrong? For reports/soak.

    python -m benchmarks.soak run      a run of 500 cases (or --cases) under random faults, until it
                                       is complete; --within a small file system fills that too
    python -m benchmarks.soak report   the page and its figures, from what is recorded

The parent is `cnnbench run` itself, on the runtime `fake` with faults added to its children. What
it prints as finished is written down here, and looked for in the stored file after every fault.
"""

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "reports" / "soak"
