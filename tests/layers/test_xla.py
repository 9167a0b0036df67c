"""MACs inside the input against XLA, which counts the taps of each product that read a value.

No Keras and no TensorFlow here: where JAX is installed, its own operations are lowered to XLA,
and the cost analysis of what was lowered, before any optimisation, says how many FLOPs it has.
"""

from importlib import import_module
from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnbench.graph import RULES

jax = pytest.importorskip("jax")

for file in ("conv", "dense", "merge", "norm", "pool"):
    import_module(f"cnnbench.layers.{file}")

some = settings(max_examples=60, deadline=None)


def xla_flops(function, *shapes):
    values = [jax.ShapeDtypeStruct(shape, jax.numpy.float32) for shape in shapes]
    return jax.jit(function).lower(*values).cost_analysis().get("flops", 0)


def inside(rule):
    return rule.macs if rule.inside is None else rule.inside


LAYOUTS = {
    1: ("NWC", "WIO", "NWC"),
    2: ("NHWC", "HWIO", "NHWC"),
    3: ("NDHWC", "DHWIO", "NDHWC"),
}


def convolution(x, kernel, strides, padding, dilation, groups=1):
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        strides,
        padding,
        rhs_dilation=dilation,
        dimension_numbers=LAYOUTS[len(strides)],
        feature_group_count=groups,
    )


@st.composite
def windows(draw):
    """An image, and a strided or dilated window; a valid one fits."""
    padding = draw(st.sampled_from(["SAME", "VALID"]))
    rank = draw(st.integers(1, 3))
    size = draw(st.tuples(*[st.integers(1, 4)] * rank))
    ones = (1,) * rank
    strides = draw(st.just(ones) | st.tuples(*[st.integers(1, 3)] * rank))
    several = st.just(ones) | st.tuples(*[st.integers(1, 3)] * rank)
    dilation = draw(several) if strides == ones else ones
    reach = [d * (k - 1) + 1 for k, d in zip(size, dilation, strict=True)]
    image = tuple(draw(st.integers(r if padding == "VALID" else 1, r + 6)) for r in reach)
    return image, size, strides, dilation, padding


small = st.integers(1, 3)


@some
@given(windows(), st.integers(1, 2), small, small, small)
def test_a_convolution(window, n, groups, inner, outer):
    image, size, strides, dilation, padding = window
    c, filters = groups * inner, groups * outer
    rule = RULES[f"Conv{len(size)}D"](
        (n, *image, c),
        filters,
        size,
        strides,
        padding.lower(),
        dilation_rate=dilation,
        groups=groups,
    )
    flops = xla_flops(
        lambda x, kernel: convolution(x, kernel, strides, padding, dilation, groups),
        (n, *image, c),
        (*size, inner, filters),
    )
    assert 2 * inside(rule) == flops


@some
@given(st.integers(1, 4), small, small, st.integers(0, 6))
def test_a_causal_convolution(size, stride, dilation, more):
    dilation = dilation if stride == 1 else 1
    before = dilation * (size - 1)
    shape = (2, before + 1 + more, 3)
    rule = RULES["Conv1D"](shape, 4, size, stride, "causal", dilation_rate=dilation)
    flops = xla_flops(
        lambda x, kernel: convolution(x, kernel, (stride,), [(before, 0)], (dilation,)),
        shape,
        (size, 3, 4),
    )
    assert 2 * inside(rule) == flops


@some
@given(windows(), st.integers(1, 2), small, small)
def test_a_transposed_convolution(window, n, c, filters):
    image, size, strides, dilation, padding = window
    rule = RULES[f"Conv{len(size)}DTranspose"](
        (n, *image, c), filters, size, strides, padding.lower(), dilation_rate=dilation
    )

    def transposed(x, kernel):
        return jax.lax.conv_transpose(
            x,
            kernel,
            strides,
            padding,
            rhs_dilation=dilation,
            dimension_numbers=LAYOUTS[len(size)],
        )

    flops = xla_flops(transposed, (n, *image, c), (*size, c, filters))
    assert 2 * inside(rule) == flops


@pytest.mark.parametrize(
    ("output_padding", "length", "padding"),
    [
        # 4 steps, 3 taps, stride 2: 3 * 2 + 3 = 9 before any is cut off. JAX pads its input
        # instead: 2 on a side where nothing is cut, one less for each that is.
        (None, 8, (2, 1)),
        (0, 7, (1, 1)),
        (1, 8, (2, 1)),
    ],
)
def test_a_transposed_convolution_with_output_padding(output_padding, length, padding):
    rule = RULES["Conv1DTranspose"]((2, 4, 3), 5, 3, 2, "same", output_padding)
    assert rule.shape == (2, length, 5)
    flops = xla_flops(
        lambda x, kernel: jax.lax.conv_transpose(
            x, kernel, (2,), [padding], dimension_numbers=LAYOUTS[1]
        ),
        (2, 4, 3),
        (3, 3, 5),
    )
    assert 2 * inside(rule) == flops


