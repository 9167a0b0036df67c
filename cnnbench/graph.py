"""GRAPH: what a block does, as data.

A block is an ordinary function on tensors. Called with a `Tensor` of ours, every layer in
it appends a `Node` to a `Graph`; called with a Keras tensor, the same layer functions
build Keras layers. Nothing else in the package describes a network.

Shapes start with the batch, and are channels-last unless a layer says otherwise:
(n, h, w, c).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, partial, wraps
from inspect import signature
from typing import Any

from cnnbench.errors import ShapeError
from cnnbench.records import Record, one_line
from cnnbench.rule import Rule, Shape, Weight, record

DTYPES = ("float32", "float16", "bfloat16")
"""The data types that a network may be analysed in."""

POLICIES = (*DTYPES, "mixed_float16", "mixed_bfloat16")
"""Those of Keras. A mixed one computes in 16 bits and keeps its weights in float32."""

PRECISIONS = (*POLICIES, "int8")
"""Those that a network may run in."""

_OF_SIZE = {
    8: "float64 int64 uint64",
    4: "float32 int32 uint32",
    2: "float16 bfloat16 int16 uint16",
    1: "int8 uint8 bool float8_e4m3fn float8_e5m2",
}

ITEMSIZE = {name: size for size, names in _OF_SIZE.items() for name in names.split()}
"""Bytes of one value of each data type; a Keras model may use any."""

LARGEST = 10**18
"""The largest size, channel count or batch: beyond any machine, but its products can be printed."""


@record
class Node:
    """One call of a layer in a graph.

    Args:
        name: of the layer.
        op: the Keras class; "ops." and the class for an operation of `keras.ops`.
        attrs: the arguments of the class.
        inputs: the nodes that it reads.
        scope: the blocks or models in which it is nested, outermost first.
        rule: what it costs.
        uncounted: why there is no rule for it; its work is then missing from `rule`.
        dtype: of its output, if it is not the graph's.
        weight_dtype: of its weights, if it is not the graph's.
        shared: weights that it uses but that an earlier call of the same layer owns.
    """

    name: str
    op: str
    attrs: dict[str, Any]
    inputs: tuple[int, ...]
    scope: tuple[str, ...]
    rule: Rule
    uncounted: str = ""
    dtype: str | None = None
    weight_dtype: str | None = None
    shared: tuple[Weight, ...] = ()


@dataclass(slots=True, eq=False)
class Tensor:
    """The output of one node of a graph that is being traced."""

    graph: Graph
    index: int
    output: int = 0

    @property
    def shape(self) -> Shape:
        """The shape of the tensor, batch first."""
        rule = self.graph.nodes[self.index].rule
        return rule.others[self.output - 1] if self.output else rule.shape


@dataclass(slots=True)
class Graph(Record):
    """The layers of a network in the order in which they were called.

    A layer that is added belongs to the blocks of `current_scope`, outermost first. The name is
    that of the network, with its parameters.
    """

    dtype: str = "float32"
    nodes: list[Node] = field(default_factory=list)
    inputs: tuple[int, ...] = (0,)
    outputs: tuple[int, ...] = ()
    output_shapes: tuple[Shape, ...] = ()
    current_scope: tuple[str, ...] = field(default=(), repr=False)
    _names: Counter[str] = field(default_factory=Counter, repr=False)
    name: str = field(default="", compare=False)

    def __repr__(self) -> str:
        inputs = [self.nodes[i].rule.shape for i in self.inputs if i < len(self.nodes)]
        shapes = " and ".join("x".join(map(str, shape)) for shape in inputs)
        layers = f"{len(self.nodes)} layers"
        return one_line(self, self.name, layers, f"input {shapes}", self.dtype)

    def input_shapes(self) -> tuple[Shape, ...]:
        """The shape of each input, batch first."""
        return tuple(self.nodes[i].rule.shape for i in self.inputs)

    def sample_shapes(self) -> tuple[Shape, ...]:
        """The size of one sample of each input."""
        return tuple(shape[1:] for shape in self.input_shapes())

    def add(
        self,
        op: str,
        rule: Callable[..., Rule],
        inputs: Tensor | Sequence[Tensor],
        attrs: dict[str, Any],
        name: str | None = None,
    ) -> Any:
        """Append a layer; returns its output, or the list of its outputs if it has several."""
        name = name or self._unique(snake_case(op))
        tensors = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
        shapes = [t.shape for t in tensors]
        given = shapes[0] if isinstance(inputs, Tensor) else shapes
        result = self.apply(op, rule, given, attrs, name)
        sources = tuple([t.index for t in tensors])
        return self.append(Node(name, op, attrs, sources, self.current_scope, result))

    def apply(
        self, op: str, rule: Callable[..., Rule], shapes: Any, attrs: dict[str, Any], name: str
    ) -> Rule:
        """The result of a rule; if it refuses its input, the ShapeError names the layer."""
        try:
            return rule(shapes, **attrs)
        except ShapeError as error:
            where = "/".join((*self.current_scope, name))
            raise ShapeError(f"layer {where} ({op}): {error}") from None

    def append(self, node: Node) -> Any:
        """Append a complete node; returns the same as `add`."""
        self.nodes.append(node)
        index = len(self.nodes) - 1
        if node.rule.others:
            return [Tensor(self, index, k) for k in range(len(node.rule.others) + 1)]
        return Tensor(self, index)

    def finish(self, outputs: Sequence[Tensor]) -> None:
        """Set the outputs of the network."""
        self.outputs = tuple(t.index for t in outputs)
        self.output_shapes = tuple(t.shape for t in outputs)

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Layers that are added inside belong to a block of this name."""
        before = self.current_scope
        self.current_scope = (*before, self.scope_name(name))
        try:
            yield
        finally:
            self.current_scope = before

    def scope_name(self, name: str) -> str:
        """The name, with a number from its second block on."""
        return self._unique(f"{name}/").replace("/", "")

    def _unique(self, name: str) -> str:
        # Keras' own numbering (conv2d, conv2d_1, ...), so that the rows of our table and of
        # model.summary() have the same names.
        count = self._names[name]
        self._names[name] += 1
        return f"{name}_{count}" if count else name


