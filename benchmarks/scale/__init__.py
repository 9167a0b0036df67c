"""No benchmark of networks: what a large run costs cnnbench itself. For reports/scale.

    python -m benchmarks.scale run      runs of 1,000 to 100,000 cases on 1,000 simulated workers
    python -m benchmarks.scale report   the page and its figures, from what is recorded

The code is that of `cnnbench run --cluster`; only the link to the workers is simulated. They are
threads of this program, which wait as long as a launch takes and answer with times of `fake`.
"""

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "reports" / "scale"
