"""A Keras model from its configuration, as a file holds it: no framework, and nothing is executed.

Keras 3 and Keras 2 write it as JSON: the class, the arguments and the connections of each layer.
What the rules cannot read from it is for Keras to open.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from cnnbench.errors import NoRuleError
from cnnbench.graph import ITEMSIZE, RULES, Graph, Tensor, argument_names, checked, merges
from cnnbench.layers.activation import OPERATIONS
from cnnbench.networks.building import Building
from cnnbench.networks.matching import frozen
from cnnbench.networks.on_each_value import on_each_value, operation_of
from cnnbench.rule import Rule, Shape, Weight

Spec = dict[str, Any]
Where = tuple[str, int]
"""A call of a layer: the name of the layer, and how many calls came before."""

_MODELS = ("Functional", "Model", "Sequential")


class NeedsKerasError(Exception):
    """A configuration holds what only Keras can read; the message says what."""


@dataclass(slots=True, eq=False)
class _Call:
    """One call of a layer in a configuration.

    Args:
        layer: its specification.
        inputs: the calls and the outputs that it reads, as [name, call, output].
        tensors: those of them that are not masks.
        options: the other arguments.
    """

    layer: Spec
    inputs: list[tuple[str, int, int]] = field(default_factory=list)
    tensors: list[tuple[str, int, int]] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)


def own_inputs(spec: Spec) -> list[tuple[int | None, ...]]:
    """The size of one sample for each input of a model.

    Raises:
        NeedsKerasError: the configuration does not say it.
    """
    with _or_keras():
        configs = [layer["config"] for layer in _inputs(spec)]
        return [tuple(c.get("batch_shape") or c["batch_input_shape"])[1:] for c in configs]


def read(
    spec: Spec, input_shapes: Sequence[Shape], batch_size: int = 1, dtype: str | None = None
) -> Graph:
    """The graph of a model; the arguments are those of `reader.read`.

    Raises:
        ShapeError: as `reader.read`.
        NeedsKerasError: only Keras can read it.
    """
    shapes = [checked(shape, batch_size, dtype or "float32") for shape in input_shapes]
    with _or_keras():
        reader = _Reader(dtype or _own(spec), keep_dtypes=dtype is None)
        reader.model(spec, shapes)
    return reader.graph


@contextmanager
def _or_keras() -> Iterator[None]:
    """What is not written as Keras writes it is for Keras to judge."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise NeedsKerasError(f"{type(error).__name__}: {error}") from None


