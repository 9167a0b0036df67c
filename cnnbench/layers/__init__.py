"""The rule book: one file per kind of layer.

Each function is both a layer and its cost rule: the body sees shapes and returns a `Rule`,
the decorator lifts it to tensors. Names, arguments and defaults are those of Keras. The
bodies use only + - * // on sizes, so they take whole numbers, NumPy arrays and SymPy
symbols alike. Checks and branches apply where `isinstance(size, int)`: plain numbers, and the
symbols of `cnnbench.formulas`, which keep what was assumed.

A rule is known once its file is imported; `load_all` imports every file.
"""

import pkgutil
from functools import cache
from importlib import import_module


@cache
def load_all() -> None:
    """Import every file of this folder, so that each of its rules is in `graph.RULES`."""
    for module in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")


NO_RULE: dict[str, str] = {
    "FlaxLayer": "it runs code of Flax that cannot be read",
    "JaxLayer": "it runs code of JAX that cannot be read",
    "Lambda": "it runs any Python function",
    "TFSMLayer": "it runs a TensorFlow SavedModel that cannot be read",
    "TorchModuleWrapper": "it runs a PyTorch module that cannot be read",
}
"""The layers of Keras that have no rule on purpose, and why: their cost is unknown, not 0."""
