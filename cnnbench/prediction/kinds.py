"""KINDS: what a layer counts as in a prediction, and how many operations TensorFlow makes of it."""

from __future__ import annotations

from math import prod

from cnnbench.graph import Graph, Node

_KIND_OF = {
    op: kind
    for kind, ops in {
        "dense": "Dense",
        "batch norm": "BatchNormalization",
        "layer norm": "LayerNormalization",
        "group norm": "GroupNormalization",
        "depthwise": "DepthwiseConv2D",
        "separable": "SeparableConv2D",
        "conv 3d": "Conv3D",
        "transposed": "Conv2DTranspose",
        "merge": "Add Subtract Multiply Average Maximum Minimum",
        "activation": "Activation ReLU LeakyReLU ELU Softmax Rescaling",
        "copy": "Concatenate ZeroPadding2D Cropping2D",
        "order": "Permute Transpose",
        "resize": "UpSampling2D",
        "embedding": "Embedding",
        "attention": "MultiHeadAttention",
        "recurrent": "ConvLSTM2D",
        "lstm": "LSTM",
        "gru": "GRU",
        "rnn": "SimpleRNN",
        "pooling": """
            MaxPooling1D MaxPooling2D MaxPooling3D AveragePooling1D AveragePooling2D
            GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D
            GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D
        """,
    }.items()
    for op in ops.split()
}
"""The layers that probes have, by their kind; a convolution is of several."""

_LIKE = (
    ("ConvLSTM", "recurrent"),
    ("Transpose", "transposed"),
    ("Separable", "separable"),
    ("Depthwise", "depthwise"),
    ("Attention", "attention"),
    ("Pooling", "pooling"),
    ("Normalization", "layer norm"),
    ("Resizing", "resize"),
    ("UpSampling", "resize"),
    ("Padding", "copy"),
    ("Cropping", "copy"),
)
"""What a layer that no probe has counts as, by a part of its name."""

LOOPS = ("recurrent", "lstm", "gru", "rnn")
"""The kinds that run a cell for a number of steps."""

_OPERATIONS = {
    "conv 1x1": 3,
    "conv kxk": 3,
    "conv grouped": 2,
    "conv 3d": 3,
    "transposed": 5,
    "depthwise": 5,
    "separable": 8,
    "dense": 3,
    "layer norm": 23,
    "group norm": 29,
    "copy": 2,
    "order": 2,
    "attention": 50,
    "rnn": 49,
    "lstm": 61,
    "gru": 78,
    "recurrent": 160,
}
"""Operations that Keras 3.15 makes of a layer without bias, including those that read its weights,
by kind. Those of `_OF_OP` count by the class of the layer, and a layer of any other kind as one."""

_OF_OP = {
    "GlobalAveragePooling1D": 2,
    "GlobalAveragePooling2D": 2,
    "GlobalAveragePooling3D": 2,
    "Reshape": 3,
    "Rescaling": 5,
    "UpSampling2D": 62,
    "Dropout": 0,
}

_OF_ACTIVATION = {"linear": 0, "silu": 6, "swish": 6, "hard_silu": 6, "hard_swish": 6, "gelu": 7}
"""Operations of an activation, which is one where it is not here."""

UPDATE = 40
"""Operations of adam's update of one array of weights."""

_BACKWARD = {
    "conv 1x1": 2,
    "conv kxk": 2,
    "conv grouped": 4,
    "conv 3d": 2,
    "transposed": 2,
    "depthwise": 3,
    "separable": 5,
    "dense": 1,
    "batch norm": 58,
    "layer norm": 48,
    "group norm": 54,
    "copy": 9,
    "order": 2,
    "resize": 32,
    "embedding": 19,
    "attention": 107,
    "rnn": 171,
    "lstm": 245,
    "gru": 302,
    "recurrent": 301,
}
"""What the backward pass of a layer without bias adds, as `_OPERATIONS`. In a loop the operations
of its body count too."""

