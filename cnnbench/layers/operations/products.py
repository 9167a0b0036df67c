"""Products of two arrays that sum over an index: multiply-accumulates.

Both factors may depend on the input, so all of the work is in `products`; the caller corrects
this where one of them is a weight.
"""

from math import prod

from cnnbench.errors import NoRuleError
from cnnbench.layers.operations.tables import Attrs, Operation, Shapes
from cnnbench.rule import WHOLE, Rule, Shape


def _product(out: Shape, summed: int, before: int = 0) -> Rule:
    """A rule with `summed` MACs for each output, after `before` operations."""
    macs = prod(out) * summed
    return Rule(
        out, macs=macs, elementwise=before, products=macs, backward=before, saves="input",
        window=WHOLE,
    )  # fmt: skip


def _pairs(out: Shape, before: int = 0) -> Rule:
    """One multiplication for each output, where nothing is summed, after `before` operations."""
    return Rule(out, elementwise=before + prod(out), backward=2 * prod(out))


def _matmul(shapes: Shapes, out: Shape, attrs: Attrs) -> Rule:
    """Sums over the last axis of the first array; also `dot` and `inner`."""
    a, b = shapes
    return _product(out, a[-1]) if a and b else _pairs(out)


def _tensordot(shapes: Shapes, out: Shape, attrs: Attrs) -> Rule:
    a, _ = shapes
    axes = attrs["axes"]
    if isinstance(axes, int):
        return _product(out, prod(a[len(a) - axes :])) if axes else _pairs(out)
    own = axes[0]
    return _product(out, prod(a[axis] for axis in (own if hasattr(own, "__iter__") else (own,))))


def _einsum(shapes: Shapes, out: Shape, attrs: Attrs) -> Rule:
    """Sums over the axes that only one array has, then multiplies and sums over all others.

    Of three arrays or more the library chooses the order: there is no rule.
    """
    if len(shapes) > 2:
        raise NoRuleError("the order of an einsum of three arrays or more is not known")
    summed, before = einsum(attrs["subscripts"], shapes, out)
    return _pairs(out, before) if summed == 1 else _product(out, summed, before)


def einsum(subscripts: str, shapes: Shapes, out: Shape) -> tuple[int, int]:
    """How many terms each output of an einsum sums, and how many operations come before."""
    given, _, result = subscripts.replace(" ", "").partition("->")
    terms = given.split(",")
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        sizes.update(zip(_axes(term, len(shape)), shape, strict=True))
    if "->" in subscripts:
        kept = set(_axes(result, len(out)))
    else:  # what appears once, and the axes of the ellipsis
        kept = {i for i in sizes if given.count(i) == 1 or len(i) > 1}
    letters = [set(_axes(term, len(shape))) for term, shape in zip(terms, shapes, strict=True)]
    before, used = 0, []
    for index, (own, shape) in enumerate(zip(letters, shapes, strict=True)):
        others = set().union(*letters[:index], *letters[index + 1 :])
        left = own & (kept | others)
        before += prod(shape) - prod(sizes[i] for i in left) if left != own else 0
        used.append(left)
    return prod(sizes[i] for i in set().union(*used) - kept), before


def _axes(term: str, rank: int) -> list[str]:
    """The name of each axis; those of an ellipsis are numbered from the last."""
    head, dots, tail = term.partition("...")
    inner = rank - len(head) - len(tail)
    return [*head, *(f"...{i}" for i in range(inner, 0, -1) if dots), *tail]


def _attention(shapes: Shapes, out: Shape, attrs: Attrs) -> Rule:
    """softmax(q k / sqrt(d)) v over heads: (n, steps, heads, d), with fewer heads of k and v.

    On each score: scale, softmax (5), and an addition or a selection for a bias and a mask.
    """
    (n, steps, heads, depth), (_, sources, *_), value, *more = shapes
    scores = n * heads * steps * sources
    masks = len(more) + int(bool(attrs["is_causal"]))
    macs = scores * (depth + value[-1])
    return Rule(
        out,
        macs=macs,
        elementwise=scores * (6 + masks),
        products=macs,
        scratch=scores,
        backward=scores * (5 + masks),
        saves="input",
        window=WHOLE,
    )


PRODUCTS: dict[str, Operation] = {
    "numpy.Matmul": _matmul,
    "numpy.Dot": _matmul,
    "numpy.Inner": _matmul,
    "numpy.Vdot": lambda shapes, out, attrs: _product(out, prod(shapes[0])),
    "numpy.Tensordot": _tensordot,
    "numpy.Einsum": _einsum,
    "nn.DotProductAttention": _attention,
}
