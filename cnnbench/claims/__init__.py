"""CLAIM: what tutorials and papers say of networks, judged on paper and by measurements.

Each claim is a file of `registry/`, which says what is claimed, where, and of which networks.
No file holds a verdict; a verdict always follows from the rules or from a run:

    entry.py     the keys of a file
    said.py      what is said, as bounds: "81 % more", "8 to 9 times less", "similar"
    judged.py    verdicts by the rules, with every number at which they flip, and by measurement

All keys of a file follow. Keys marked with # must be given and show an example; the others show
the value that they have if left out:

    title = "three 3x3 convolutions against one 7x7"    #
    statement = "... i.e. 81% more"     # the source's words, which are printed as a quotation
    paraphrase = false                  # true where the statement is in our words, as for a table
    source = "Simonyan and Zisserman, arXiv 1409.1556, section 2.3"  #
    note = ""                           # how we read the statement, where that is not obvious

    [variable]                          # what is varied, if anything is
    name = "C"                          # stands for its value in sizes and parameters; 4C too
    means = "channels"                  #
    range = [1, 512]                    # where flips are looked for
    at = [64]                           # the values that the source names, or typical ones

    [sides]                             # the networks
    "one 7x7" = { target = "conv_stack", input = "56x56xC" }    # and params, batch = 1,
                                        # mode = "graph", parts = [] (only layers of these blocks
                                        # or names), layers = [] (only of these Keras classes)

    [[tests]]                           # what is said; the claim holds where all of them do
    quantity = "weights"                # or another of `PaperQuantity` and `MeasuredQuantity`
    new = "one 7x7"                     # a side
    base = ""                           # another, where two are compared
    says = "81 % more"                  # `said.py` has all forms
    times = 1                           # how often `new` runs, as for the steps of a training
    name = ""                           # what tables call it; the quantity if left out
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from importlib.resources.abc import Traversable

from pydantic import BaseModel

from cnnbench import schema
from cnnbench.claims.entry import Claim, ClaimTest, Side, Variable
from cnnbench.errors import ClaimError, unknown

_TABLES: dict[str, type[BaseModel]] = {"sides": Side, "tests": ClaimTest, "variable": Variable}
REGISTRY: Traversable = resources.files(__name__) / "registry"


def names() -> list[str]:
    """The names of all claims, in order."""
    return sorted(
        f.name.removesuffix(".toml") for f in REGISTRY.iterdir() if f.name.endswith(".toml")
    )


def load(wanted: Sequence[str] = ()) -> list[Claim]:
    """Claims by name, all if none is named; an UnknownNameError, or a ClaimError for its file."""
    known = names()
    for name in wanted:
        if name not in known:
            raise unknown("claim", name, known, see="see cnnbench verify")
    claims = []
    for name in dict.fromkeys(wanted or known):
        try:
            text = (REGISTRY / f"{name}.toml").read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise ClaimError(f"{name}.toml: not UTF-8 text") from None
        claim = schema.parse(text, f"{name}.toml", Claim, _TABLES, ClaimError)
        claims.append(claim.model_copy(update={"name": name}))
    return claims
