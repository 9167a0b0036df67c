"""Reports of runs on several runtimes: which is which, and what is left out."""

from dataclasses import replace
from pathlib import Path

import pytest

from cnnbench import runtimes
from cnnbench.cases import suites
from cnnbench.networks import Network
from cnnbench.reporting import formats
from cnnbench.reporting.document import Picture
from cnnbench.reporting.runs import live, summary
from cnnbench.reporting.runs.compared_blocks import compared_blocks, over_runtimes
from cnnbench.reporting.runs.page import document
from cnnbench.reporting.runs.sections import crossover_by_runtime, modes
from cnnbench.reporting.runs.sections.compared import against
from cnnbench.reporting.runs.sections.runtimes import headline, overview, ranked
from cnnbench.reporting.runs.sections.runtimes import rows as ranking
from cnnbench.runner import planning
from cnnbench.runner.server import Workers
from cnnbench.runs.result import results
from cnnbench.runs.store import Exported, Run
from tests.support import synthetic

BOTH = {"narrow": Network("vgg_block", {"n_filters": 4}), "wide": Network("vgg_block")}


def stored(suite):
    places = [
        suites.Place("cpu", name, runtimes.load(name).MODES) for name in ("tensorflow", "openvino")
    ]
    plan = planning.plan(suite, places, Workers({}), 120.0, launches=3)
    return Run(Path(), plan, tuple(synthetic.measurements(plan)))


def test_each_network_is_compared_with_the_base_on_its_own_runtime():
    run = stored(suites.of_networks(BOTH))
    found = against(run, results(run)[0])
    assert [place.where.split(", ", 1)[1] for place in found] == [
        "batch 1, cpu, graph",
        "batch 1, cpu, openvino, infer",
    ]
    for place in found:
        assert place.base.label == "narrow"
        ((other, ratio),) = place.others
        assert (other.label, other.case.runtime) == ("wide", place.base.case.runtime)
        assert ratio.value > 1


def test_all_runtimes_of_one_network_take_turns():
    (group,) = stored(suites.of_networks({"wide": Network("vgg_block")})).plan.together
    assert [name.rpartition(" ")[2] for name in group] == ["tensorflow/graph", "openvino/infer"]


def test_a_comparison_of_blocks_is_made_on_each_runtime(tmp_path):
    file = tmp_path / "s.toml"
    blocks = "".join(
        f'[[block]]\nname = "{n}"\ntarget = "{n}"\n' for n in ("vgg_block", "conv_layers")
    )
    file.write_text(
        f'{blocks}[[compare]]\ntitle = "t"\nbase = "vgg_block"\nnew = "conv_layers"\n'
        'size = "8x8"\nchannels = [3, 4]\nrange = [1, 4]\n'
    )
    run = stored(suites.load(str(file)))
    found = compared_blocks(run.plan, results(run)[0])
    assert [blocks.where for blocks in found] == [
        "8x8, batch 1, cpu",
        "8x8, batch 1, cpu, openvino",
    ]
    for blocks, runtime in zip(found, ("tensorflow", "openvino"), strict=True):
        assert {pair.new.case.runtime for pair in blocks.timed} == {runtime}
        assert len(blocks.timed) == 2


SECONDS = {"tensorflow": 0.004, "openvino": 0.001, "litert": 0.0010001, "jax": 0.002}


def timed(suite, launches=4, **changes):
    """A stored run in which a call takes what `SECONDS` says of its runtime, or of a network too.

    From launch to launch all times change alike, by parts of a percent.
    """
    seconds = SECONDS | changes
    places = [suites.Place("cpu", name, runtimes.load(name).MODES) for name in SECONDS]
    plan = planning.plan(suite, places, Workers({}), 120.0, launches=launches)

    def at(m):
        key = f"{m.case.runtime} {m.case.name}"
        takes = seconds.get(key, seconds[m.case.runtime])
        ns = round(1e9 * takes * (1 + 0.001 * m.launch))
        values = {"samples_ns": (ns,) * 30, "build_ns": 2 * ns, "compile_ns": ns}
        return replace(m, **values, load_bytes=1000, joint_bytes=3000, difference=2e-7)

    measured = [at(m) for m in synthetic.measurements(plan)]
    exports = {
        case.export_key: Exported(case.export_key, case.runtime, case.name, seconds=2.5, bytes=4096)
        for case in plan.cases
        if runtimes.exporter(case.runtime)
    }
    return Run(Path(), plan, tuple(measured), exports=exports)