class _Reader(Building):
    def model(self, spec: Spec, shapes: Sequence[Shape]) -> None:
        configs = [layer["config"] for layer in _inputs(spec)]
        names = [str(config["name"]) for config in configs]
        dtypes = [self.own_dtype(config.get("dtype") or "float32") for config in configs]
        inputs = self.begin(zip(names, shapes, dtypes, strict=True))
        self.graph.finish(self.inside(spec, inputs))

    def inside(self, spec: Spec, inputs: Sequence[Tensor]) -> list[Tensor]:
        """The calls of the layers of a model, in the order in which Keras runs them."""
        config = spec["config"]
        if spec["class_name"] == "Sequential":
            (x,) = inputs
            for layer in config["layers"]:
                if layer["class_name"] != "InputLayer":
                    x, *_ = self.call(_Call(layer, [("", 0, 0)], [("", 0, 0)]), [x])
            return [x]
        calls = _calls(config["layers"])
        known: dict[tuple[str, int, int], Tensor] = {}
        for ref, tensor in zip(_refs(config["input_layers"]), inputs, strict=True):
            known[ref] = tensor
        outputs = list(_refs(config["output_layers"]))
        for name, index in _order(calls, outputs, list(known)):
            call = calls[name, index]
            if call.inputs:
                found = self.call(call, [known[ref] for ref in call.inputs])
                known.update(((name, index, k), tensor) for k, tensor in enumerate(found))
        return [known[ref] for ref in outputs]

    def call(self, call: _Call, inputs: list[Tensor]) -> list[Tensor]:
        """One call of a layer."""
        kind, config = call.layer["class_name"], call.layer["config"]
        if not isinstance(config["name"], str):
            raise NeedsKerasError(f"a layer of the class {kind} has no name")
        if kind in _MODELS:
            with self.graph.scope(config["name"]):
                return self.inside(call.layer, inputs)
        shapes = [x.shape for x in inputs]
        key = operation_of(call.layer)
        if key:
            rule = on_each_value(key, shapes, call.options)
            return self.append(call.layer, f"ops.{key.split('.')[1]}", {}, inputs, rule)
        if kind in _SCALED and not _is_of_keras(call.layer):
            with self.graph.scope(config["name"]):
                return self.scaled(call.layer, inputs)
        if kind == "Lambda":
            rule = Rule(_after(config, shapes[0]), window=None)
            return self.append(call.layer, kind, {}, inputs, rule, _CODE)
        rule_of = RULES.get(kind)
        if rule_of is None or not _is_of_keras(call.layer):
            raise NeedsKerasError(f"{config.get('name', kind)} is of the class {kind}")
        if config.get("lora_rank"):
            raise NeedsKerasError(f"{config['name']} has weights of LoRA")
        names = argument_names(rule_of)
        attrs = {name: frozen(config[name]) for name in names if name in config}
        attrs |= {name: value for name, value in call.options.items() if name in names}
        attrs |= {name: _activation(attrs[name]) for name in _ACTIVATIONS if name in attrs}
        if kind == "BatchNormalization" and isinstance(attrs.get("axis"), tuple):
            (attrs["axis"],) = attrs["axis"]  # as Keras 2 writes it
        if kind == "ZeroPadding2D" and isinstance(config["padding"], dict):
            attrs["padding"] = _before(config["padding"]["before_kernel"], shapes[0])
        shapes = [
            x.shape for x, ref in zip(inputs, call.inputs, strict=True) if ref in call.tensors
        ]
        try:
            given = shapes if merges(rule_of) else shapes[0]
            result = self.graph.apply(kind, rule_of, given, attrs, config["name"])
        except NoRuleError as error:
            raise NeedsKerasError(f"{config['name']}: {error}") from None
        return self.append(call.layer, kind, attrs, inputs, result)

    def scaled(self, layer: Spec, inputs: list[Tensor]) -> list[Tensor]:
        """A layer of keras.applications that multiplies by a factor, which may be learned."""
        *others, x = inputs
        learned = layer["class_name"] == "LayerScale"
        weight = Weight("variable", (x.shape[-1],))
        rule = on_each_value("numpy.Multiply", [x.shape, *([weight.shape] * learned)], {})
        rule = replace(rule, weights=(weight,) * learned)
        found = self.append(_named("multiply"), "ops.Multiply", {}, [x], rule)
        for other in others:
            both = [other, *found]
            rule = on_each_value("numpy.Add", [y.shape for y in both], {})
            found = self.append(_named("add"), "ops.Add", {}, both, rule)
        return found

    def append(
        self,
        layer: Spec,
        op: str,
        attrs: dict[str, Any],
        inputs: Sequence[Tensor],
        rule: Rule,
        uncounted: str = "",
    ) -> list[Tensor]:
        """A node, as `reader` adds it."""
        config = layer["config"]
        trainable = config.get("trainable", True)
        shared: tuple[Weight, ...] = ()
        if not trainable:
            rule = replace(rule, weights=tuple(replace(w, trainable=False) for w in rule.weights))
        if self.calls[id(layer)]:
            rule, shared = replace(rule, weights=()), rule.weights
        own = _policy(config.get("dtype") or "float32")
        dtypes = None if op.startswith("ops.") else own
        return self.add_call(
            layer, config["name"], op, attrs, inputs, rule, uncounted, dtypes, shared, trainable
        )


_SCALED = ("LayerScale", "CustomScaleLayer")
"""Layers of keras.applications: ConvNeXt's has a weight, that of Inception-ResNet has none."""


def _named(name: str) -> Spec:
    return {"class_name": "", "config": {"name": name}}


_ACTIVATIONS = ("activation", "recurrent_activation")

_CODE = "the file holds its code, which is not run; it is taken to keep the size of its input"


def _inputs(spec: Spec) -> list[Spec]:
    """The input layers of a model."""
    config = spec["config"]
    if spec["class_name"] not in _MODELS or not isinstance(config, dict):
        raise NeedsKerasError(f"it is of the class {spec['class_name']}")
    by_name = {layer["config"]["name"]: layer for layer in config["layers"]}
    if spec["class_name"] == "Sequential":
        first, *_ = config["layers"]
        if first["class_name"] == "InputLayer":
            return [first]
        shape = config.get("build_input_shape") or first["config"].get("batch_input_shape")
        if shape is None:
            raise NeedsKerasError("it does not say the size of its input")
        name = f"{first['config']['name']}_input"
        return [{"class_name": "InputLayer", "config": {"name": name, "batch_shape": shape}}]
    found = [by_name[name] for name, _, _ in _refs(config["input_layers"])]
    if any(layer["class_name"] != "InputLayer" for layer in found):
        raise NeedsKerasError("its inputs are no input layers")
    return found


def _calls(specs: Sequence[Spec]) -> dict[Where, _Call]:
    """Every call of every layer of a functional model."""
    calls = {}
    for layer in specs:
        name = layer.get("name") or layer["config"]["name"]
        nodes = layer.get("inbound_nodes") or ([[]] if layer["class_name"] == "InputLayer" else [])
        for index, node in enumerate(nodes):
            calls[name, index] = _call(layer, node)
    return calls


