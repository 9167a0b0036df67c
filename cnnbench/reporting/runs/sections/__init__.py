"""The sections of a run's page, one file or more each: rows, words and figures.

There is no list of them: `load` finds every file of this folder. In each, `ORDER` is the place on
the page (steps of ten leave room between two), and `add` adds the section to the document, or adds
nothing where the run has no data for it. Neighbours that start a section of one title share it. A
new section with a figure is one new file in this folder, here `parameters.py` (without its
docstrings):

    from cnnbench.reporting.document import Document
    from cnnbench.reporting.runs.data import Data
    from cnnbench.reporting.style import Figure, figure

    ORDER = 45

    def add(document: Document, data: Data) -> None:
        document.section("Parameters")
        headers = ["case", "parameters"]
        document.table((headers, [[r.name, f"{r.cost.params:,}"] for r in data.results]))
        document.picture("parameters.png", "parameters of every case", lambda: draw(data))

    def draw(data: Data) -> Figure:
        drawing = figure(12, 8)
        names, counts = zip(*((r.name, r.cost.params) for r in data.results))
        drawing.subplots().barh(names, counts)
        return drawing

`style.py` has what all figures share. It is the only file that imports matplotlib, except for a
rare part that a figure imports inside its function.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from types import ModuleType


def load() -> list[ModuleType]:
    """Every section of this folder, in the order of the page."""
    modules = [import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__)]
    return sorted(modules, key=lambda module: (module.ORDER, module.__name__))
