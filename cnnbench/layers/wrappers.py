"""Layers that hold other layers, as Keras writes them down: {"class_name": ..., "config": ...}."""

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

from cnnbench.errors import NoRuleError, ShapeError
from cnnbench.graph import RULES, argument_names, layer, merges
from cnnbench.layers.activation import OPERATIONS
from cnnbench.layers.recurrent import over_time, step_of
from cnnbench.rule import WHOLE, Rule, Shape, Weight

Spec = dict[str, Any]


def held(spec: Spec, x: Shape) -> Rule:
    """The rule of a layer inside another, at an input shape; a NoRuleError if there is none."""
    name, config = spec["class_name"], spec["config"]
    if name == "Sequential":
        return in_a_row(config["layers"], x)
    rule = RULES.get(name)
    # A user's own class may have the name of a Keras class.
    if rule is None or merges(rule) or (spec.get("module") or "").split(".")[0] != "keras":
        raise NoRuleError(f"there is no rule for the {name} that it holds")
    attrs = {key: config[key] for key in argument_names(rule) if key in config}
    for key in ("activation", "recurrent_activation"):
        value = attrs.get(key)
        if value is not None and (not isinstance(value, str) or value not in OPERATIONS):
            raise NoRuleError(f"there is no rule for the {key} of the {name} that it holds")
    result = rule(x, **attrs)
    if config.get("trainable", True):
        return result
    return replace(result, weights=tuple(replace(w, trainable=False) for w in result.weights))


def in_a_row(specs: Sequence[Spec], x: Shape) -> Rule:
    """The rule of layers in a row, each on the first output of the one before."""
    rules: list[Rule] = []
    scratch = between = 0
    for spec in specs:
        if spec["class_name"] != "InputLayer":
            before = prod(x) if rules else 0
            rules.append(held(spec, x))
            x = rules[-1].shape
            scratch = max(scratch, before + rules[-1].scratch)
            between += before
    seen = {rule.window for rule in rules}
    total = _sum(rules)
    return replace(
        total,
        shape=x,
        view=all(rule.view for rule in rules),
        others=tuple(shape for rule in rules for shape in rule.others),
        scratch=scratch,
        kept=(total.kept or 0) + between,
        window=() if seen <= {()} else WHOLE,
    )


def _sum(rules: Sequence[Rule]) -> Rule:
    """The weights and the work of several rules together."""
    trained = [r.elementwise if r.training is None else r.training for r in rules]
    return Rule(
        (),
        weights=tuple(weight for rule in rules for weight in rule.weights),
        macs=sum(rule.macs for rule in rules),
        elementwise=sum(rule.elementwise for rule in rules),
        inside=sum(rule.macs if rule.inside is None else rule.inside for rule in rules),
        products=sum(rule.products for rule in rules),
        training=sum(trained) if any(rule.training is not None for rule in rules) else None,
        backward=sum(rule.backward for rule in rules),
        kept=sum(rule.scratch if rule.kept is None else rule.kept for rule in rules),
    )


@layer("Pipeline")
def pipeline(x: Shape, layers: Sequence[Spec]) -> Rule:
    """Layers in a row."""
    return in_a_row(layers, x)


@layer("StackedRNNCells")
def stacked_rnn_cells(x: Shape, cells: Sequence[Spec]) -> Rule:
    """Cells in a row, with the states of all of them."""
    return replace(in_a_row(cells, x), window=WHOLE)


@layer("RNN")
def rnn(x: Shape, cell: Any, return_sequences: bool = False, return_state: bool = False) -> Rule:
    """A cell, or several on top of each other, at each step."""
    step = step_of(x)
    one = in_a_row(cell, step) if isinstance(cell, (list, tuple)) else held(cell, step)
    if not one.others:
        raise NoRuleError("the layer that it holds has no states")
    return over_time(one, x[1], return_sequences, return_state)


@layer("TimeDistributed")
def time_distributed(x: Shape, layer: Spec) -> Rule:
    """A layer on each step of (n, steps, ...), one after the other.

    Keras moves the steps to the front, stacks the outputs and moves the steps back, as scratch.
    """
    one, steps = held(layer, step_of(x)), x[1]
    if one.others:
        raise NoRuleError("there is no rule for a layer of several outputs at each step")
    n, *values = one.shape
    out = (n, steps, *values)
    return replace(
        over_time(replace(one, shape=out, view=False), steps, False, False),
        scratch=prod(x) + prod(out) + one.scratch,
        window=((1, 1), *one.window) if one.window else one.window,
    )


_MERGED = {"concat": 0, "sum": 1, "mul": 1, "ave": 2, None: 0}
"""Operations on each value where the two directions of `Bidirectional` meet."""


@layer("Bidirectional")
def bidirectional(
    x: Shape, layer: Spec, merge_mode: str | None = "concat", backward_layer: Spec | None = None
) -> Rule:
    """A recurrent layer forwards and another backwards; both outputs are in memory at once.

    `merge_mode` "concat" copies; "sum" and "mul" take one operation on each value, "ave" two;
    None returns both outputs.
    """
    if merge_mode not in _MERGED:
        known = ", ".join(map(repr, _MERGED))
        raise ShapeError(f"merge_mode must be one of {known}; got {merge_mode!r}")
    pair = held(layer, x), held(backward_layer or layer, x)
    forth, back = pair
    states = (*forth.others, *back.others)
    both, work = _sum(pair), _MERGED[merge_mode] * prod(forth.shape)
    *leading, last = forth.shape
    return replace(
        both,
        shape=(*leading, 2 * last) if merge_mode == "concat" else forth.shape,
        others=(back.shape, *states) if merge_mode is None else states,
        elementwise=both.elementwise + work,
        scratch=max(forth.scratch, back.scratch)
        + (0 if merge_mode is None else prod(forth.shape) + prod(back.shape)),
        backward=both.backward + work,
        window=WHOLE,
    )


@layer("SpectralNormalization")
def spectral_normalization(x: Shape, layer: Spec, power_iterations: int = 1) -> Rule:
    """A layer whose kernel is divided by its largest singular value in each pass of training.

    With the kernel as r rows of c values, an iteration is two products with it, and norms of r
    and of c values (3 on each, and 2). Then follow two products, a division, and a test for zeros
    (Miyato et al., 1802.05957, algorithm 1).
    """
    one = held(layer, x)
    kernels = [w.shape for w in one.weights if w.name in ("kernel", "embeddings")]
    if not kernels:
        raise ShapeError(f"{layer['class_name']} has no kernel to normalise; give another layer")
    values, columns = prod(kernels[0]), kernels[0][-1]
    rows = values // columns
    iteration = 2 * 2 * values + 3 * (rows + columns) + 2
    divided = 2 * (values + columns) + values + 2 * values - 1
    before = one.elementwise if one.training is None else one.training
    return replace(
        one,
        weights=(*one.weights, Weight("vector_u", (1, columns), False)),
        training=before + power_iterations * iteration + divided,
    )
