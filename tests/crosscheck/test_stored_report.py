"""The committed report on agreement is what its raw data give, and these are what we say now."""

import shutil

import pandas as pd
import pytest

from benchmarks import agreement
from tests.support import words

RAW = ("layers.csv.gz", "operations.csv", "versions.csv", "xla.csv.gz")
COMMITTED = agreement.FOLDER


@pytest.fixture
def again(tmp_path, monkeypatch):
    """The raw data in a folder of their own, to which the report is written."""
    for name in RAW:
        shutil.copy(COMMITTED / name, tmp_path)
    monkeypatch.setattr(agreement, "FOLDER", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["README.md", "agreement.csv"])
def test_the_report_comes_from_its_raw_data(again, name):
    agreement.report()
    assert (again / name).read_bytes() == (COMMITTED / name).read_bytes()


def test_the_page_says_the_same(again):
    agreement.report()
    assert words(again) == words(COMMITTED)
    assert words(again).count("<table>") == 7


def test_the_report_says_that_everything_agrees_and_so_it_does(again):
    rows = agreement.summary()
    assert len(rows) == 80
    assert rows.application.nunique() == 40
    assert (rows.params == rows.keras_params).all()
    assert (rows.trainable == rows.keras_trainable).all()
    assert (rows.macs == rows.traced_macs).all()
    for equal in ("equal_params", "equal_shapes"):
        assert (rows[equal] == rows.layers).all()
    for equal in ("equal_products", "equal_xla_products"):
        assert (rows[equal] == rows.products).all()
    assert (agreement._read("layers.csv.gz").not_compared == "").all()


@pytest.mark.parametrize(
    ("name", "column", "lost"),
    [
        ("layers.csv.gz", "keras_params", "equal_params"),
        ("layers.csv.gz", "traced_macs", "equal_products"),
        ("layers.csv.gz", "traced_shape", "equal_shapes"),
        ("layers.csv.gz", "inside_macs", "equal_xla_products"),
        ("xla.csv.gz", "xla_flops", "equal_xla_products"),
    ],
)
def test_one_number_that_differs_is_one_layer_less(again, name, column, lost):
    before = agreement.summary()[lost].sum()
    frame = agreement._read(name)
    index = frame.index[(frame.application == "VGG16") & frame.layer.eq("block1_conv1")][0]
    # 64 is one position of its 64 filters; XLA's 32-bit float would not show a single one.
    wrong = "1x1" if column == "traced_shape" else frame.loc[index, column] + 64
    frame.loc[index, column] = wrong
    agreement._write(name, frame.columns, frame.to_numpy())
    assert agreement.summary()[lost].sum() == before - 1


@pytest.mark.tensorflow
def test_the_raw_data_are_what_we_say_now(again, monkeypatch):
    pytest.importorskip("tensorflow")
    names = ("ConvNeXtTiny", "MobileNetV3Small", "VGG16")
    monkeypatch.setattr(agreement, "SIZES", dict.fromkeys(names, 224))
    agreement.tensorflow()
    for name in ("layers.csv.gz", "operations.csv"):
        now = agreement._read(name)
        then = pd.read_csv(COMMITTED / name, keep_default_na=False, na_values={"flops": ""})
        then = then[then.application.isin(names)].reset_index(drop=True)
        order = [*agreement.MODEL, *then.columns[2:3]]
        pd.testing.assert_frame_equal(
            now.sort_values(order, kind="stable").reset_index(drop=True),
            then.sort_values(order, kind="stable").reset_index(drop=True),
        )
