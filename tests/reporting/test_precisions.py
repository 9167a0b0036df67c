"""Reports of runs in several data types: what each changes, on each runtime."""

from dataclasses import replace
from pathlib import Path

from cnnbench import runtimes
from cnnbench.cases import suites
from cnnbench.networks import Network
from cnnbench.reporting import formats
from cnnbench.reporting.runs import summary
from cnnbench.reporting.runs.page import document
from cnnbench.reporting.runs.sections import precisions
from cnnbench.reporting.runs.sections.compared import against
from cnnbench.runner import planning
from cnnbench.runner.server import Workers
from cnnbench.runs.result import results
from cnnbench.runs.store import Exported, Run
from tests.support import synthetic

FASTER = {"float32": 1, "bfloat16": 2, "int8": 4}
"""Times as fast as in float32."""


def stored(networks, dtypes=tuple(FASTER)):
    names = ("tensorflow", "openvino")
    places = [suites.Place("cpu", name, runtimes.load(name).MODES) for name in names]
    suite = suites.of_networks(networks, dtypes=dtypes)
    plan = planning.plan(suite, places, Workers({}), 120.0, launches=3)
    made = [
        replace(
            synthetic.measure(replace(case, dtype="float32"), launch),
            case=case,
            difference=FASTER[case.dtype] / 1000,
        )
        for launch in range(3)
        for case in plan.cases
    ]
    found = [
        replace(m, samples_ns=tuple(12 * ns // FASTER[m.case.dtype] for ns in m.samples_ns))
        for m in made
    ]
    sizes = {"float": 157_696, "int8": 53_248}
    files = {
        case.export_key: Exported(case.export_key, "openvino", case.name, bytes=size)
        for case in plan.cases
        for kind, size in sizes.items()
        if case.runtime == "openvino" and case.export_key.endswith(kind)
    }
    return Run(Path(), plan, tuple(found), exports=files)


def test_each_data_type_stands_beside_float32_with_what_it_changes():
    headers, rows = precisions.rows(results(stored({"block": Network("vgg_block")}))[0])
    assert headers == [
        *("network", "precision", "time per call", "times float32"),
        *("weights", "file", "difference"),
    ]
    # 64 * 27 + 64 * 576 = 38,592 values in kernels and 128 biases.
    table = [[row[0], row[1], row[3][:4], *row[4:]] for row in rows]
    where = "block 256x256x3"
    assert table == [
        [where, "float32", "1", "151 KiB", "-", "1e-03"],
        [where, "bfloat16", "0.50", "75.6 KiB", "-", "2e-03"],
        [f"{where} openvino", "float32", "1", "151 KiB", "154 KiB", "1e-03"],
        [f"{where} openvino", "bfloat16", "0.50", "75.6 KiB", "154 KiB", "2e-03"],
        [f"{where} openvino", "int8", "0.25", "38.2 KiB", "52.0 KiB", "4e-03"],
    ]


def test_one_data_type_has_no_such_table():
    run = stored({"block": Network("vgg_block")}, ["float32"])
    assert precisions.rows(results(run)[0])[1] == []
    assert "What a precision changes" not in formats.markdown(document(run))


def test_the_table_is_on_the_page_and_in_the_summary(undrawn):
    run = stored({"block": Network("vgg_block")})
    assert "What a precision changes" in formats.markdown(document(run))
    assert "times float32" in formats.text(summary.document(run))
    assert "tensorflow has no data type int8" in formats.text(summary.document(run))


def test_networks_are_compared_in_the_same_data_type():
    run = stored({"narrow": Network("vgg_block", {"n_filters": 4}), "wide": Network("vgg_block")})
    found = against(run, results(run)[0])
    assert len(found) == 2 + 3
    for place in found:
        ((other, _),) = place.others
        assert (other.label, other.case.dtype) == ("wide", place.base.case.dtype)
    assert "int8" in found[-1].where
