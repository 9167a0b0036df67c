"""The numbers that torchvision publishes with its weights, for every network that we have too.

`data/torchvision_counterparts.csv` says for each of torchvision's models which of ours is the
same network, and what torchvision's has more, worked out by hand. torchvision counts what is
trained, without moving statistics, and the multiply-adds of convolutions and dense layers.
"""

import csv
from functools import cache

import pytest

from cnnbench import blocks
from cnnbench.cost import cost
from cnnbench.networks import resolve
from cnnbench.networks.applications import SIZES
from tests.support import DATA

pytestmark = pytest.mark.tensorflow

pytest.importorskip("keras")


def table(name):
    with open(DATA / f"{name}.csv", newline="") as lines:
        return list(csv.DictReader(lines))


PUBLISHED = table("torchvision")
TABLE = table("torchvision_counterparts")
PAIRS = [row for row in TABLE if row["counterpart"]]


def published(model):
    (row,) = (row for row in PUBLISHED if row["model"] == model)
    return row


@cache
def ours(name, options, size):
    params = dict(option.split("=") for option in options.split())
    shapes = [(size, size, 3)]
    return cost(resolve(name, shapes, params=params).trace(shapes, 1, None))


def of(row):
    return ours(row["counterpart"], row["options"], int(published(row["model"])["crop_size"]))


def named(rows):
    return [pytest.param(row, id=f"{row['model']}-{row['counterpart']}") for row in rows]


@pytest.mark.parametrize("row", named(PAIRS))
def test_parameters_are_torchvisions(row):
    assert of(row).trainable_params + int(row["params_more"]) == int(
        published(row["model"])["num_params"]
    )


@pytest.mark.parametrize("row", named(PAIRS))
def test_multiply_adds_are_torchvisions(row):
    found = of(row)
    assert found.uncounted == ()
    expected = float(published(row["model"])["ops_gmacs"])  # in 10^9, to three places
    assert round((found.macs + int(row["macs_more"])) / 1e9, 3) == expected


def test_a_difference_is_explained():
    for row in TABLE:
        if row["params_more"] != "0" or row["macs_more"] != "0" or not row["counterpart"]:
            assert row["why"], row


def test_every_model_of_torchvision_is_in_the_table():
    assert {row["model"] for row in TABLE} == {row["model"] for row in PUBLISHED}


def test_what_the_table_says_we_do_not_have_we_do_not_have():
    ours = {name.lower() for name in (*blocks.catalogue(), *SIZES)}
    missing = {row["model"] for row in TABLE if not row["counterpart"]}
    assert not {name for name in missing if name.replace("_", "") in ours or name in ours}


def test_one_bias_or_one_tap_more_would_be_found():
    found = ours("VGG16", "", 224)
    row = published("vgg16")
    assert found.trainable_params + 64 != int(row["num_params"])
    # The first 3x3 with a tap less: 224 * 224 * 64 * 3 = 9.6e6 of 15.470e9
    assert round((found.macs - 224 * 224 * 64 * 3) / 1e9, 3) != float(row["ops_gmacs"])