def test_the_runtimes_of_a_network_are_ranked_with_their_ratio_to_the_fastest():
    run = timed(suites.of_networks({"net": Network("vgg_block")}), openvino=0.0005)
    (place,) = ranked(results(run)[0])
    headers, rows = ranking(place)
    table = {row[0]: dict(zip(headers, row, strict=True)) for row in rows}
    assert list(table) == ["openvino", "litert", "jax", "tensorflow"]
    assert table["openvino"]["times the first"] == "1"
    assert table["tensorflow"]["times the first"].startswith("8.00 [7.")
    assert table["jax"]["samples/s"] == "499"  # 1 / 2.003 ms
    # Three times as long as a call: what it took to build and to compile.
    assert table["tensorflow"]["load"] == "12.0 ms"
    assert table["openvino"]["on disk"] == "4.00 KiB"
    assert (table["openvino"]["export"], table["jax"]["export"]) == ("2.50 s", "-")
    assert table["jax"]["peak"] == "2.93 KiB"
    assert table["jax"]["difference"] == "2e-07"
    said = formats.text(summary.document(run))
    assert "openvino is the fastest; litert, the next, takes 2.00 [1.9" in said
    # The figure compares with TensorFlow, whatever is the fastest.
    assert {name: round(x.value, 3) for name, x in place.beside_base.items()} == {
        "openvino": 0.125,
        "litert": 0.25,
        "jax": 0.5,
    }


def test_the_first_is_not_called_the_fastest_where_the_intervals_do_not_decide_it():
    run = timed(suites.of_networks({"net": Network("vgg_block")}))
    said = formats.text(summary.document(run))
    assert "the intervals do not decide which of openvino and litert is the fastest" in said
    assert said.count("is the fastest") == 1
    one = timed(suites.of_networks({"net": Network("vgg_block")}), launches=1)
    alone = formats.text(summary.document(one))
    assert "openvino takes least time; litert, the next, takes" in alone
    assert "(one launch each, so no interval)" in alone
    assert "is the fastest" not in alone


def test_the_order_is_that_of_the_ratios_where_the_times_say_otherwise():
    run = timed(suites.of_networks({"net": Network("vgg_block")}), openvino=0.0005)
    # Four launches more of OpenVINO alone, while the machine was ten times as slow.
    late = [
        replace(m, launch=m.launch + 4, samples_ns=tuple(10 * ns for ns in m.samples_ns))
        for m in run.measurements
        if m.case.runtime == "openvino"
    ]
    (place,) = ranked(results(replace(run, measurements=(*run.measurements, *late)))[0])
    first, (second, ratio), *_ = [place.first, *place.times]
    assert (first.case.runtime, second.case.runtime) == ("openvino", "litert")
    assert first.time.value > second.time.value
    assert ratio.value == pytest.approx(2, rel=0.01)


def test_several_networks_are_a_table_of_times_and_a_sentence():
    slow = {"openvino wide": 0.1}
    run = timed(suites.of_networks(BOTH), litert=0.003, **slow)
    places = ranked(results(run)[0])
    headers, rows = overview(places)
    # In the order of the first network.
    assert headers == ["time per call", "openvino", "jax", "litert", "tensorflow"]
    assert [row[0] for row in rows] == [place.network for place in places]
    assert [cell for row in rows for cell in row if "**" in cell] == ["**1.00 ms**", "**2.00 ms**"]
    assert headline(places) == (
        "**Of 2 networks openvino is the fastest for 1, jax is the fastest for 1.**"
    )


def test_what_failed_on_a_runtime_is_last_with_its_outcome():
    run = timed(suites.of_networks({"net": Network("vgg_block")}))
    broken = [
        replace(m, outcome="failed", samples_ns=()) if m.case.runtime == "openvino" else m
        for m in run.measurements
    ]
    (place,) = ranked(results(replace(run, measurements=tuple(broken)))[0])
    assert ranking(place)[1][-1][:3] == ["openvino", "failed", "-"]
    assert place.first.case.runtime == "litert"


def test_the_figure_leaves_out_a_network_that_the_base_did_not_run():
    run = timed(suites.of_networks(BOTH))
    broken = [
        replace(m, outcome="failed", samples_ns=())
        if (m.case.runtime, m.case.name) == ("tensorflow", "wide")
        else m
        for m in run.measurements
    ]
    page = document(replace(run, measurements=tuple(broken)))
    pictures = [block for block in page.blocks if isinstance(block, Picture)]
    (picture,) = [each for each in pictures if each.name == "runtimes.png"]
    titles = [axes.get_title() for axes in picture.draw().axes]
    assert [title.split()[0] for title in titles] == ["narrow"]
    assert picture.alt == "time on each runtime over that on tensorflow"


