"""A runtime whose framework cannot be imported."""

MODES = ("graph",)
PRELOAD = ()
ENVIRONMENT = {}


def describe():
    raise ImportError("libbroken.so: no such file")


def prepare(order):
    raise NotImplementedError
