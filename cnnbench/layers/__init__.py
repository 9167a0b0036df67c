"""The rule book: one file per kind of layer.

Each function is both a layer and its cost rule: the body sees shapes and returns a `Rule`,
the decorator lifts it to tensors. Names, arguments and defaults are those of Keras. The
bodies use only + - * // on sizes, so they take whole numbers, NumPy arrays and SymPy
symbols alike; checks apply where a size is a plain number.
"""
