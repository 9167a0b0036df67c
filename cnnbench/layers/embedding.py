"""Tables of vectors, looked up by number."""

from math import prod

from cnnbench.errors import ShapeError
from cnnbench.graph import layer
from cnnbench.layers._sizes import positive
from cnnbench.rule import WHOLE, Rule, Shape, Weight


@layer("Embedding")
def embedding(x: Shape, input_dim: int, output_dim: int) -> Rule:
    """A copy of one row of the table for each number; backward, dy is added to that row."""
    out = (*x, output_dim)
    return Rule(out, weights=_table(input_dim, output_dim), backward=prod(out), saves="input")


def _table(input_dim: int, output_dim: int) -> tuple[Weight, ...]:
    positive(input_dim, "input_dim")
    positive(output_dim, "output_dim")
    return (Weight("embeddings", (input_dim, output_dim)),)


@layer("ReversibleEmbedding")
def reversible_embedding(
    x: Shape,
    input_dim: int,
    output_dim: int,
    tie_weights: bool = True,
    logit_soft_cap: float | None = None,
    reverse: bool = False,
) -> Rule:
    """An embedding; with `reverse=True` in its call, a product with the transposed table.

    `logit_soft_cap` is y = cap * tanh(z / cap): three operations an output; backward,
    dy * (1 - (y / cap) ** 2), four.
    """
    weights = _table(input_dim, output_dim)
    if not tie_weights:
        weights += (Weight("reverse_embeddings", (output_dim, input_dim)),)
    if not reverse:
        out = (*x, output_dim)
        return Rule(out, weights=weights, backward=prod(out), saves="input")
    if isinstance(x[-1], int) and x[-1] != output_dim:
        raise ShapeError(f"expected a last axis of output_dim={output_dim}; got {x[-1]}")
    out = (*x[:-1], input_dim)
    capped = prod(out) * int(logit_soft_cap is not None)
    return Rule(
        out,
        weights=weights,
        macs=prod(x) * input_dim,
        elementwise=3 * capped,
        backward=4 * capped,
        saves="both" if capped else "input",
        window=WHOLE if len(x) == 2 else (),
    )