def test_a_table_of_modes_compares_with_the_first_mode_of_the_same_runtime():
    run = timed(suites.of_networks({"net": Network("vgg_block")}, modes=["graph", "xla", "jit"]))
    headers, rows = modes.rows(results(run)[0])
    assert headers[-1] == "ratio to the first"
    assert (rows[0][1], rows[0][3]) == ("graph", "1")
    assert len(rows) == 2  # jax has one of the modes, which compares with nothing


COMPARE = """
[[compare]]
title = "t"
base = "vgg_block"
new = "conv_layers"
size = "8x8"
channels = [4, 16, 64]
range = [1, 64]
"""


def headline_of(page):
    """The sentence below the title."""
    return page.blocks[1]


def test_the_crossover_of_each_runtime_is_a_row_and_a_panel(tmp_path):
    file = tmp_path / "s.toml"
    names = ("vgg_block", "conv_layers")
    blocks = "".join(f'[[block]]\nname = "{n}"\ntarget = "{n}"\n' for n in names)
    file.write_text(blocks + COMPARE)
    run = timed(suites.load(str(file)))

    def by_channels(m):
        # On OpenVINO the new block takes 2, 0.5 and 0.25 times as long; elsewhere always twice.
        channels = m.case.input_shape[-1]
        times = 1.0
        if m.case.name == "conv_layers":
            times = {4: 2.0, 16: 0.5, 64: 0.25}[channels] if m.case.runtime == "openvino" else 2.0
        return replace(m, samples_ns=tuple(round(times * ns) for ns in m.samples_ns))

    run = replace(run, measurements=tuple(map(by_channels, run.measurements)))
    found = compared_blocks(run.plan, results(run)[0])
    (group,) = over_runtimes(found)
    headers, rows = crossover_by_runtime.rows(group)
    assert headers[:2] == ["runtime", "conv_layers is faster at C"]
    said = {row[0]: row[1] for row in rows}
    # Between 2 and 0.5 times on a logarithmic scale the middle, on paper of logarithms: 8.
    assert said["openvino"] == "from about 8 [4, 16]"
    assert said["tensorflow"] == "never from 4 to 64"
    assert rows[0][2].startswith("2.00 [")
    assert rows[1][-1].startswith("0.25 [")
    assert (
        "is faster than vgg_block**: on tensorflow never from 4 to 64; on openvino from about 8 "
        "[4, 16]; on litert never from 4 to 64; on jax never from 4 to 64."
    ) in headline_of(document(run))
    drawing = crossover_by_runtime.draw(group)
    assert [axes.get_title() for axes in drawing.axes if axes.get_visible()] == list(SECONDS)
    cases = run.plan.cases
    (tab,) = live.by_runtime(group, {case.id: (i,) for i, case in enumerate(cases)})["tabs"]
    for panel in tab["panels"]:  # each ratio is of two cases, which it marks
        for i, channels in enumerate(panel["x"]):
            marked = [cases[row] for row in panel["cases"][i]]
            assert [case.name for case in marked] == list(names)
            assert {case.input_shape[-1] for case in marked} == {channels}
            assert {case.runtime for case in marked} == {panel["name"]}
    # What is on paper is told once, not for each runtime.
    page = formats.markdown(document(run))
    assert page.count("On paper the two swap order") == 1
    assert page.count("![vgg_block and conv_layers over input channels]") == 1


def test_what_a_runtime_cannot_do_is_said_at_the_end_of_a_run():
    run = stored(suites.of_networks(BOTH, modes=["train"]))
    assert {case.runtime for case in run.plan.cases} == {"tensorflow"}
    assert "openvino has no mode train; it has infer" in formats.text(summary.document(run))


def test_every_runtime_names_its_modes_and_what_installs_it():
    for name in runtimes.names():
        runtime = runtimes.load(name)
        assert all(hasattr(runtime, part) for part in runtimes.PARTS), name
        assert runtimes.exporter(name) == "" or runtime.SUFFIX.startswith(".")
        if runtimes.shares(name) and name != "tensorflow":
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(runtimes, "_installed", lambda module: False)
                assert f"cnnbench[{runtime.EXTRA}]" in runtimes.missing(name)


def test_the_peak_of_an_exported_file_is_not_held_against_the_number_on_paper():
    """It allocates as it loads, so its first call says nothing of that."""
    run = timed(suites.of_networks({"net": Network("vgg_block")}))
    run = replace(run, measurements=tuple(replace(m, peak_bytes=4096) for m in run.measurements))
    said = formats.text(document(run))
    told = said[said.index("What the peaks of memory are") :]
    assert "Over 2 cases the number on paper" in told
    table = told[: told.index("\n\n", told.index("on paper off by"))]
    assert [line.split()[0] for line in table.splitlines() if line.startswith("net ")]
    assert not {"openvino", "litert"} & set(table.split())