def trace(
    function: Callable[..., Any],
    input_shape: Shape,
    *,
    batch_size: int = 1,
    dtype: str = "float32",
    **params: Any,
) -> Graph:
    """Run a block on a symbolic tensor and return the graph of its layers.

    Args:
        function: a block or model, called as `function(x, **params)`.
        input_shape: (h, w, c) of one sample.
        batch_size: samples per forward pass.
        dtype: float32, float16 or bfloat16.
        **params: of the block.

    Raises:
        ShapeError: as `checked`, or a layer refuses its input.
    """
    return follow(Graph(dtype), function, checked(input_shape, batch_size, dtype), params)


def follow(
    graph: Graph, function: Callable[..., Any], shape: Shape, params: dict[str, Any]
) -> Graph:
    """As `trace`, into an empty graph, for a shape, batch first, of numbers, arrays or symbols."""
    x = graph.add("InputLayer", lambda shapes: Rule(shape), [], {})
    out = function(x, **params)
    graph.finish(out if isinstance(out, (list, tuple)) else [out])
    return graph


def checked(input_shape: Shape, batch_size: int = 1, dtype: str = "float32") -> Shape:
    """The shape of an input, batch first.

    Raises:
        ShapeError: a size is not a positive whole number or too large, or the type is unknown.
    """
    check_dtype(dtype)
    shape = (batch_size, *input_shape)
    if not all(type(size) is int and size > 0 for size in shape):
        raise ShapeError(
            "batch and input sizes must be positive whole numbers; got batch "
            f"{batch_size} and input {'x'.join(map(str, input_shape))}"
        )
    if max(shape) > LARGEST:
        raise ShapeError(f"batch and input sizes must be at most {LARGEST:.0e}; got a larger one")
    return shape


def check_dtype(dtype: str, known: Sequence[str] = DTYPES) -> None:
    """Refuse a type that is not known.

    Raises:
        ShapeError: it is none of `known`.
    """
    if dtype not in known:
        raise ShapeError(f"dtype must be one of {', '.join(known)}; got {dtype!r}")


