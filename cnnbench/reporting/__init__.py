"""REPORT: results for a person, as documents that are printed as Markdown, plain text, CSV or JSON.

    document.py     headings, paragraphs, tables and pictures in order, and the same as plain values
    formats.py      a document in each format, and as a page in a folder
    tables.py       numbers and tables as text
    style.py        what all figures share
    analysis/       what a network costs (`cnnbench analyze`, `cnnbench formula`)
    runs/           the page of a stored run, and runs compared, exported and kept as baselines
    machine.py      health and ceilings of the machine (`cnnbench doctor`, `cnnbench roofline`)
    design_space/   all configurations of a block (`cnnbench sweep`)
    claims/         what others say of networks, judged (`cnnbench verify`)
    prediction/     predicted times and memory (`cnnbench predict`)

No page is written by hand: the same stored run gives the same bytes. An analysis imports no
pandas, and no matplotlib unless it draws a figure.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame

    from cnnbench.runs.store import Run

# Imports are inside the functions: `analyze` must import neither matplotlib nor pandas.


def write(folder: Path) -> Path:
    """Render the run stored in a folder into the same folder; returns its README.md."""
    from cnnbench.reporting.runs import page

    return page.write(folder)


def write_benchmarks(path: Path) -> Path:
    """Render pytest-benchmark's JSON, a file or a folder, beside it; returns the page."""
    from cnnbench.reporting.runs import benchmarks

    return benchmarks.write(path)


def export(run: Run, format: str, per: str) -> bytes:
    """A stored run as CSV or Parquet, with one row for each case, launch or call."""
    from cnnbench.reporting.runs import exported

    return exported.export(run, format, per)


def as_frame(folder: Path) -> DataFrame:
    """The results of a stored run, one row for each case in base units: results.csv as a frame."""
    from cnnbench.reporting.runs import exported
    from cnnbench.runs.store import read

    return exported.PER["case"](read(folder))
