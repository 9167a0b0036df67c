"""The networks that ShuffleNet V2's four guidelines were measured with.

Ma et al., arXiv 1807.11164, section 2, Tables 1 to 4: ten equal blocks of 1x1 convolutions on a
56x56 image, without biases. The parallel fragments of Table 3 are added here: with concatenation
equal FLOPs would need no other width, but the table says that the width was adjusted.
"""

from typing import Any

from cnnbench.blocks import at_least_one, block
from cnnbench.layers._sizes import positive
from cnnbench.layers.activation import activation
from cnnbench.layers.conv import conv2d
from cnnbench.layers.merge import add


def _pointwise(x: Any, filters: int, groups: int = 1) -> Any:
    return conv2d(x, filters, 1, groups=groups, use_bias=False)


@block(input_shape=(56, 56, 128))
def guideline1_width(x: Any, c1: int = 128, c2: int = 128, repeats: int = 10) -> Any:
    """ShuffleNet V2, G1: `repeats` times 1x1 to c2 and 1x1 back to c1, the width of x."""
    at_least_one(repeats=repeats)
    for _ in range(repeats):
        x = _pointwise(_pointwise(x, c2), c1)
    return x


@block(input_shape=(56, 56, 180))
def guideline2_groups(x: Any, filters: int = 180, groups: int = 2, repeats: int = 10) -> Any:
    """ShuffleNet V2, G2: `repeats` 1x1 convolutions in groups."""
    at_least_one(repeats=repeats)
    for _ in range(repeats):
        x = _pointwise(x, filters, groups)
    return x


@block(input_shape=(56, 56, 128))
def guideline3_fragments(
    x: Any, filters: int = 128, fragments: int = 1, parallel: bool = False, repeats: int = 10
) -> Any:
    """ShuffleNet V2, G3: `repeats` times `fragments` 1x1 convolutions, in series or in parallel.

    `filters` is the width of each: half of c for four fragments at the FLOPs of one of c.
    """
    at_least_one(fragments=fragments, repeats=repeats)
    for _ in range(repeats):
        if parallel and fragments > 1:
            x = add([_pointwise(x, filters) for _ in range(fragments)])
        else:
            for _ in range(fragments):
                x = _pointwise(x, filters)
    return x


@block(input_shape=(56, 56, 32))
def guideline4_elementwise(
    x: Any, filters: int = 32, relu: bool = True, shortcut: bool = True, repeats: int = 10
) -> Any:
    """ShuffleNet V2, G4: `repeats` bottlenecks, with or without ReLU and shortcut.

    1x1 to filters / 4, 3x3, 1x1 back. The paper only says "bottleneck" and c; if c were the inner
    width, its ARM would do six times as many MACs a second here as in Table 2.
    """
    at_least_one(repeats=repeats)
    positive(filters, "filters")
    then = "relu" if relu else "linear"
    for _ in range(repeats):
        y = conv2d(x, filters // 4, 1, activation=then, use_bias=False)
        y = conv2d(y, filters // 4, 3, padding="same", activation=then, use_bias=False)
        y = _pointwise(y, filters)
        y = add([x, y]) if shortcut else y
        x = activation(y, "relu") if relu else y
    return x
