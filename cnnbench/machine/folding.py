"""The operations of a runtime, folded onto the layers of a network.

A runtime names an operation by the layer it comes from, as `block/conv_1/convolution`, or by
several where it fuses them. Exporters and optimizers lose some names. What is left then is found
by its type and by the size of its output, if there are as many such operations as such layers. An
operation that belongs to no layer stays alone.

A layer without an operation of its own is computed with the layer that it reads, or does nothing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import prod

from cnnbench.cases.answer import Operation
from cnnbench.cases.paper import Paper
from cnnbench.cost import LayerCost

PRODUCT = "product"
ELEMENTWISE = ("normalization", "sum", "softmax", "activation")
_CLASSES = {
    "padding": r"pad(?!le)",
    PRODUCT: r"conv(?!ert|_?lstm)|gemm|matmul|fully_?connected|dense|einsum|ynn|dot",
    "recurrent": r"lstm|gru|rnn|tensoriterator|loop|while",
    "pooling": r"pool|reduce|mean",
    "concatenation": r"concat",
    "softmax": r"softmax",
    "normalization": r"norm|mvn",
    "sum": r"add|sub|sum|eltwise|merge|mul|max|min|average$",
    "activation": r"relu|clamp|clip|sigmoid|swish|tanh|gelu|elu|activation",
    "sizes": r"resize|upsampl|interpolate|reshape|flatten|permute|transpose",
}
"""What an operation or a layer does, by its type; the first that fits counts."""


def _class(kind: str) -> str:
    low = kind.lower()
    return next((name for name, words in _CLASSES.items() if re.search(words, low)), low)


@dataclass(frozen=True, slots=True)
class Folded:
    """To which group each operation belongs, and of which layers a group is.

    A group is numbered by its first layer; one without layers has a number beyond them.
    """

    of: dict[tuple[tuple[str, ...], str], int]
    layers: dict[int, tuple[int, ...]]


def folded(paper: Paper, operations: Sequence[Operation]) -> Folded:
    """The operations of a call, folded onto the layers of a network."""
    folding = _Folding(paper)
    owners = [folding.named(op.names) for op in operations]
    for op, mine in zip(operations, owners, strict=True):
        folding.claim(mine, op)
    for op, mine in zip(operations, owners, strict=True):
        if _kind(op) == PRODUCT:  # named after what follows it, and is fused with it
            mine |= folding.product_before(mine)
            folding.claim(mine, op)
    for alike in _ALIKE:
        left = [place for place, mine in enumerate(owners) if not mine]
        for place, layer in folding.alike([alike(operations[place]) for place in left], alike):
            owners[left[place]] = {layer}
            folding.claim({layer}, operations[left[place]])
    folding.join_rest()
    of, beyond = {}, dict[str, int]()
    for op, mine in zip(operations, owners, strict=True):
        if mine:
            group = folding.group(min(mine))
        else:  # by its type
            group = beyond.setdefault(op.kind, len(paper.cost.layers) + len(beyond))
        of[op.names, op.kind] = group
    layers: dict[int, list[int]] = defaultdict(list)
    for place in sorted(folding.claimed):
        layers[folding.group(place)].append(place)
    return Folded(of, {group: tuple(some) for group, some in layers.items()})


def _kind(of: Operation | LayerCost) -> str:
    if isinstance(of, Operation):
        return _class(of.kind)
    kind = _class(of.op)
    return PRODUCT if of.macs and kind != "recurrent" else kind


def _size(of: Operation | LayerCost) -> int:
    return of.size if isinstance(of, Operation) else prod(of.output_shape)


def _size_unless_counted(of: Operation | LayerCost) -> Hashable:
    # One of another work than a layer of its size is not that layer: a runtime may compute less.
    known = isinstance(of, Operation) and of.macs
    return (_kind(of), -1 if known else _size(of))


_ALIKE: tuple[Callable[[Operation | LayerCost], Hashable], ...] = (
    lambda of: (_kind(of), _size(of), of.macs),
    _size_unless_counted,
    _kind,
)
"""What operations and layers have in common, the surest first."""


class _Folding:
    """The layers of a network: which have operations, and which are computed as one."""

    def __init__(self, paper: Paper) -> None:
        self.layers = paper.cost.layers
        self.reads = paper.wiring.inputs if paper.wiring else tuple(() for _ in self.layers)
        self.claimed: set[int] = set()
        self._multiplied: set[int] = set()  # that have an operation for their products
        self._root = list(range(len(self.layers)))
        # Calls of one layer have one name in a runtime: all count as the first.
        self._called: dict[str, list[int]] = {}
        for place, layer in enumerate(self.layers):
            if layer.op != "InputLayer":
                name = re.sub(r" \(call \d+\)$", "", layer.name)
                self._called.setdefault(_plain(name), []).append(place)

    def group(self, place: int) -> int:
        """The first layer of those with which one is computed."""
        while self._root[place] != place:
            place = self._root[place]
        return place

    def claim(self, mine: Iterable[int], by: Operation | None = None) -> None:
        """Some layers have an operation, one for all of them."""
        some = list(mine)
        self.claimed.update(some)
        if by and _kind(by) == PRODUCT:
            self._multiplied.update(place for place in some if self.layers[place].macs)
        first = min(map(self.group, some), default=0)
        for place in some:
            self._root[self.group(place)] = first

    def named(self, names: Iterable[str]) -> set[int]:
        """The layers that names of operations contain: of each the innermost."""
        return {place for name in names if (place := self._named(name)) is not None}

    def _named(self, name: str) -> int | None:
        if not (parts := _parts(name)):
            return None
        *around, last = parts
        for place in range(len(around) - 1, -1, -1):
            if (found := self._meant(around[place], around[:place])) is not None:
                return found
        # What keras.ops adds to a model has no scope of its own.
        found = self._meant(last, around)
        return found if found is not None and self.layers[found].op.startswith("ops.") else None

    def _meant(self, name: str, around: Sequence[str]) -> int | None:
        """The layer of a name, among several that with the most blocks around it."""
        return max(
            self._called.get(name, ()),
            key=lambda at: (len({*around} & {*self.layers[at].scope.split("/")}), -at),
            default=None,
        )

    def product_before(self, mine: set[int]) -> set[int]:
        """The product that layers without one follow, if it has no operation of its own."""
        if not mine or any(self.layers[place].macs for place in mine):
            return set()
        place, between = min(mine), set[int]()
        while len(self.reads[place]) == 1:
            (place,) = self.reads[place]
            between.add(place)
            if self.layers[place].macs:
                return set() if place in self._multiplied else between
        return set()

    def alike(
        self, operations: Sequence[Hashable], alike: Callable[[LayerCost], Hashable]
    ) -> Iterator[tuple[int, int]]:
        """Operations without a name with a layer each, where as many of both are alike."""
        ours: dict[Hashable, list[int]] = defaultdict(list)
        theirs: dict[Hashable, list[int]] = defaultdict(list)
        for place, layer in enumerate(self.layers):
            taken = self._multiplied if _kind(layer) == PRODUCT else self.claimed
            if place not in taken and layer.op != "InputLayer":
                ours[alike(layer)].append(place)
        for place, key in enumerate(operations):
            theirs[key].append(place)
        for key, places in theirs.items():
            if len(places) == len(ours[key]):
                yield from zip(places, ours[key], strict=True)

    def join_rest(self) -> None:
        """What works value by value and has no operation is computed with what it reads."""
        for place, layer in enumerate(self.layers):
            if place in self.claimed or _kind(layer) not in ELEMENTWISE:
                continue
            if before := [at for at in self.reads[place] if at in self.claimed]:
                self.claim({place, before[-1]})


def _parts(name: str) -> list[str]:
    """The parts of the name of an operation: layers, and at the end what is computed."""
    return [_plain(part) for part in re.split(r"[/():]+", name) if part]


def _plain(name: str) -> str:
    """A name with what a runtime may write in it."""
    return re.sub(r"[^\w.-]", "_", name)
