"""Several networks in one table, and as points."""

import json
from dataclasses import replace

import pytest

from cnnbench.analysis.candidates import Candidate, choose
from cnnbench.errors import CnnbenchError
from cnnbench.reporting.analysis.choice import NOT_CALIBRATED, PUBLISHED, document
from cnnbench.reporting.analysis.figures import draw_front, front
from cnnbench.reporting.formats import show

NETS = [
    Candidate(
        name,
        ((1, 224, 224, 3),),
        "float32",
        params=params,
        macs=flops // 2,
        flops=flops,
        weight_bytes=4 * params,
        peak_bytes=6 * params,
        top1_percent=top1,
    )
    for name, params, flops, top1 in (
        ("keras.applications.Small", 3_538_984, 627_000_000, 71.3),
        ("Heavy", 138_357_544, 31_000_000_000, 71.0),
        ("Best", 25_636_712, 7_750_000_000, 74.9),
    )
]
FRONT = choose(NETS, pareto=("top1", "flops"))


def test_a_row_a_network_with_one_unit_a_column():
    text = show(document(choose(NETS)), "table")
    table, *sentences = text.split("\n\n")
    lines = [line.split() for line in table.splitlines()]
    assert lines[3:] == [
        ["keras.applications.Small", "1x224x224x3", "3.54", "0.31", "0.63", "13.5", "20.3", "71.3"],
        ["Heavy", "1x224x224x3", "138", "15.5", "31.0", "528", "792", "71.0"],
        ["Best", "1x224x224x3", "25.6", "3.88", "7.75", "97.8", "147", "74.9"],
    ]
    assert lines[1] == ["(M)", "(G)", "(G)", "(MiB)", "memory", "(MiB)", "accuracy", "(%)"]
    assert sentences[:2] == [PUBLISHED, NOT_CALIBRATED]


def test_times_and_their_range():
    here = [replace(net, time_s=0.001 * k, rise_bytes=2**24 * k) for k, net in enumerate(NETS, 5)]
    text = show(document(choose(here, time_range=(0.8, 1.25))), "markdown")
    assert "| time here (us) | " in " ".join(text.split())
    assert " 5,000 |" in text
    assert "of ten networks eight take 0.80 to 1.25 times as long" in text
    assert NOT_CALIBRATED not in text


def test_what_cannot_be_analysed_is_a_row_with_its_reason():
    broken = Candidate("broken.keras", reason="there is no file broken.keras")
    text = show(document(choose([NETS[0], broken])), "table")
    (row,) = [line for line in text.splitlines() if line.startswith("broken.keras")]
    assert row.split(maxsplit=8)[1:] == ["-"] * 7 + ["there is no file broken.keras"]


def test_what_is_left_out_is_named():
    text = show(document(FRONT), "table")
    assert "left out: Heavy (beaten by keras.applications.Small)\n" in text
    nothing = choose(NETS, limits={"params": 5})
    text = show(document(nothing), "table")
    assert text.startswith("no network is within the limits\n\nleft out: keras.applications.Small")


def test_a_lower_bound_is_one_in_the_table_too():
    text = show(document(choose([replace(NETS[2], lower_bound=True)])), "table")
    assert ">= 7,750" in text  # in M
    assert ">= 25.6" not in text  # the parameters are known


def test_csv_has_plain_numbers_and_json_all_networks():
    lines = show(document(FRONT), "csv").splitlines()
    assert lines[0].startswith("name,input_shapes,dtype,params,macs,flops,weight_bytes,peak_bytes")
    assert lines[1].startswith("keras.applications.Small,1x224x224x3,float32,3538984,313500000,")
    assert len(lines) == 1 + 2
    data = json.loads(show(document(FRONT), "json"))
    assert [net["name"] for net in data["chosen"]] == ["keras.applications.Small", "Best"]
    assert data["beaten"][0]["flops"] == 31_000_000_000


def test_the_front_is_a_line_through_those_that_none_beats():
    (axes,) = draw_front(FRONT).axes
    front, beaten = axes.get_lines()
    assert list(front.get_xdata()) == [627_000_000, 7_750_000_000]
    assert list(front.get_ydata()) == [71.3, 74.9]
    assert list(beaten.get_xdata()) == [31_000_000_000]
    assert [text.get_text() for text in axes.texts] == ["Small", "Best", "Heavy"]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "linear")
    assert axes.get_xlabel() == "FLOPs"


def test_the_cost_is_across_whichever_way_it_is_asked():
    (axes,) = draw_front(choose(NETS, pareto=("flops", "top1"))).axes
    assert axes.get_xlabel() == "FLOPs"
    (axes,) = draw_front(choose(NETS, pareto=("params", "memory"))).axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.get_xlabel() == "peak memory"


def test_no_name_covers_another():
    # Fourteen networks in a heap, and one on either side
    heap = [
        replace(NETS[0], name=f"Network{k}", flops=flops, top1_percent=top1)
        for k, (flops, top1) in enumerate(
            [(10**7, 50), (10**11, 90), *((10**9 + k * 10**8, 70 + k % 5) for k in range(14))]
        )
    ]
    drawing = draw_front(choose(heap, pareto=("top1", "flops")))
    drawing.draw_without_rendering()
    (axes,) = drawing.axes
    from matplotlib.text import Text

    boxes = [Text.get_window_extent(text) for text in axes.texts]
    assert len(boxes) == 16
    assert not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])


def test_a_figure_is_written_or_refused_in_one_line(tmp_path):
    front(FRONT, tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_bytes().startswith(b"<?xml")
    with pytest.raises(CnnbenchError, match=r"must end in \.png, \.svg, \.pdf"):
        front(FRONT, tmp_path / "a.jpg")
    with pytest.raises(CnnbenchError, match="nothing to draw"):
        front(choose(NETS, limits={"params": 1}, pareto=("top1", "flops")), tmp_path / "b.png")
