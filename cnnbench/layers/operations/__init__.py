"""What the operations of `keras.ops` cost, as they appear in functional models.

A rule is `rule(shapes, out, attrs)`: the shapes of the arrays that the operation takes, inputs
and constants alike; the shape of its output, or a list of shapes, which Keras infers; and the
attributes of Keras' object for the operation. The caller adds weights and the shapes of outputs
after the first. An operation that is not here has no rule: its cost is unknown.
"""

from collections.abc import Callable

from cnnbench.layers.operations.as_layers import AS_LAYERS
from cnnbench.layers.operations.products import PRODUCTS
from cnnbench.layers.operations.tables import TABLES, Attrs, Operation, Shapes
from cnnbench.layers.operations.transforms import TRANSFORMS
from cnnbench.rule import Rule, Shape


def _of_first(rule: Operation) -> Callable[[Shapes, Shape | list[Shape], Attrs], Rule]:
    return lambda shapes, out, attrs: rule(shapes, out[0] if isinstance(out, list) else out, attrs)


OPERATIONS = {
    key: _of_first(rule) for key, rule in (TABLES | PRODUCTS | AS_LAYERS | TRANSFORMS).items()
}
"""The rule of each operation by its module in `keras.ops` and class, such as "numpy.Add"."""
