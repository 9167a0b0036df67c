"""The committed report on the times of keras.io is what its raw data give."""

import csv
import shutil

import pytest

import cnnbench
from benchmarks import plausibility
from cnnbench.analysis.demand import demand
from cnnbench.machine.roofline import Plausibility
from tests.support import words

COMMITTED = plausibility.FOLDER


@pytest.fixture
def again(tmp_path, monkeypatch):
    """The raw data in a folder of their own, to which the report is written."""
    for name in ("keras_io.csv", "demands.csv"):
        shutil.copy(COMMITTED / name, tmp_path)
    monkeypatch.setattr(plausibility, "FOLDER", tmp_path)
    return tmp_path


def test_the_report_comes_from_its_raw_data(again):
    plausibility.report()
    assert (again / "README.md").read_bytes() == (COMMITTED / "README.md").read_bytes()
    assert words(again) == words(COMMITTED)
    assert (again / "times.png").exists()


def test_another_time_gives_another_verdict(again):
    file = again / "keras_io.csv"
    file.write_text(file.read_text().replace("VGG16,224,69.50,4.16", "VGG16,224,69.50,41.6"))
    (row,) = [row for row in plausibility.rows() if row.name == "VGG16"]
    assert row.gpu("TF32", 32).verdict is Plausibility.PLAUSIBLE
    plausibility.report()
    assert (again / "README.md").read_text() != (COMMITTED / "README.md").read_text()


def test_the_demands_are_those_of_the_catalogue():
    """The networks that the catalogue has too, counted without Keras."""
    rows = {row.name: row for row in plausibility.rows()}
    for name, target in (("VGG16", "vgg16"), ("VGG19", "vgg19")):
        for batch in (1, 32):
            wanted = demand(cnnbench.trace(target, batch_size=batch))
            found = rows[name].demands[batch]
            assert found.flops == wanted.flops
            assert found.compulsory_bytes == wanted.compulsory_bytes
            assert found.least_flops == pytest.approx(wanted.least_flops)


def test_the_demands_are_twice_the_multiply_adds_that_others_count():
    """Equal to reports/agreement, where Keras, TensorFlow and XLA are asked."""
    with open(COMMITTED.parent / "agreement" / "agreement.csv", newline="") as file:
        macs = {(r["application"], r["input"]): int(r["macs"]) for r in csv.DictReader(file)}
    rows = plausibility.rows()
    assert len(rows) == 26
    for row in rows:
        assert row.demands[1].flops == 2 * macs[row.name, f"{row.size}x{row.size}x3"]


def test_the_vgg_networks_cannot_be_that_fast_in_plain_float32():
    rows = {row.name: row for row in plausibility.rows()}
    for name in ("VGG16", "VGG19"):
        assert rows[name].gpu("FP32", 32).verdict is Plausibility.IMPOSSIBLE
        assert rows[name].gpu("TF32", 32).verdict is Plausibility.SUSPICIOUS
    # 2 * 495 G / 69.5 ms; disagreements between sources have it at 14.2 TFLOP/s too.
    assert rows["VGG16"].cpu(32).rate == pytest.approx(14.2e12, rel=0.01)
