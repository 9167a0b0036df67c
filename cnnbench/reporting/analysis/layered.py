"""LAYERED: places for boxes and the arrows between them, from top to bottom.

The usual four steps (Sugiyama, Tagawa and Toda, IEEE Trans. SMC 11, 1981): layers by the longest
path, a place of its own for an arrow in every layer that it passes, an order in each layer by the
mean of the neighbours' places, and positions as near as they can be to the mean of the neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean

Point = tuple[float, float]
Edge = tuple[int, int]

_SWEEPS = 12
_ARROW = 0.12
"""The width that an arrow needs between boxes."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The centres of boxes, the way of every arrow, and the size of all; y grows downwards."""

    centres: tuple[Point, ...]
    ways: Mapping[Edge, tuple[Point, ...]]
    width: float
    height: float


def layout(
    sizes: Sequence[tuple[float, float]], edges: Iterable[Edge], across: float, down: float
) -> Layout:
    """Places for boxes of these widths and heights.

    Args:
        sizes: width and height of each box, in the order of a network: arrows go to later boxes.
        edges: pairs of boxes with an arrow from the first to the second.
        across: the least distance between boxes side by side.
        down: the distance between layers.
    """
    edges = [edge for edge in dict.fromkeys(edges) if edge[0] < edge[1]]
    ranks = _ranks(len(sizes), edges)
    layers: list[list[int]] = [[] for _ in range(max(ranks, default=-1) + 1)]
    for box, rank in enumerate(ranks):
        layers[rank].append(box)
    widths = [width for width, _ in sizes]
    chains = {}
    for a, b in edges:
        chain = [a]
        for rank in range(ranks[a] + 1, ranks[b]):
            layers[rank].append(len(widths))
            chain.append(len(widths))
            widths.append(_ARROW)
        chains[a, b] = [*chain, b]
    above: dict[int, list[int]] = {}
    below: dict[int, list[int]] = {}
    for a, b in (pair for chain in chains.values() for pair in pairwise(chain)):
        above.setdefault(b, []).append(a)
        below.setdefault(a, []).append(b)
    layers = _ordered(layers, above, below)
    xs = _placed(layers, above, below, widths, across)
    heights = [max((sizes[i][1] for i in layer if i < len(sizes)), default=0) for layer in layers]
    tops = [sum(heights[:rank]) + rank * down for rank in range(len(layers))]
    middles = [top + height / 2 for top, height in zip(tops, heights, strict=True)]
    ways = {
        edge: (
            (xs[chain[0]], middles[ranks[edge[0]]] + sizes[edge[0]][1] / 2),
            *(
                (xs[place], y)
                for rank, place in enumerate(chain[1:-1], ranks[edge[0]] + 1)
                for y in (tops[rank], tops[rank] + heights[rank])
            ),
            (xs[chain[-1]], middles[ranks[edge[1]]] - sizes[edge[1]][1] / 2),
        )
        for edge, chain in chains.items()
    }
    return Layout(
        tuple((xs[box], middles[rank]) for box, rank in enumerate(ranks)),
        ways,
        max((xs[i] + widths[i] / 2 for i in range(len(widths))), default=0),
        sum(heights) + down * (len(layers) - 1),
    )


def _ranks(count: int, edges: Sequence[Edge]) -> list[int]:
    """The layer of each box: one below the lowest that it reads; an input just above its reader."""
    ranks = [0] * count
    for a, b in sorted(edges, key=lambda edge: edge[1]):
        ranks[b] = max(ranks[b], ranks[a] + 1)
    reads = {b for _, b in edges}
    for box in set(range(count)) - reads:
        ranks[box] = min((ranks[b] - 1 for a, b in edges if a == box), default=0)
    return ranks


def _ordered(
    layers: list[list[int]], above: Mapping[int, list[int]], below: Mapping[int, list[int]]
) -> list[list[int]]:
    """Each layer sorted by the mean place of its neighbours, down and up; the fewest crossings."""
    best, least = layers, _crossings(layers, below)
    for sweep in range(_SWEEPS):
        if not least:
            break
        down = sweep % 2 == 0
        layers = [list(layer) for layer in layers]
        order = range(1, len(layers)) if down else range(len(layers) - 2, -1, -1)
        for rank in order:
            places = {
                box: place for place, box in enumerate(layers[rank - 1 if down else rank + 1])
            }
            near = above if down else below
            here = {
                box: mean([places[other] for other in near.get(box, ())] or [place])
                for place, box in enumerate(layers[rank])
            }
            layers[rank].sort(key=here.__getitem__)
        if (count := _crossings(layers, below)) < least:
            best, least = layers, count
    return best


def _crossings(layers: Sequence[Sequence[int]], below: Mapping[int, Sequence[int]]) -> int:
    count = 0
    for upper, lower in pairwise(layers):
        places = {box: place for place, box in enumerate(lower)}
        ends = [sorted(places[b] for b in below.get(a, ())) for a in upper]
        count += sum(
            left > right
            for k, lefts in enumerate(ends)
            for rights in ends[k + 1 :]
            for left in lefts
            for right in rights
        )
    return count


def _placed(
    layers: Sequence[Sequence[int]],
    above: Mapping[int, list[int]],
    below: Mapping[int, list[int]],
    widths: Sequence[float],
    across: float,
) -> list[float]:
    xs = [0.0] * len(widths)
    for layer in layers:
        for left, right in pairwise(layer):
            xs[right] = xs[left] + (widths[left] + widths[right]) / 2 + across
    for sweep in range(2 * _SWEEPS):
        down = sweep % 2 == 0
        near = above if down else below
        for layer in layers if down else layers[::-1]:
            wanted = [mean([xs[other] for other in near.get(i, ())] or [xs[i]]) for i in layer]
            for i, x in zip(layer, _apart(layer, wanted, widths, across), strict=True):
                xs[i] = x
    leftmost = min((x - width / 2 for x, width in zip(xs, widths, strict=True)), default=0)
    return [x - leftmost for x in xs]


def _apart(
    layer: Sequence[int], wanted: Sequence[float], widths: Sequence[float], across: float
) -> list[float]:
    """The places nearest to the wanted ones (least squares) that are far enough apart.

    Less the distances that they need, they only have to grow: pool adjacent violators.
    """
    needed = [0.0]
    for left, right in pairwise(layer):
        needed.append(needed[-1] + (widths[left] + widths[right]) / 2 + across)
    pools: list[tuple[float, int]] = []  # the mean, and of how many
    for want, distance in zip(wanted, needed, strict=True):
        value, count = want - distance, 1
        while pools and pools[-1][0] > value:
            other, many = pools.pop()
            value = (value * count + other * many) / (count + many)
            count += many
        pools.append((value, count))
    flat = [value for value, count in pools for _ in range(count)]
    return [value + distance for value, distance in zip(flat, needed, strict=True)]
