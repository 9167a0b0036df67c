"""Labels of logarithmic axes keep a distance, whatever the range and the room."""

from itertools import pairwise

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from cnnbench import units
from cnnbench.reporting import style


def labels(axis):
    """The labels of an axis as they are drawn, in order: text, begin and end in points."""
    figure = axis.figure
    figure.draw(renderer := FigureCanvasAgg(figure).get_renderer())
    shown = axis.get_majorticklabels()
    boxes = [label.get_window_extent(renderer) for label in shown]
    ends = [box.intervalx if axis is axis.axes.xaxis else box.intervaly for box in boxes]
    scaled = [[72 * end / figure.dpi for end in pair] for pair in ends]
    texts = [label.get_text() for label in shown]
    return sorted(zip(texts, scaled, strict=True), key=lambda label: label[1])


def drawn(which, span, inches, show=units.count, base=10):
    figure = style.figure(*((inches, 3) if which == "x" else (6, inches)))
    axes = figure.subplots()
    axes.plot(span, span)
    style.log_axis(axes, which, show, base)
    return labels(axes.xaxis if which == "x" else axes.yaxis)


@pytest.mark.parametrize("which", ["x", "y"])
@pytest.mark.parametrize("inches", [1.2, 2, 3, 6])
@pytest.mark.parametrize(
    ("span", "show", "base"),
    [
        ((3e7, 2e10), units.count, 10),
        ((3e7, 2e9), units.count, 10),
        ((1.2e7, 2.8e7), units.count, 10),
        ((1, 1e15), units.count, 10),
        ((1e-6, 1), units.seconds, 10),
        ((900, 2**30), units.binary, 2),
        ((2**20, 2**22), units.binary, 2),
    ],
)
def test_labels_keep_a_distance_and_two_can_be_read(which, inches, span, show, base):
    found = drawn(which, span, inches, show, base)
    assert len(found) >= 2
    gap = 3 if which == "x" else 0  # points; a letter has 13
    assert all(end + gap < begin for (_, (_, end)), (_, (begin, _)) in pairwise(found))


def test_where_there_is_room_all_steps_have_labels():
    texts = [text for text, _ in drawn("x", (5e7, 2e10), 10)]
    assert texts == ["100 M", "300 M", "1 G", "3 G", "10 G"]


@pytest.mark.parametrize(
    ("inches", "texts"), [(2, ["1", "64"]), (6, ["1", "48", "64"]), (20, ["1", "48", "56", "64"])]
)
def test_of_given_ticks_the_first_have_labels(inches, texts):
    axes = style.figure(inches, 2).subplots()
    axes.set_xlim(0.9, 70)
    style.fixed_log_axis(axes, [64, 1, 48, 56, 100])
    assert [text for text, _ in labels(axes.xaxis)] == texts


@pytest.mark.parametrize("height", [2, 4, 8])
def test_what_a_line_means_is_not_cut_where_it_leaves_the_plot(height):
    drawing = style.figure(6, height)
    axes = drawing.subplots()
    axes.set(xscale="log", yscale="log", xlim=(1, 1000), ylim=(1, 100))
    drawing.draw_without_rendering()
    drawing.set_layout_engine("none")
    style.along(axes, (100, 100), "10 GFLOP/s")
    canvas = FigureCanvasAgg(drawing)
    canvas.draw()
    clipped = bytes(canvas.buffer_rgba())
    axes.texts[0].set_clip_on(False)
    canvas.draw()
    assert bytes(canvas.buffer_rgba()) == clipped
