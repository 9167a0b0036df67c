"""REPORT: what was found, for a person: an analysis as text, a stored run as a page.

An analysis (`cnnbench analyze`, `cnnbench formula`), without pandas and mostly without matplotlib:

    tables.py       text tables; an analysis as table, Markdown, CSV or JSON
    columns.py      the columns that it can have
    budget.py       a training step, and what fits into memory
    differences.py  what other tools print, and why they differ
    checked.py      what agrees with Keras and TensorFlow's profiler
    formulas.py     closed forms as text, LaTeX or Markdown
    mermaid.py      the graph as a diagram
    shares.py       each layer's share as a figure

A run (`cnnbench run`, `cnnbench report`):

    comparison.py   two blocks over a range of input channels
    answer.py       what was found, in three sentences
    machine.py      where and how it was measured
    notes.py        doubts about estimates, with what to do
    style.py        what all figures share
    page.py         the page as it grows, and the data that sections read
    sections/       one file a section: its rows, its words and its figures
    frame.py        results -> pandas -> results.csv
    render.py       all of it, in order

Stored runs, and the JSON of pytest-benchmark:

    compared.py     two of them beside each other
    baselines.py    the ones that were kept
    benchmarks.py     a page of pytest-benchmark's times
    exported.py     rows for other programs

Nothing on the page is written by hand: the same stored run gives the same bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cnnbench.errors import StoreError

if TYPE_CHECKING:
    from pandas import DataFrame

    from cnnbench.runs.store import Run

# Both import inside: `analyze` must import neither matplotlib nor pandas.


def write(folder: Path) -> Path:
    """Render the run stored in a folder into the same folder; returns its README.md.

    Raises:
        StoreError: there is no run in the folder, or it cannot be written.
    """
    from cnnbench.reporting.runs import render

    try:
        return render.write(folder)
    except OSError as error:
        raise StoreError(f"cannot write the report to {folder}: {error.strerror}") from None


def write_benchmarks(path: Path) -> Path:
    """Render pytest-benchmark's JSON, a file or a folder, beside it; returns the page.

    Raises:
        StoreError: it cannot be read, or the page cannot be written.
    """
    from cnnbench.reporting.runs import benchmarks

    try:
        return benchmarks.write(path)
    except OSError as error:
        raise StoreError(f"cannot write the report of {path}: {error.strerror}") from None


def export(run: Run, format: str, per: str) -> bytes:
    """A stored run as CSV or Parquet, with one row for each case, launch or call.

    Raises:
        UnknownNameError: another format or row.
        StoreError: nothing was measured.
    """
    from cnnbench.reporting.runs import exported

    return exported.export(run, format, per)


def as_frame(folder: Path) -> DataFrame:
    """The results of a stored run, one row a case in base units: results.csv as a frame.

    Raises:
        StoreError: there is no run in the folder.
    """
    from cnnbench.reporting.runs.frame import frame
    from cnnbench.runs.result import results
    from cnnbench.runs.store import read

    return frame(results(read(folder))[0])