def _call(layer: Spec, node: Any) -> _Call:
    if isinstance(node, list):  # Keras 2: [name, call, output, options] for each tensor
        if node and isinstance(node[0], str):
            node = [node]
        refs = [(name, index, output) for name, index, output, *_ in node]
        options = {k: v for _, _, _, *more in node for given in more for k, v in given.items()}
        if list(_refs(list(options.values()))):
            raise NeedsKerasError("a tensor among the options of a call")
        return _Call(layer, refs, refs, options)
    positional = list(_tensors(node["args"]))
    named = {name: list(_tensors(value)) for name, value in sorted(node["kwargs"].items())}
    masks = [name for name in named if "mask" in name]
    if sum(bool(refs) for name, refs in named.items() if name not in masks) > bool(not positional):
        raise NeedsKerasError(f"{layer['class_name']} is called with several tensors by name")
    inputs = [*positional, *(ref for refs in named.values() for ref in refs)]
    tensors = [*positional, *(x for name, refs in named.items() if name not in masks for x in refs)]
    options = {name: node["kwargs"][name] for name, refs in named.items() if not refs}
    return _Call(layer, inputs, tensors, options)


def _tensors(value: Any) -> Iterator[tuple[str, int, int]]:
    """The tensors among the arguments of a call in Keras 3."""
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            name, index, output = value["config"]["keras_history"]
            yield name, index, output
        else:
            for _, inner in sorted(value.items()):
                yield from _tensors(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _tensors(inner)


def _refs(value: Any) -> Iterator[tuple[str, int, int]]:
    """The references to tensors in nested lists and dictionaries."""
    if isinstance(value, dict):
        value = [inner for _, inner in sorted(value.items())]
    if isinstance(value, list):
        if len(value) == 3 and isinstance(value[0], str) and isinstance(value[1], int):
            yield tuple(value)
        else:
            for inner in value:
                yield from _refs(inner)


def _order(
    calls: dict[Where, _Call],
    outputs: Sequence[tuple[str, int, int]],
    inputs: Sequence[tuple[str, int, int]],
) -> list[Where]:
    """The calls in the order in which Keras runs them: by their distance from the outputs.

    It is that of `map_graph` in Keras, so that both ways give the same graph.
    """
    finished: dict[Where, None] = {}

    def visit(where: Where) -> None:
        if where not in finished:
            for name, index, _ in calls[where].inputs:
                visit((name, index))
            finished[where] = None

    for name, index, _ in outputs:
        visit((name, index))
    depths: dict[Where, int] = {}
    of_layer: dict[str, int] = {}
    for where in reversed(finished):
        depth = max(depths.setdefault(where, 0), of_layer.get(where[0], 0))
        of_layer[where[0]] = depths[where] = depth
        for name, index, _ in calls[where].inputs:
            depths[name, index] = max(depth + 1, depths.get((name, index), 0))
    by_depth: dict[int, list[Where]] = defaultdict(list)
    for where, depth in depths.items():
        by_depth[depth].append(where)
    return [where for depth in sorted(by_depth, reverse=True) for where in by_depth[depth]]


def _is_of_keras(layer: Spec) -> bool:
    """Whether the class of a layer is Keras' own; Keras 2 names no module for its own."""
    module = layer.get("module") or "keras"
    return module.split(".")[0] == "keras" and not layer.get("registered_name")


def _activation(value: Any) -> str:
    """The name of an activation of Keras.

    Raises:
        NeedsKerasError: it is something else.
    """
    if value is None or (isinstance(value, str) and (value in OPERATIONS or value == "glu")):
        return value or "linear"
    raise NeedsKerasError(f"an activation that is {str(value)[:60]}")


def _before(kernel: int, shape: Shape) -> tuple[tuple[int, int], ...]:
    """How keras.applications pads before a kernel with a stride of 2."""
    return tuple((kernel // 2 - 1 + n % 2, kernel // 2) for n in shape[1:3])


def _policy(dtype: Any) -> tuple[str, str]:
    """The types in which a layer computes and stores its weights."""
    if isinstance(dtype, dict):
        if dtype["class_name"] not in ("DTypePolicy", "Policy"):
            raise NeedsKerasError(f"its type is a {dtype['class_name']}")
        dtype = dtype["config"]["name"]
    computed = dtype.removeprefix("mixed_")
    if computed not in ITEMSIZE:
        raise NeedsKerasError(f"its type is {dtype}")
    return computed, "float32" if dtype.startswith("mixed_") else dtype


def _own(spec: Spec) -> str:
    """The type in which most layers of a model compute, as `policies.own` finds it."""
    found = Counter(map(_policy, _policies(spec)))
    return found.most_common(1)[0][0][0] if found else "float32"


def _policies(spec: Spec) -> Iterator[Any]:
    for layer in spec["config"]["layers"]:
        if layer["class_name"] in _MODELS:
            yield from _policies(layer)
        elif layer["class_name"] != "InputLayer" and not operation_of(layer):
            yield layer["config"].get("dtype") or "float32"


def _after(config: dict[str, Any], shape: Shape) -> Shape:
    """The shape after a layer whose code is not run."""
    given = config.get("output_shape")
    if isinstance(given, list) and all(isinstance(size, int) for size in given):
        return (shape[0], *given)
    return shape