def in_precision(graph: Graph, dtype: str) -> Graph:
    """A graph of floats as it runs in another of PRECISIONS; what is computed stays the same.

    In int8 the activations and the kernels of convolutions and dense layers take a byte a value.
    Other weights take four: biases are int32, and what normalises stays float32.
    """
    computed = dtype.removeprefix("mixed_")
    stored = None if dtype == computed else "float32"
    nodes = [
        replace(
            node,
            weight_dtype=stored,
            # What is given to it stays as it is.
            dtype=None if node.dtype in DTYPES and node.op != "InputLayer" else node.dtype,
        )
        for node in graph.nodes
    ]
    if dtype == "int8":
        nodes = [replace(node, rule=_quantized(node.rule)) for node in nodes]
    return replace(graph, dtype=computed, nodes=nodes)


def _quantized(rule: Rule) -> Rule:
    def quantized(weight: Weight) -> Weight:
        kernel = weight.name.endswith("kernel")
        return weight if kernel else replace(weight, dtype=weight.dtype or "float32")

    return replace(rule, weights=tuple(map(quantized, rule.weights)))


RULES: dict[str, Callable[..., Rule]] = {}
"""The cost rule of every known layer, by its Keras class name."""


@cache
def argument_names(rule: Callable[..., Rule]) -> tuple[str, ...]:
    """The arguments of a rule after the shapes: those of the Keras class that it needs."""
    return tuple(signature(rule).parameters)[1:]


@cache
def merges(rule: Callable[..., Rule]) -> bool:
    """Whether a rule takes a list of shapes: its first argument is then called xs."""
    return next(iter(signature(rule).parameters)) == "xs"


def layer(op: str) -> Callable[[Callable[..., Rule]], Callable[..., Any]]:
    """Turn a rule on shapes into a layer function on tensors.

    The rule is `rule(x, *arguments)`, where x is a shape, or `rule(xs, *arguments)` for a layer
    that merges several inputs, with the names and defaults of the Keras class `op`. The function
    also takes `name=`, as Keras does.
    """

    def register(rule: Callable[..., Rule]) -> Callable[..., Any]:
        if op in RULES:
            raise ValueError(f"two rules for the layer {op}")
        RULES[op] = rule

        @wraps(rule)
        def call(x: Any, *args: Any, name: str | None = None, **attrs: Any) -> Any:
            names = argument_names(rule) if args else ()
            if len(args) > len(names):
                raise TypeError(f"{op} takes at most {len(names)} arguments; got {len(args)}")
            if args:  # not `|`: an argument that is given twice is a TypeError, as in any call
                attrs = dict(**dict(zip(names, args, strict=False)), **attrs)
            first = x[0] if isinstance(x, (list, tuple)) else x
            if isinstance(first, Tensor):
                # Looked up again: a test replaces a rule to see the comparison with Keras fail.
                return first.graph.add(op, RULES[op], x, attrs, name)
            import keras  # here: analysing a graph of our own needs no framework

            if name is not None:
                attrs["name"] = name
            made = getattr(keras.layers, op)(**attrs)
            # Attention with heads takes query and value as two arguments, all others a list.
            return made(*x) if "query" in signature(made.call).parameters else made(x)

        return call

    return register


def ranked_layers(
    op: str, rule: Callable[..., Rule], ranks: Sequence[int] = (1, 2, 3)
) -> tuple[Callable[..., Any], ...]:
    """The layer functions of Keras classes that differ only in their number of spatial axes.

    Args:
        op: the classes, such as "Conv{}D" for Conv1D, Conv2D and Conv3D.
        rule: as for `layer`, with the number of spatial axes first: `rule(rank, x, *arguments)`.
        ranks: the numbers of spatial axes.
    """
    functions, copied = [], {"__doc__": rule.__doc__, "__module__": rule.__module__}
    for rank in ranks:
        name, bound = op.format(rank), partial(rule, rank)
        vars(bound).update(copied, __name__=snake_case(name))
        functions.append(layer(name)(bound))
    return tuple(functions)


@cache
def snake_case(op: str) -> str:
    """Keras' automatic name for a layer of a class: MaxPooling2D as max_pooling2d."""
    op = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", op)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", op).lower()
