"""What is done to expressions: one form for rounding, comparisons solved, text for the reader."""

from __future__ import annotations

from typing import Any

from sympy import Add, Eq, Symbol, ceiling, floor, fraction, together
from sympy.printing.str import StrPrinter

from cnnbench.graph import LARGEST

Expr = Any  # of SymPy, which has no types


def symbol(name: str) -> Expr:
    """A whole number of at least 1."""
    return Symbol(name, integer=True, positive=True)


def floor_of(value: Expr) -> Expr:
    """The floor of a fraction in one form: floor((x + k) / d), x without constant, 0 <= k < d.

    So that rounding up and rounding down after a shift are seen to be the same. Uses
    floor(-p / d) = -floor((p + d - 1) / d) and, for whole d, floor((floor(u) + k) / d) =
    floor((u + k) / d).
    """
    over, under = fraction(together(value))
    if over.is_number or not (under.is_integer and under.is_positive):
        return floor(value)
    over = over.expand()
    if over.subs(dict.fromkeys(over.free_symbols, LARGEST)) < 0:
        return -floor_of((-over + under - 1) / under)
    constant, rest = over.as_coeff_Add()
    if isinstance(rest, floor) and constant.is_integer:
        return floor_of((rest.args[0] + constant) / under)
    whole = constant // under if under.is_Integer else 0
    return floor((over - whole * under) / under) + whole


def as_ceiling(value: Expr) -> Expr:
    """floor((x + d - 1) / d) as ceil(x / d), for the reader."""
    over, under = fraction(together(value))
    shift = under - 1 if under.is_Integer else -1
    if under != 1 and over.as_coeff_Add()[0] == shift:
        return ceiling((over - shift) / under) - (0 if under.is_Integer else 1)
    return floor(value)


def without_floor(expr: Expr) -> Expr:
    """A whole expression of the same sign, negative or not: floor(u) + k >= 0 as u + k >= 0."""
    constant, rest = expr.as_coeff_Add()
    while isinstance(rest, floor):
        expr = fraction(together(rest.args[0] + constant))[0].expand()
        constant, rest = expr.as_coeff_Add()
    return expr


def sides(difference: Expr) -> tuple[Expr, Expr]:
    """Two expressions without minus signs, of which this is the difference."""
    minus = [term for term in Add.make_args(difference) if term.could_extract_minus_sign()]
    return difference - Add(*minus), -Add(*minus)


def equation(difference: Expr) -> Expr:
    """That an expression is 0; the same for its negative, and the simplest to the left."""
    both = sides(difference.primitive()[1])
    return Eq(*sorted(both, key=lambda side: (side.is_number, side.count_ops(), str(side))))


def text(expr: Expr) -> str:
    """An expression or a relation as one would type it: floor((H + 3)/8), C != n_filters."""
    return str(_Printer().doprint(expr))


class _Printer(StrPrinter):  # type: ignore[misc]
    def _print_floor(self, expr: Expr) -> str:
        return f"floor({self._print(together(expr.args[0]))})"

    def _print_ceiling(self, expr: Expr) -> str:
        return f"ceil({self._print(together(expr.args[0]))})"

    def _print_Mod(self, expr: Expr) -> str:  # noqa: N802 (SymPy's names)
        return f"({self._print(expr.args[0])} % {self._print(expr.args[1])})"

    def _print_Relational(self, expr: Expr) -> str:  # noqa: N802
        return f"{self._print(expr.lhs)} {expr.rel_op} {self._print(expr.rhs)}"
