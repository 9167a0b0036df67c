"""Expressions, and the whole numbers that they stand for while a block is traced."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import sympy
from sympy.printing.str import StrPrinter

from cnnbench.graph import LARGEST

Expr = Any  # of SymPy, which has no types


def symbol(name: str) -> Expr:
    """A whole number of at least 1."""
    return sympy.Symbol(name, integer=True, positive=True)


def floor_of(value: Expr) -> Expr:
    """The floor of a fraction in one form: floor((x + k) / d), x without constant, 0 <= k < d.

    So that rounding up and rounding down after a shift are seen to be the same. Uses
    floor(-p / d) = -floor((p + d - 1) / d) and, for whole d, floor((floor(u) + k) / d) =
    floor((u + k) / d).
    """
    over, under = sympy.fraction(sympy.together(value))
    if over.is_number or not (under.is_integer and under.is_positive):
        return sympy.floor(value)
    over = over.expand()
    if over.subs(dict.fromkeys(over.free_symbols, LARGEST)) < 0:
        return -floor_of((-over + under - 1) / under)
    constant, rest = over.as_coeff_Add()
    if isinstance(rest, sympy.floor) and constant.is_integer:
        return floor_of((rest.args[0] + constant) / under)
    whole = constant // under if under.is_Integer else 0
    return sympy.floor((over - whole * under) / under) + whole


def as_ceiling(value: Expr) -> Expr:
    """floor((x + d - 1) / d) as ceil(x / d), for the reader."""
    over, under = sympy.fraction(sympy.together(value))
    shift = under - 1 if under.is_Integer else -1
    if under != 1 and over.as_coeff_Add()[0] == shift:
        return sympy.ceiling((over - shift) / under) - (0 if under.is_Integer else 1)
    return sympy.floor(value)


def without_floor(expr: Expr) -> Expr:
    """A whole expression of the same sign, negative or not: floor(u) + k >= 0 as u + k >= 0."""
    constant, rest = expr.as_coeff_Add()
    while isinstance(rest, sympy.floor):
        expr = sympy.fraction(sympy.together(rest.args[0] + constant))[0].expand()
        constant, rest = expr.as_coeff_Add()
    return expr


def sides(difference: Expr) -> tuple[Expr, Expr]:
    """Two expressions without minus signs, of which this is the difference."""
    minus = [term for term in sympy.Add.make_args(difference) if term.could_extract_minus_sign()]
    return difference - sympy.Add(*minus), -sympy.Add(*minus)


def equation(difference: Expr) -> Expr:
    """That an expression is 0; the same for its negative, and the simplest to the left."""
    both = sides(difference.primitive()[1])
    return sympy.Eq(*sorted(both, key=lambda side: (side.is_number, side.count_ops(), str(side))))


def text(expr: Expr) -> str:
    """An expression or a relation as one would type it: floor((H + 3)/8), C != n_filters."""
    return str(_Printer().doprint(expr))


class _Printer(StrPrinter):  # type: ignore[misc]
    def _print_floor(self, expr: Expr) -> str:
        return f"floor({self._print(sympy.together(expr.args[0]))})"

    def _print_ceiling(self, expr: Expr) -> str:
        return f"ceil({self._print(sympy.together(expr.args[0]))})"

    def _print_Mod(self, expr: Expr) -> str:  # noqa: N802 (SymPy's names)
        return f"({self._print(expr.args[0])} % {self._print(expr.args[1])})"

    def _print_Relational(self, expr: Expr) -> str:  # noqa: N802
        return f"{self._print(expr.lhs)} {expr.rel_op} {self._print(expr.rhs)}"


class NumberNeededError(Exception):
    """Something that only a plain number can do was asked of these symbols."""

    def __init__(self, expr: Expr) -> None:
        self.names = {s.name for s in expr.free_symbols}
        super().__init__(*self.names)


class Path:
    """One way through the comparisons of a trace, and what was assumed on it.

    Sizes and parameters lie between 1 and `LARGEST`. What does not follow from that is answered:

    - is it at least: as the catalogue's own numbers do, which are known to be accepted;
    - is it equal: no, two sizes differ in general; but whether one divides another, and what is
      in `as_default`, as the catalogue's own numbers do.
    """

    def __init__(self, numbers: dict[str, int], sizes: set[str], as_default: set[Expr]) -> None:
        self.numbers = numbers
        self.at_default = {symbol(name): number for name, number in numbers.items()}
        self.parameters = {symbol(name) for name in numbers if name not in sizes}
        self.as_default = as_default
        self.generic: list[Expr] = []
        self.least: dict[Expr, Expr] = {}  # bounds, the strictest of each symbol
        self.held: dict[Expr, None] = {}  # other assumptions, in their order

    def value(self, name: str, value: Any) -> Any:
        """A size or parameter as the block gets it."""
        if name in self.numbers:
            return Size(symbol(name), self)
        if isinstance(value, (tuple, list)):
            return tuple(self.value(f"{name}_{i}", number) for i, number in enumerate(value, 1))
        return value

    def equal(self, difference: Expr) -> bool:
        """Whether an expression is 0."""
        difference = self._exact(difference).expand()
        if difference.is_zero:
            return True
        if self._follows(difference - 1) or self._follows(-difference - 1):
            return False
        question = equation(difference)
        by_default = bool(difference.subs(self.at_default) == 0)
        follow = difference.has(sympy.Mod) or question in self.as_default
        if by_default and not follow:
            symbols = difference.free_symbols
            if len(symbols) == 1 and symbols <= self.parameters:
                raise NumberNeededError(difference)
            self.generic.append(question)
        answer = by_default and follow
        self.held[question if answer else sympy.Ne(*question.args)] = None
        return answer

    def at_least(self, expr: Expr) -> bool:
        """Whether an expression is at least 0."""
        expr = without_floor(expr.expand())
        constant = expr.as_coeff_Add()[0]
        if abs(constant) >= LARGEST:
            return bool(constant > 0)
        if self._follows(expr):
            return True
        if self._follows(-expr - 1):
            return False
        answer = bool(expr.subs(self.at_default) >= 0)
        self._hold(expr if answer else -expr - 1)
        return answer

    def _hold(self, expr: Expr) -> None:
        """Assume that an expression is at least 0; solved for its symbol where it has one."""
        one, *more = expr.free_symbols
        slope = expr.coeff(one)
        rest = expr - slope * one
        if more or not rest.is_number or not slope.is_number:
            self.held[sympy.Ge(*sides(expr))] = None
        elif slope > 0:
            self.least[one] = sympy.ceiling(-rest / slope)
        else:
            self.held[sympy.Le(one, sympy.floor(-rest / slope))] = None

    def _follows(self, expr: Expr) -> bool:
        """Whether an expression is at least 0 above the least of its symbols, as far as seen."""
        above = {s: sympy.Symbol(s.name, integer=True, nonnegative=True) for s in expr.free_symbols}
        shifted = {s: above[s] + self.least.get(s, 1) for s in above}
        return bool(expr.subs(shifted).expand().is_nonnegative)

    def _exact(self, expr: Expr) -> Expr:
        """An expression without rounding where the divisor is assumed to divide."""
        for relation in self.held:
            if isinstance(relation, sympy.Eq):
                for mod in relation.atoms(sympy.Mod):
                    a, b = mod.args
                    expr = expr.subs(sympy.floor(a / b), a / b)
        return expr

    def assumptions(self) -> tuple[Expr, ...]:
        """What was assumed, as relations."""
        return (*(sympy.Ge(s, number) for s, number in self.least.items()), *self.held)

    def readable(self, value: Any) -> Expr:
        """An expression as the shortest of its factored and expanded forms."""
        expr = value.expr if isinstance(value, Size) else sympy.Integer(value)
        whole = sympy.expand(self._exact(expr).replace(sympy.floor, as_ceiling))
        rounded = sorted(whole.atoms(sympy.floor, sympy.ceiling), key=str)
        collected = sympy.collect(whole, rounded, sympy.factor)
        forms = (whole.factor(), sympy.factor_terms(collected), sympy.factor_terms(whole), whole)
        return min(forms, key=lambda form: (form.count_ops(), len(str(form))))


Operator = Callable[["Size", Any], "Size"]


def _operators(result: Callable[[Expr, Expr], Expr]) -> tuple[Operator, Operator]:
    """An operator with a size on the left, and on the right, by its result for the expressions."""
    return (
        lambda size, other: Size(result(size.expr, size._other(other)), size.path),
        lambda size, other: Size(result(size._other(other), size.expr), size.path),
    )


class Size:
    """A whole number that is not known yet: a SymPy expression on a path.

    To `isinstance` it is an int, so that what a rule refuses for plain numbers becomes an
    assumption; where C code wants a real one (`range`, a list's length), the path starts again
    with a number.
    """

    __slots__ = ("expr", "path")

    def __init__(self, expr: Expr, path: Path) -> None:
        self.expr = expr
        self.path = path

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return int

    def __index__(self) -> int:
        raise NumberNeededError(self.expr)

    def __truediv__(self, other: Any) -> Size:
        raise NumberNeededError(self.expr)

    numerator = property(__index__)  # what `Fraction` asks a whole number for

    def _other(self, other: Any) -> Expr:
        if type(other) is Size:
            return other.expr
        if isinstance(other, int):
            return sympy.Integer(int(other))
        raise NumberNeededError(self.expr)

    def __hash__(self) -> int:
        # A cached result of another path was reached on other assumptions.
        return hash((self.expr, id(self.path)))

    def __repr__(self) -> str:
        return str(self.expr)

    def __bool__(self) -> bool:
        return not self.path.equal(self.expr)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, int):
            return NotImplemented
        return self.path.equal(self.expr - self._other(other))

    def __lt__(self, other: Any) -> bool:
        return not self >= other

    def __le__(self, other: Any) -> bool:
        return self.path.at_least(self._other(other) - self.expr)

    def __gt__(self, other: Any) -> bool:
        return not self <= other

    def __ge__(self, other: Any) -> bool:
        return self.path.at_least(self.expr - self._other(other))

    def __neg__(self) -> Size:
        return Size(-self.expr, self.path)

    __pow__ = _operators(operator.pow)[0]
    __add__, __radd__ = _operators(operator.add)
    __mul__, __rmul__ = _operators(operator.mul)
    __sub__, __rsub__ = _operators(operator.sub)
    __mod__, __rmod__ = _operators(operator.mod)
    __floordiv__, __rfloordiv__ = _operators(lambda over, under: floor_of(over / under))
