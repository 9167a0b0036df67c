"""Random arguments of layers that fit an input, for Hypothesis; no framework."""

from hypothesis import strategies as st

SMALL = st.integers(1, 3)
ACTIVATIONS = st.sampled_from(["linear", "relu", "sigmoid", "tanh", "gelu", "softmax"])
PRODUCTS = ("Conv", "DepthwiseConv", "SeparableConv", "ConvTranspose", "Dense")
"""Kinds of layers that are products with weights; all but Dense end in a number of axes."""


def spatial(shape, data_format):
    """The axes between batch and channels."""
    return shape[2:] if data_format == "channels_first" else shape[1:-1]


@st.composite
def windows(draw, image, *, equal_strides=False, causal=False):
    """A window that fits into an image, strided or dilated or neither."""
    rank = len(image)
    padding = draw(st.sampled_from(["same", "valid", *["causal"] * causal]))
    most = [min(4, n) if padding == "valid" else 4 for n in image]
    size = tuple(draw(st.integers(1, n)) for n in most)
    strides = dilation = (1,) * rank
    kind = draw(st.sampled_from(["strided", "plain", "dilated", "strided"]))
    if kind == "strided":
        several = SMALL.map(lambda n: (n,) * rank) if equal_strides else st.tuples(*[SMALL] * rank)
        strides = draw(several)
    elif kind == "dilated":
        # With "valid" padding, d * (k - 1) + 1 must be at most n.
        widest = [
            (n - 1) // (k - 1) if padding == "valid" and k > 1 else 3
            for n, k in zip(image, size, strict=True)
        ]
        dilation = tuple(draw(st.integers(1, min(3, n))) for n in widest)
    return {
        "kernel_size": size,
        "strides": strides,
        "padding": padding,
        "dilation_rate": dilation,
    }


@st.composite
def products(draw, kind, shape, *, formats=("channels_last",), causal=True):
    """The class of a layer of a kind and its arguments, for an input of a shape.

    Args:
        draw: of Hypothesis.
        kind: one of PRODUCTS.
        shape: batch first; depthwise and separable convolutions have no third axis.
        formats: of the data, to draw from.
        causal: whether a convolution of one axis may have causal padding.
    """
    rest = {"use_bias": draw(st.booleans()), "activation": draw(ACTIVATIONS)}
    if kind == "Dense":
        return "Dense", {"units": draw(st.integers(1, 8)), **rest}
    rank = len(shape) - 2
    data_format = draw(st.sampled_from(formats))
    channels = shape[1] if data_format == "channels_first" else shape[-1]
    image = spatial(shape, data_format)
    rest["data_format"] = data_format
    if kind == "ConvTranspose":
        rest["strides"] = draw(st.tuples(*[SMALL] * rank))
        rest["padding"] = draw(st.sampled_from(["same", "valid"]))
        rest["kernel_size"] = draw(st.tuples(*[st.integers(1, 4)] * rank))
        rest["filters"] = draw(st.integers(1, 5))
        return f"Conv{rank}DTranspose", rest
    rest |= draw(
        windows(image, equal_strides=kind != "Conv", causal=causal and kind == "Conv" and rank == 1)
    )
    if kind == "Conv":
        divisors = [n for n in range(1, channels + 1) if channels % n == 0]
        rest["groups"] = draw(st.sampled_from(divisors))
        rest["filters"] = rest["groups"] * draw(SMALL)
    else:
        rest["depth_multiplier"] = draw(SMALL)
    if kind == "SeparableConv":
        rest["filters"] = draw(st.integers(1, 5))
    return f"{kind}{rank}D", rest
