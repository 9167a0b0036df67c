"""The figure of a history: what is written beside its panels can be read."""

from itertools import combinations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from cnnbench.reporting.runs.history import draw
from cnnbench.runs.history import history
from tests.support import stored

NAMES = ["short", "a network with a name that is longer than its panel", "third", "fourth"]


@pytest.fixture
def panels(tmp_path):
    """The panels of a history of four cases, drawn; and what measures their texts."""
    times = {name: [100.0] * 4 + [120.0] * 4 for name in NAMES}
    figure = draw(history([str(stored.history(tmp_path, times))]))
    figure.draw(renderer := FigureCanvasAgg(figure).get_renderer())
    return [axes for axes in figure.axes if axes.get_visible()], renderer


def test_no_title_runs_into_another(panels):
    shown, renderer = panels
    titles = [axes.title if axes.get_title() else axes._left_title for axes in shown]
    assert " ".join(titles[1].get_text().split()) == f"{NAMES[1]} 8x8x3"
    boxes = [title.get_window_extent(renderer) for title in titles]
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]


def test_the_lowest_panel_of_each_column_names_its_runs(panels):
    shown, _ = panels
    named = [
        [text.get_text() for text in axes.get_xticklabels() if text.get_visible()] for axes in shown
    ]
    runs = ["c0de00", "c0de03", "c0de07"]
    assert named == [[], runs, runs, runs]
