"""What XLA counts for one layer: a multiply and an add for each tap inside the input."""

from __future__ import annotations

from typing import Any

from cnnbench.errors import RuntimeMissingError
from cnnbench.graph import Node
from cnnbench.rule import Shape

LAYERS = (
    *(f"{kind}{rank}D" for kind in ("Conv", "DepthwiseConv", "SeparableConv") for rank in (1, 2)),
    *("Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", "Dense", "EinsumDense"),
)
"""The layers that are products with weights and, without bias and activation, nothing else."""


def key(node: Node, shape: Shape) -> tuple[str, str, Shape]:
    """What the count of a layer depends on: class, arguments and input shape."""
    return node.op, repr(sorted(_arguments(node).items())), shape


def flops(node: Node, shape: Shape) -> float:
    """Two for each multiply-add of a layer without bias and activation, by XLA's cost analysis.

    The program is that of Keras on JAX as XLA gets it, before anything is optimised. It is not
    compiled or run, and no weight is allocated. XLA keeps its count in 32-bit floats.

    Args:
        node: one of LAYERS.
        shape: of its input, batch first.

    Raises:
        RuntimeMissingError: Keras does not run on JAX here.
    """
    import keras

    if keras.backend.backend() != "jax":
        raise RuntimeMissingError(
            f"expected Keras on JAX; it runs on {keras.backend.backend()}; set KERAS_BACKEND=jax"
        )
    import jax

    arguments = {**_arguments(node), "activation": None}
    if node.op != "EinsumDense":  # its bias is an argument that we leave out
        arguments["use_bias"] = False
    with keras.StatelessScope(initialize_variables=False):
        layer = getattr(keras.layers, node.op)(**arguments)
        layer.build(shape)

    def call(weights: Any, x: Any) -> Any:
        outputs, _ = layer.stateless_call(weights, [], x)
        return outputs

    weights = [jax.ShapeDtypeStruct(v.shape, v.dtype) for v in layer.trainable_variables]
    x = jax.ShapeDtypeStruct(shape, "float32")
    found = jax.jit(call).lower(weights, x).cost_analysis()
    return float(found.get("flops", 0))  # absent where no tap meets the input


def _arguments(node: Node) -> dict[str, Any]:
    skipped = ("activation", "use_bias", "bias_axes")
    return {name: value for name, value in node.attrs.items() if name not in skipped}
