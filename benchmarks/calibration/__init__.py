"""No benchmark: is what `compare` says true as often as it claims? For reports/calibration.

    python -m benchmarks.calibration record   launches the same cases beside themselves, 20 minutes
    python -m benchmarks.calibration report   judges the recording, writes the page and power.png

A recording that was stopped, or given `--minutes 4`, goes on where it ended.
"""

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "reports" / "calibration"
