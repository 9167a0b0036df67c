"""Not a benchmark: how well times and peaks are predicted, for reports/prediction.

    python -m benchmarks.prediction measure              the probes and the catalogue
    python -m benchmarks.prediction measure applications  networks that nobody fitted
    python -m benchmarks.prediction measure training      probes and networks, a step of each
    python -m benchmarks.prediction measure jax           or another runtime: the same there
    python -m benchmarks.prediction report                writes the page from these alone

Each takes ten to twenty minutes, or the seconds that are given, and continues where it stopped. The
configurations of the examples are written by `python -m benchmarks.prediction networks`.
Measure on an otherwise idle machine. To begin again, delete a measurements.jsonl.
"""

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "reports" / "prediction"
