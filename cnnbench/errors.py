"""What can be wrong with the user's input, each in one line.

The command line prints the message and exits with 2; any other exception is a bug.
"""

from collections.abc import Iterable
from difflib import get_close_matches

LONGEST = 280
"""The most characters of a message: what it quotes may be a page long."""


def one_line(text: str) -> str:
    """A message as one line that a terminal can show; the middle of a long one is left out."""
    words = " ".join(text.split())
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 105]} ... {line[-100:]}"


class CnnbenchError(Exception):
    """Bad input: what was expected, what came, what to do, in one line."""

    def __str__(self) -> str:
        return one_line(super().__str__())


class UnknownNameError(CnnbenchError):
    """A block, model, suite, parameter or device that does not exist."""


class ShapeError(CnnbenchError):
    """A shape, size or channel count that a layer cannot take, or that is impossible."""


class NoRuleError(CnnbenchError):
    """A layer or operation whose cost is not known: it is reported by name, not counted."""


class TargetError(CnnbenchError):
    """A file or a function that does not give a Keras model."""


class SuiteError(CnnbenchError):
    """A suite file that cannot be read."""


class ClaimError(CnnbenchError):
    """A claim that cannot be read or judged."""


class StoreError(CnnbenchError):
    """A run folder that cannot be read, written or continued."""


class RuntimeMissingError(CnnbenchError):
    """A runtime that is not installed, or a device that is not on this machine."""


class ClusterError(CnnbenchError):
    """A cluster that does not answer, or none of whose workers can measure."""


def no_framework(error: ImportError) -> RuntimeMissingError:
    """What to say where Keras or TensorFlow cannot be imported."""
    return RuntimeMissingError(
        f"Keras on TensorFlow cannot be imported here ({error}): pip install tensorflow"
    )


def unknown(kind: str, name: str, known: Iterable[str], see: str = "") -> UnknownNameError:
    """The error for a misspelt name: the nearest known names first, else all of them."""
    known = sorted(known)
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        hint = f"did you mean {' or '.join(near)}?"
    elif len(known) > 15:  # a line, not a page
        hint = f"none of the {len(known)} known is like it"
    else:
        hint = f"known: {', '.join(known) or 'none'}"
    return UnknownNameError(f"unknown {kind} {name!r}; {hint}" + (f" ({see})" if see else ""))
