"""The other readers of a Keras model, held against `networks.reader`.

The second reads the operations that TensorFlow runs, without its layers. It shares no code with
the first that follows a model, and takes no argument of a layer: sizes, strides, groups and
weights are those of TensorFlow's operations. Compared are the multiply-adds of every call of a
layer, every weight, and the shapes of the outputs.

Work on single values is not compared, for TensorFlow divides it otherwise: it folds the constants
of a batch normalisation into a scale and an offset of each channel (5 operations a channel more),
computes GELU, swish and layer normalisation from parts, and broadcasts by copies.

The third reads the configuration that Keras writes, without Keras: the same graph, node for node.
"""

import json
from collections import Counter

from cnnbench.crosscheck.pairing import pair
from cnnbench.crosscheck.profiler import Trace
from cnnbench.graph import Graph, Node, Tensor
from cnnbench.networks import configuration
from cnnbench.networks.matching import function_of
from cnnbench.networks.operations import Operations
from cnnbench.rule import Rule, Weight


def from_configuration(model, shapes, batch_size: int = 1) -> dict | None:
    """The graph by the configuration of a model; None if that leaves a part to Keras."""
    spec = json.loads(model.to_json())
    try:
        return configuration.read(spec, shapes, batch_size, None).to_json()
    except configuration.NeedsKerasError:
        return None


def read(trace: Trace) -> Graph:
    """A graph of the operations; their scopes begin with the index of their call."""
    graph, owned = Graph("float32"), set()
    for index, x in enumerate(trace.traced.inputs):
        shape = Rule(tuple(x.shape), saves="")
        graph.append(Node(f"input_{index}", "InputLayer", {}, (), (), shape))
    graph.inputs = tuple(range(len(trace.traced.inputs)))

    def append(kind, path, rule, inputs, why, dtype):
        sources = tuple(x.index for x in inputs)
        name = f"{kind}_{len(graph.nodes)}"
        outputs = graph.append(Node(name, kind, {}, sources, path, rule, why))
        return outputs if isinstance(outputs, list) else [outputs]

    def new_weights(variables):
        new = [v for v in variables if id(v) not in owned]
        owned.update(map(id, new))
        return tuple(Weight(v.path, tuple(v.shape), v.trainable) for v in new)

    given = [Tensor(graph, index) for index in graph.inputs]
    graph.finish(Operations(trace.traced, None, append, new_weights).read(given))
    return graph


def disagreements(graph: Graph, trace: Trace) -> list[tuple]:
    """What the two readers of a model say otherwise: (where, what, the first, the second)."""
    second = read(trace)
    macs = Counter()
    for node in second.nodes:
        first = node.scope[0] if node.scope else ""
        macs[int(first) if first.isdecimal() else 0] += node.rule.macs
    compared = [
        ("", "not counted", [], [node.uncounted for node in second.nodes if node.uncounted]),
        ("", "outputs", graph.output_shapes, second.output_shapes),
        ("", "weights", _weights(graph), _weights(second)),
    ]
    numbers = [i for i, x in enumerate(trace.calls) if x.name or function_of(x.layer) is None]
    for layer, number in zip(pair(graph, trace.calls), numbers, strict=True):
        compared.append((layer.name, layer.not_compared, layer.macs, macs.pop(number, 0)))
    compared.append(("", "multiply-adds outside layers", 0, macs.total()))
    return [row for row in compared if row[2] != row[3] and not _explained(*row)]


def _explained(where: str, what: str, first: int, second: int) -> bool:
    """TensorFlow pads the blocks of a dilated convolution, and multiplies the padding too."""
    return what == "SpaceToBatchND" and second > first


def _weights(graph: Graph) -> Counter:
    """Every weight by its shape, and whether it is trained.

    A Normalization makes constants of its statistics before it is called.
    """
    nodes = [node for node in graph.nodes if node.op != "Normalization"]
    return Counter((w.shape, w.trainable) for node in nodes for w in node.rule.weights)
