"""The machine: the most that it can do, and whether it is fit to measure."""
