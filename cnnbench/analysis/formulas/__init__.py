"""FORMULA: the cost of a block in closed form, from the rules that cost it in numbers.

The block is traced with symbols for its sizes and whole-number parameters. Where a rule or a
block compares two of them, one branch is taken and the assumption kept: a formula is not
given out for numbers that would have gone the other way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from cnnbench.analysis.formulas.algebra import Expr, NumberNeededError, Path, Size, symbol, text
from cnnbench.blocks import Entry
from cnnbench.cost import cost
from cnnbench.errors import CnnbenchError, ShapeError
from cnnbench.graph import ITEMSIZE, LARGEST, Graph, follow
from cnnbench.records import Record, one_line

SIZES = {1: "C", 2: "WC", 3: "HWC", 4: "THWC"}
"""What the axes of one sample are called, by how many there are; the batch is n."""


@dataclass(frozen=True, slots=True)
class Amounts(Record):
    """The totals of a network: expressions in a formula, whole numbers out of `Formula.at`.

    `activations` are the values of all layers' outputs, the input's included.
    """

    params: Expr
    macs: Expr
    elementwise: Expr
    flops: Expr
    activations: Expr
    output_shape: tuple[Expr, ...]

    def map(self, function: Callable[[Any], Any]) -> Amounts:
        """The same with a function applied to every number."""
        *names, _ = (field.name for field in fields(self))
        numbers = {name: function(getattr(self, name)) for name in names}
        return Amounts(**numbers, output_shape=tuple(map(function, self.output_shape)))


@dataclass(frozen=True, slots=True)
class Formula(Record):
    """The totals of a block as expressions.

    Args:
        target: the block.
        amounts: SymPy expressions in the symbols.
        symbols: every symbol, with its number in the catalogue.
        fixed: sizes and parameters that are no symbols, with the value that the formula is for.
        assumptions: SymPy relations that the symbols must meet.
    """

    target: str
    amounts: Amounts
    symbols: dict[str, int]
    fixed: dict[str, Any]
    assumptions: tuple[Expr, ...]

    def __repr__(self) -> str:
        return one_line(self, self.target, f"in {', '.join(self.symbols)}")

    def at(self, **numbers: Any) -> Amounts:
        """The exact whole numbers at given sizes and parameters; others as in the catalogue.

        Raises:
            CnnbenchError: no such symbol, not a whole number of at least 1, or numbers
                that break an assumption.
        """
        given = _flat(numbers)
        for name, value in given.items():
            if name not in self.symbols | self.fixed:
                raise CnnbenchError(
                    f"no {name} in the formula of {self.target}; it has {', '.join(self.symbols)}"
                )
            if name in self.symbols:
                _check_number(name, value)
            elif value != self.fixed[name]:
                raise CnnbenchError(
                    f"the formula is for {name}={self.fixed[name]!r}; got {name}={value!r}; "
                    "ask for another formula"
                )
        values = {symbol(n): given.get(n, default) for n, default in self.symbols.items()}
        for assumption in self.assumptions:
            if not assumption.subs(values):
                symbols = sorted(assumption.free_symbols, key=str)
                got = ", ".join(f"{s}={values[s]}" for s in symbols)
                raise CnnbenchError(f"the formula holds only where {text(assumption)}; got {got}")
        return self.amounts.map(lambda expression: int(expression.subs(values)))


def formula(entry: Entry, /, **given: Any) -> Formula:
    """The closed forms of a catalogue entry.

    Every size (n, H, W, C) and every parameter that is a whole number, or a tuple of them,
    becomes a symbol, except those given; and except a parameter that says how often
    something is repeated, or that the block compares with the number that is its default.
    """
    sizes = dict(zip(("n", *SIZES[len(entry.input_shape)]), (1, *entry.input_shape), strict=True))
    for name, value in given.items():
        if name in sizes:
            _check_number(name, value)
    entry.check({name: value for name, value in given.items() if name not in sizes})
    everything = entry.params | sizes | given
    n, *shape = (everything[name] for name in sizes)
    # What is refused in numbers is refused here.
    entry.trace(tuple(shape), batch_size=n, **{name: everything[name] for name in entry.params})
    flat = _flat(everything)
    fixed = set(_flat(given)) | {name for name, value in flat.items() if type(value) is not int}
    as_default: set[Expr] = set()
    while True:
        numbers = {name: flat[name] for name in (*sizes, *flat) if name not in fixed}
        path = Path(numbers, set(sizes), as_default)
        try:
            total = cost(_trace(entry, path, list(sizes), everything))
            break
        except NumberNeededError as needed:
            fixed |= needed.names
        except ShapeError:
            # For want of an equality, then; or else of a parameter that is a plain number.
            if undone := [question for question in path.generic if question not in as_default]:
                as_default.add(undone[-1])
            elif params := numbers.keys() - sizes.keys():
                fixed |= params
            else:
                raise
    values = total.activation_bytes // ITEMSIZE[total.dtype]
    amounts = (total.params, total.macs, total.elementwise, total.flops, values)
    return Formula(
        entry.name,
        Amounts(*amounts, total.output_shape).map(path.readable),
        numbers,
        {name: value for name, value in flat.items() if name in fixed},
        path.assumptions(),
    )


def _trace(entry: Entry, path: Path, sizes: list[str], numbers: dict[str, Any]) -> Graph:
    """As `graph.trace`, which takes plain numbers only, with symbols for those of the path."""
    shape = tuple(path.value(name, numbers[name]) for name in sizes)
    params = {name: path.value(name, numbers[name]) for name in entry.params}
    graph = follow(Graph(), entry.function, shape, params)
    for node in graph.nodes:
        for size in node.rule.shape:
            if isinstance(size, Size):  # of a plain number the rule has made sure itself
                path.at_least(size.expr - 1)
    return graph


def _check_number(name: str, value: Any) -> None:
    if type(value) is not int or not 1 <= value <= LARGEST:
        raise CnnbenchError(
            f"{name} must be a whole number from 1 to {LARGEST:.0e}; got {value!r:.40}"
        )


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    """Tuples of whole numbers as one entry a number: filters=(1, 2) as filters_1, filters_2."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, (tuple, list)) and all(type(number) is int for number in value):
            flat |= {f"{name}_{i}": number for i, number in enumerate(value, 1)}
        else:
            flat[name] = value
    return flat
