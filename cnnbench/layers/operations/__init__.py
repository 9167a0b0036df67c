"""What the operations of `keras.ops` cost, as they appear in functional models.

A rule is `rule(shapes, out, attrs)`: the shapes of the arrays that the operation takes, inputs
and constants alike; the shape of its output, or a list of shapes, which Keras infers; and the
attributes of Keras' object for the operation. The caller adds weights and the shapes of outputs
after the first. An operation that is not here has no rule: its cost is unknown.
"""

from cnnbench.layers.operations._outputs import Operation
from cnnbench.layers.operations.as_layers import AS_LAYERS
from cnnbench.layers.operations.elementwise import ELEMENTWISE
from cnnbench.layers.operations.moves import MOVES
from cnnbench.layers.operations.products import PRODUCTS
from cnnbench.layers.operations.reductions import REDUCTIONS

OPERATIONS: dict[str, Operation] = {**ELEMENTWISE, **MOVES, **REDUCTIONS, **PRODUCTS, **AS_LAYERS}
"""The rule of each operation by its module in `keras.ops` and class, such as "numpy.Add"."""
