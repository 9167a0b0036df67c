"""REPORT: a stored run as a page. Reads the store, writes README.md, figures, results.csv.

    tables.py       text tables; the costs of one network (`cnnbench analyze`)
    results.py      measurements joined with costs: one `Result` a case
    comparison.py   two blocks over a range of input channels
    answer.py       what was found, in three sentences
    scaling.py      growth with the input size
    sections.py     the rows of every other table
    machine.py      where and how it was measured
    frame.py        results -> pandas -> results.csv
    figures.py, comparison_figures.py
                    results -> matplotlib, one function a figure
    style.py        what all figures share
    page.py         all of it, in order

Nothing on the page is written by hand: the same stored run gives the same bytes.
"""

from pathlib import Path


def write(folder: Path) -> Path:
    """Render the run stored in a folder into the same folder; returns its README.md.

    Raises:
        StoreError: there is no run in the folder.
    """
    from cnnbench.reporting.page import write  # here: `analyze` must not import matplotlib

    return write(folder)
