"""The sections of the page, one file each: its rows, its words and its figures.

Nothing lists them. `ORDER` is the place on the page (steps of ten leave room between), and
`add` writes the section, or nothing where the run has nothing for it. A new section with a
figure is one new file in this folder, here `parameters.py` (its docstrings left out):

    from cnnbench.reporting.page import Data, Page
    from cnnbench.reporting.style import Figure, figure

    ORDER = 45

    def add(page: Page, data: Data) -> None:
        page.section("Parameters")
        page.table((["case", "parameters"], [[r.name, f"{r.cost.params:,}"] for r in data.found]))
        page.figure("parameters.png", "parameters of every case", lambda: draw(data))

    def draw(data: Data) -> Figure:
        drawing = figure(12, 8)
        drawing.subplots().barh([r.name for r in data.found], [r.cost.params for r in data.found])
        return drawing

`data` is the stored run joined with the costs on paper (`page.Data`); `page` takes text,
tables, lists and figures (`page.Page`); `style.py` has what all figures share, and is the one
file that imports matplotlib, but for a rare part that a figure imports inside its function.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from types import ModuleType


def load() -> list[ModuleType]:
    """Every section of this folder, in the order of the page."""
    modules = [import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__)]
    return sorted(modules, key=lambda module: (module.ORDER, module.__name__))
