"""Not a benchmark: how well times and peaks are predicted, for reports/prediction.

    python -m benchmarks.prediction          both of these, in about eleven minutes
    python -m benchmarks.prediction measure  measures the probes and the catalogue, or continues:
                                             measurements.jsonl; a number limits the seconds
    python -m benchmarks.prediction report   writes README.md and its figures from that alone

Measure on an otherwise idle machine. To begin again, delete measurements.jsonl in the folder.
"""

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "reports" / "prediction"
