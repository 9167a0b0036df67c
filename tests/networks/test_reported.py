"""Networks of the kinds that people reported trouble with: all of them are counted right.

The right values stand beside each network, worked out by hand or by Keras' own variables.
"""

import pytest

from cnnbench import networks
from cnnbench.cost import cost
from cnnbench.errors import TargetError

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore")]

keras = pytest.importorskip("keras")
pytest.importorskip("tensorflow")

from tests.networks import reported  # noqa: E402 - it makes networks of Keras

UNKNOWN = {"sampler": "RandomNormal"}
"""Networks whose work is not known, and why."""

LOST = {
    "dense_in_two_wrappers": "that the two wrappers share a layer",
    "convolution_wrapped_and_plain": "that the two share a layer",
    "tensorflow_in_a_lambda": "code that is not run",
    "function_with_a_known_name": "which function has the name",
}
"""What Keras does not write into a file, so that it opens another network, or none."""

VALUES = {
    "params": "params",
    "trainable": "trainable_params",
    "macs": "macs",
    "elementwise": "elementwise",
    "weight_bytes": "weight_bytes",
}


@pytest.fixture(autouse=True)
def fresh_names():
    keras.utils.clear_session(free_memory=False)


def assert_right(name, target):
    network = networks.resolve(target)
    found = cost(network.trace(None, 1, None))
    right = dict(reported.RIGHT[name])
    least = right.pop("elementwise_at_least", 0)
    assert found.elementwise >= least
    assert {key: getattr(found, VALUES[key]) for key in right} == right
    reasons = [layer.uncounted for layer in found.uncounted]
    assert all(UNKNOWN.get(name, "nothing") in reason for reason in reasons), reasons


@pytest.mark.parametrize("name", reported.RIGHT)
def test_as_an_object(name):
    assert_right(name, getattr(reported, name)())


@pytest.mark.parametrize("name", reported.RIGHT)
def test_by_a_function_that_makes_it(name):
    assert_right(name, f"tests.networks.reported:{name}")


@pytest.mark.parametrize("name", [name for name in reported.RIGHT if name not in LOST])
def test_from_a_file(name, tmp_path):
    path = tmp_path / "saved.keras"
    try:
        getattr(reported, name)().save(path)
    except TypeError:
        pytest.skip("Keras itself cannot save it")
    try:
        assert_right(name, str(path))
    except TargetError:
        with pytest.raises((TypeError, ValueError)):
            keras.saving.load_model(path, compile=False)
