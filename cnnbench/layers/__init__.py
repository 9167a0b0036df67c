"""The rule book: one file per kind of layer.

Each function is both a layer and its cost rule: the body takes shapes and returns a `Rule`;
`graph.layer` makes it a function on tensors. `graph.ranked_layers` does so for classes that
differ only in their number of spatial axes, such as Conv1D, Conv2D and Conv3D. Names, arguments
and defaults are those of Keras. The bodies use only + - * // on sizes, so that whole numbers,
NumPy arrays and SymPy symbols will all do. Checks and branches need `isinstance(size, int)`:
plain numbers, and the symbols of `cnnbench.analysis.formulas`, which record what was assumed.

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


_HASH = "it hashes its input, and what that takes depends on the data"
_TABLE = "it looks its input up in a table, and what that takes depends on the data"

NO_RULE: dict[str, str] = {
    "ContrastLimitedAdaptiveHistogramEqualization": "nobody has counted its histograms yet",
    "FlaxLayer": "it runs code of Flax that cannot be read",
    "HashedCrossing": _HASH,
    "Hashing": _HASH,
    "IntegerLookup": _TABLE,
    "JaxLayer": "it runs code of JAX that cannot be read",
    "Lambda": "it runs any Python function",
    "MaxNumBoundingBoxes": "it takes a dictionary of boxes and labels",
    "MelSpectrogram": "what its Fourier transform takes depends on the library",
    "StringLookup": _TABLE,
    "TFSMLayer": "it runs a TensorFlow SavedModel that cannot be read",
    "TextVectorization": "it splits text, and what that takes depends on the data",
    "TorchModuleWrapper": "it runs a PyTorch module that cannot be read",
}
"""The layers of Keras that deliberately have no rule, and why: their cost is unknown, not 0."""
