"""CLAIM: what tutorials and papers say of networks, judged on paper and by measurements.

A claim is a file of `registry/`: what is said, where, of which networks. No file holds a verdict:

    entry.py     the keys of a file
    said.py      what is said, as bounds: "81 % more", "8 to 9 times less", "similar"
    judge.py     verdicts on paper: by the rules, with every flip over the variable
    evidence.py  verdicts by measurement: the cases that it takes, and what a run says of them

All keys of a file, with the values they have if left out, or an example where they must be
given (#):

    title = "three 3x3 convolutions against one 7x7"    #
    statement = "... i.e. 81% more"     # the source's words, which are printed as a quotation
    paraphrase = false                  # true where the statement is in our words, as of a table
    source = "Simonyan and Zisserman, arXiv 1409.1556, section 2.3"  #
    note = ""                           # how it is read here, where that needs saying

    [variable]                          # what is varied, if anything is
    name = "C"                          # stands for its value in sizes and parameters; 4C too
    means = "channels"                  #
    range = [1, 512]                    # where flips are looked for
    at = [64]                           # what the source speaks of, or what one would try

    [sides]                             # the networks
    "one 7x7" = { target = "conv_stack", input = "56x56xC" }    # and params, batch = 1,
                                        # mode = "graph", parts = [] (only layers of these blocks
                                        # or names), layers = [] (only of these Keras classes)

    [[tests]]                           # what is said; the claim holds where all of them do
    quantity = "weights"                # or another of `entry.ON_PAPER` and `entry.MEASURED`
    new = "one 7x7"                     # a side
    base = ""                           # another, where two are compared
    says = "81 % more"                  # `said.py` has all forms
    times = 1                           # so many of `new`: steps of a training
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
    """Every claim of the registry."""
    return sorted(
        f.name.removesuffix(".toml") for f in REGISTRY.iterdir() if f.name.endswith(".toml")
    )


def load(wanted: Sequence[str] = ()) -> list[Claim]:
    """Claims by name; all if none is named.

    Raises:
        UnknownNameError: no claim of that name.
        ClaimError: its file is not TOML, or has a wrong or unknown key.
    """
    known = names()
    for name in wanted:
        if name not in known:
            raise unknown("claim", name, known, see="cnnbench verify")
    return [_read(name) for name in dict.fromkeys(wanted or known)]


def _read(name: str) -> Claim:
    file = f"{name}.toml"
    text = (REGISTRY / file).read_text(encoding="utf-8")
    claim = schema.parse(text, file, Claim, _TABLES, ClaimError)
    return claim.model_copy(update={"name": name})
