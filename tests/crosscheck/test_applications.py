"""Every model of keras.applications, at two sizes, against Keras and TensorFlow's own profiler.

Keras counts the parameters of its own variables; TensorFlow traces the model, infers each shape
and has a statistic for each of its operations. None of it looks at a rule of ours.
"""

import csv
import gc
import json
from copy import deepcopy
from dataclasses import replace

import pytest

from benchmarks.configurations import stripped
from cnnbench.cost import cost
from cnnbench.crosscheck import profiler
from cnnbench.crosscheck.pairing import pair
from cnnbench.networks import resolve, stored
from cnnbench.networks.applications import SIZES
from tests.support import DATA
from tests.support.readers import disagreements

pytestmark = pytest.mark.tensorflow

keras = pytest.importorskip("keras")
pytest.importorskip("tensorflow")

with open(DATA / "keras_applications.csv", newline="") as lines:
    PUBLISHED = {row["model"]: int(row["params_exact_2021"]) for row in csv.DictReader(lines)}
SMALL = (97, 129, 3)  # odd and oblong: every stride rounds and "same" pads unevenly


@pytest.fixture(autouse=True)
def _garbage_is_collected_once():
    """TensorFlow's graph of a model holds itself. Collected at the end of a test only, all that
    the test made is still of the youngest generation, and nothing else is searched.
    """
    gc.disable()
    yield
    gc.enable()
    gc.collect(0)


def read(name, shape=None, batch_size=1):
    """A model without values, at a size without its top, and our graph of its configuration."""
    keras.utils.clear_session(free_memory=False)
    target = resolve(f"keras.applications.{name}", include_top=shape is None)
    sizes = shape and [shape]
    graph = target.trace(sizes, batch_size)
    assert not target._model
    return graph, target.keras(sizes)


def unnamed(node):
    weights = tuple(replace(weight, name="") for weight in node.rule.weights)
    return replace(node, name="", rule=replace(node.rule, weights=weights))


def assert_agrees(graph, trace, model):
    found = pair(graph, trace.calls)
    assert [row for layer in found for row in layer.rows() if not row.equal] == []
    paper = cost(graph)
    assert paper.uncounted == ()
    # The layers are all there: their parts make up what Keras says of the whole.
    assert sum(layer.keras_params[0] for layer in found) == model.count_params() == paper.params
    assert sum(layer.macs for layer in found) == paper.macs


@pytest.mark.parametrize("name", SIZES)
def test_an_application_at_its_size(name):
    graph, model = read(name)
    trace = profiler.trace(graph, model)
    assert_agrees(graph, trace, model)
    assert disagreements(graph, trace) == []
    # The configuration in the package is Keras', and read from either the graph is the same.
    theirs, ours = stripped(json.loads(model.to_json())), deepcopy(stored.application(name))
    for layer, other in zip(ours["config"]["layers"], theirs["config"]["layers"], strict=True):
        if "before_kernel" in layer["config"].get("padding", ""):
            layer["config"]["padding"] = other["config"]["padding"]  # at this size
    assert ours | {"without_top": None} == theirs | {"without_top": None}
    again = resolve(model).trace(None, 1, None)
    assert list(map(unnamed, again.nodes)) == list(map(unnamed, graph.nodes))
    assert again.outputs == graph.outputs
    assert PUBLISHED.get(name) in (None, cost(graph).params)


@pytest.mark.parametrize("name", SIZES)
def test_an_application_at_another_size_without_its_top(name, monkeypatch):
    graph, model = read(name, SMALL, batch_size=2)
    # Half of a trace, and compared above. Passed through, its output is still what its rule must
    # give, and its weights are still Keras'.
    monkeypatch.setattr(keras.layers.BatchNormalization, "call", lambda self, inputs, **_: inputs)
    assert_agrees(graph, profiler.trace(graph, model), model)
    # With its top: the same layers, and then those of its own size, which is compared above.
    own, whole = (resolve(name).trace(sizes, 2) for sizes in (None, [SMALL]))
    shared = len(graph.nodes) - name.startswith("ConvNeXt")  # which ends in a norm of its own
    assert whole.nodes[:shared] == graph.nodes[:shared]
    head = [node.rule for node in own.nodes[shared + 1 :]]
    if name.startswith("VGG"):  # whose first weights depend on the size
        assert cost(whole).params == resolve(name).keras([SMALL]).count_params()
        shared, head = shared + 1, head[1:]
    assert [node.rule for node in whole.nodes[shared + 1 :]] == head
