"""Every layer of Keras has a rule, or is known to have none and why."""

import subprocess
import sys

import pytest

from cnnbench import layers
from cnnbench.graph import RULES

pytestmark = pytest.mark.tensorflow

keras = pytest.importorskip("keras")

NOT_A_LAYER_OF_A_GRAPH = {
    "Layer": "the base class",
    "Wrapper": "the base class of layers that hold one",
    "InputSpec": "no layer",
    "InputLayer": "the input of a graph itself",
}

layers.load_all()


def names():
    """The class of every public layer; an alias such as Convolution2D counts once."""
    found = {x.__name__ for x in vars(keras.layers).values() if isinstance(x, type)}
    return sorted(found - set(NOT_A_LAYER_OF_A_GRAPH))


@pytest.mark.parametrize("name", names())
def test_a_layer_has_a_rule_or_a_reason(name):
    assert (name in RULES) != (name in layers.NO_RULE)


def test_every_reason_is_of_a_layer_that_keras_has():
    assert set(layers.NO_RULE) <= set(names())
    assert all(layers.NO_RULE.values())


def test_what_is_skipped_is_in_keras():
    assert all(hasattr(keras.layers, name) for name in NOT_A_LAYER_OF_A_GRAPH)


def test_the_rules_are_imported_when_they_are_asked_for():
    program = """
import sys
from cnnbench import layers
before = [name for name in sys.modules if name.startswith("cnnbench.layers.")]
layers.load_all()
print(before, "cnnbench.layers.conv" in sys.modules)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == ["[]", "True"]
