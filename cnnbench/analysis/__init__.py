"""Readings of a graph: views, training, formulas, other tools' conventions, capacity, folding."""