_BACKWARD_OF_OP = {
    "GlobalAveragePooling1D": 11,
    "GlobalAveragePooling2D": 11,
    "GlobalAveragePooling3D": 11,
    "Reshape": 2,
    "Dropout": 37,
    "Multiply": 3,
    "Softmax": 5,
    "Concatenate": 8,
}
_BACKWARD_OF_ACTIVATION = {
    "linear": 0,
    "silu": 20,
    "swish": 20,
    "hard_silu": 14,
    "hard_swish": 14,
    "gelu": 14,
    "softmax": 5,
}


def kind_of(node: Node, unknown: str = "") -> tuple[str, bool]:
    """The kind of a layer, and whether it is a guess, as it is for what is of an `unknown` kind."""
    op = node.attrs["layer"]["class_name"] if both_ways(node) else node.op.removeprefix("ops.")
    known = _convolution(node) if op in ("Conv1D", "Conv2D") else _KIND_OF.get(op)
    if known and known != unknown:
        return known, False
    near = next((kind for part, kind in _LIKE if part in op and kind != unknown), None)
    return near or ("dense" if node.rule.macs and unknown != "dense" else "activation"), True


def both_ways(node: Node) -> bool:
    """Whether it is a layer that runs twice, in both directions of time."""
    return node.op == "Bidirectional"


def _convolution(node: Node) -> str:
    if node.attrs.get("groups", 1) != 1:
        return "conv grouped"
    size = node.attrs["kernel_size"]
    taps = size if isinstance(size, int) else prod(size)
    return "conv 1x1" if taps == 1 else "conv kxk"


def has_bias(node: Node) -> bool:
    """Whether a layer with weights adds a bias."""
    return bool(node.rule.weights or node.shared) and bool(node.attrs.get("use_bias", True))


def operations(node: Node) -> int:
    """How many operations TensorFlow's graph has for a layer."""
    kind, _ = kind_of(node)
    attrs = node.attrs
    then = str(attrs.get("activation") or "linear")
    after = _OF_ACTIVATION.get(then, 1)
    if node.op == "Activation":
        return after
    if kind == "batch norm":
        # Each vector is read, and put into its place where the axis is not -1.
        vectors = 2 + bool(attrs.get("scale", True)) + bool(attrs.get("center", True))
        return 4 + vectors * (3 if attrs.get("axis", -1) == -1 else 5)
    made: int = _OF_OP.get(node.op, _OPERATIONS.get(kind, 1))
    if both_ways(node):  # one of the two reads backwards, and the outputs are joined
        return 2 * made + 8
    if not node.rule.weights and not node.shared:
        return made
    if kind == "dense" and len(node.rule.shape) > 2:
        made += 4
    if node.op == "Conv1D":
        made += 5
    fixed = kind in ("layer norm", "group norm", "attention", *LOOPS)
    return made + (0 if fixed else after + has_bias(node) * (3 if kind == "dense" else 6))


def of_step(node: Node) -> int:
    """The same of a training step: forward, backward, and adam's update of its weights."""
    trained = sum(weight.trainable for weight in node.rule.weights)
    return operations(node) + _backward(node) + UPDATE * trained


def _backward(node: Node) -> int:
    kind, _ = kind_of(node)
    attrs = node.attrs
    after = _BACKWARD_OF_ACTIVATION.get(str(attrs.get("activation") or "linear"), 1)
    if node.op == "Activation":
        return after
    made: int = _BACKWARD_OF_OP.get(node.op, _BACKWARD.get(kind, 1))
    if kind == "batch norm":
        vectors = bool(attrs.get("scale", True)) + bool(attrs.get("center", True))
        return made + vectors + (0 if attrs.get("axis", -1) == -1 else 4 + 2 * vectors)
    if both_ways(node):
        return 2 * made + 10
    if kind == "dense" and len(node.rule.shape) > 2:
        made += 4
    if node.op == "Conv1D":
        made += 6
    conv = kind in ("conv 1x1", "conv kxk", "conv 3d", "transposed", "depthwise", "separable")
    return (
        made
        + 4 * (conv and has_bias(node))
        + (after if node.rule.weights and kind not in LOOPS else 0)
    )


def of_graph(graph: Graph) -> int:
    """The same of a whole network, without the three around it that take its input and return."""
    return sum(operations(n) for i, n in enumerate(graph.nodes) if i not in graph.inputs)