@some
@given(windows(), small, small, small)
def test_a_depthwise_and_a_separable_convolution(window, c, multiplier, filters):
    image, size, strides, dilation, padding = window
    if len(size) == 3:
        return
    shape, channels = (2, *image, c), c * multiplier
    arguments = {
        "kernel_size": size,
        "strides": strides,
        "padding": padding.lower(),
        "dilation_rate": dilation,
        "depth_multiplier": multiplier,
    }

    def depthwise(x, kernel):
        return convolution(x, kernel, strides, padding, dilation, c)

    def separable(x, kernel, pointwise):
        return depthwise(x, kernel) @ pointwise

    kernel = (*size, 1, channels)
    rule = RULES[f"DepthwiseConv{len(size)}D"](shape, **arguments)
    assert 2 * inside(rule) == xla_flops(depthwise, shape, kernel)
    rule = RULES[f"SeparableConv{len(size)}D"](shape, filters=filters, **arguments)
    assert 2 * inside(rule) == xla_flops(separable, shape, kernel, (channels, filters))


@pytest.mark.parametrize("shape", [(2, 5), (2, 3, 5), (2, 3, 4, 5)])
def test_a_dense_layer(shape):
    assert 2 * RULES["Dense"](shape, 7).macs == xla_flops(lambda x, w: x @ w, shape, (5, 7))


@pytest.mark.parametrize(
    ("equation", "output_shape", "shape", "kernel"),
    [
        ("ab,bc->ac", 3, (2, 5), (5, 3)),
        ("abc,cde->abde", (4, 3, 6), (2, 4, 5), (5, 3, 6)),
        ("abcd,cde->abe", (4, 6), (2, 4, 3, 5), (3, 5, 6)),
        ("...ab,bc->...ac", (4, 3), (2, 7, 4, 5), (5, 3)),
        ("ab...,bc->ac...", 3, (2, 5, 4), (5, 3)),
    ],
)
def test_an_equation(equation, output_shape, shape, kernel):
    rule = RULES["EinsumDense"](shape, equation, output_shape)
    flops = xla_flops(lambda x, w: jax.numpy.einsum(equation, x, w), shape, kernel)
    assert 2 * rule.macs == flops


@pytest.mark.parametrize(
    ("axes", "x", "y", "equation"),
    [
        (1, (2, 3), (2, 3), "na,na->n"),
        ((2, 1), (2, 4, 3), (2, 3, 5), "nab,nbc->nac"),
        ((1, 2), (2, 3, 4), (2, 5, 3), "nab,nca->nbc"),
    ],
)
def test_a_dot_product(axes, x, y, equation):
    rule = RULES["Dot"]([x, y], axes)
    assert 2 * rule.macs == xla_flops(lambda x, y: jax.numpy.einsum(equation, x, y), x, y)


# Work on elements


@some
@given(windows(), small)
def test_pooling(window, c):
    image, size, strides, dilation, padding = window
    if max(dilation) > 1:
        return
    shape = (2, *image, c)
    axes = ((1, *size, 1), (1, *strides, 1), padding)

    def largest(x):
        return jax.lax.reduce_window(x, -jax.numpy.inf, jax.lax.max, *axes)

    def mean(x):
        return jax.lax.reduce_window(x, 0.0, jax.lax.add, *axes) / prod(size)

    for kind, function in (("Max", largest), ("Average", mean)):
        rule = RULES[f"{kind}Pooling{len(size)}D"](shape, size, strides, padding.lower())
        assert rule.elementwise == xla_flops(function, shape)


@pytest.mark.parametrize(
    ("op", "function", "shapes"),
    [
        ("Add", lambda x, y: x + y, [(2, 4, 3), (2, 4, 3)]),
        ("Add", lambda x, y, z: x + y + z, [(2, 4, 3)] * 3),
        ("Subtract", lambda x, y: x - y, [(2, 4, 3), (2, 1, 3)]),
        ("Multiply", lambda x, y: x * y, [(2, 4, 5, 3), (2, 1, 1, 3)]),
        ("Multiply", lambda x, y, z: x * y * z, [(2, 1, 1, 3), (2, 1, 1, 3), (2, 4, 5, 3)]),
        ("Average", lambda x, y: (x + y) / 2, [(2, 4, 3), (2, 4, 3)]),
        ("Maximum", jax.numpy.maximum, [(2, 4, 3), (2, 4, 3)]),
        ("Minimum", jax.numpy.minimum, [(2, 4, 3), (2, 4, 3)]),
    ],
)
def test_a_merge(op, function, shapes):
    assert RULES[op](shapes).elementwise == xla_flops(function, *shapes)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_global_pooling(rank):
    shape, axes = (2, *(4, 5, 3)[:rank], 6), tuple(range(1, rank + 1))
    for kind, function in (("Max", jax.numpy.max), ("Average", jax.numpy.mean)):
        rule = RULES[f"Global{kind}Pooling{rank}D"](shape)
        assert rule.elementwise == xla_flops(lambda x, f=function: f(x, axes), shape)


def test_batch_normalization_at_inference():
    rule = RULES["BatchNormalization"]((2, 4, 4, 3))
    assert rule.elementwise == xla_flops(lambda x, a, b: x * a + b, (2, 4, 4, 3), (3,), (3,))
