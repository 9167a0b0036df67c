"""`python -m benchmarks.calibration record|report`."""

import argparse

from benchmarks.calibration import record, report

parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration")
parser.add_argument("what", choices=("record", "report"))
parser.add_argument("--minutes", type=float, default=60.0, help="of recording, at most")
given = parser.parse_args()
if given.what == "record":
    record.RECORDING.record(given.minutes)
else:
    report.report()
