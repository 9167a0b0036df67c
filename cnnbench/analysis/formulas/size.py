"""Whole numbers that are not known yet, and the way that comparisons of them went."""

from __future__ import annotations

from typing import Any

from cnnbench.analysis.formulas.algebra import (
    Expr,
    as_ceiling,
    equation,
    floor_of,
    sides,
    symbol,
    without_floor,
)
from cnnbench.graph import LARGEST


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
        from sympy import Mod, Ne

        difference = self._exact(difference).expand()
        if difference.is_zero:
            return True
        if self._follows(difference - 1) or self._follows(-difference - 1):
            return False
        question = equation(difference)
        by_default = bool(difference.subs(self.at_default) == 0)
        follow = difference.has(Mod) or question in self.as_default
        if by_default and not follow:
            symbols = difference.free_symbols
            if len(symbols) == 1 and symbols <= self.parameters:
                raise NumberNeededError(difference)
            self.generic.append(question)
        answer = by_default and follow
        self.held[question if answer else Ne(*question.args)] = None
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
        from sympy import Ge, Le, ceiling, floor

        one, *more = expr.free_symbols
        slope = expr.coeff(one)
        rest = expr - slope * one
        if more or not rest.is_number or not slope.is_number:
            self.held[Ge(*sides(expr))] = None
        elif slope > 0:
            self.least[one] = ceiling(-rest / slope)
        else:
            self.held[Le(one, floor(-rest / slope))] = None

    def _follows(self, expr: Expr) -> bool:
        """Whether an expression is at least 0 above the least of its symbols, as far as seen."""
        from sympy import Symbol

        above = {s: Symbol(s.name, integer=True, nonnegative=True) for s in expr.free_symbols}
        shifted = {s: above[s] + self.least.get(s, 1) for s in above}
        return bool(expr.subs(shifted).expand().is_nonnegative)

    def _exact(self, expr: Expr) -> Expr:
        """An expression without rounding where the divisor is assumed to divide."""
        from sympy import Eq, Mod, floor

        for relation in self.held:
            if isinstance(relation, Eq):
                for mod in relation.atoms(Mod):
                    a, b = mod.args
                    expr = expr.subs(floor(a / b), a / b)
        return expr

    def assumptions(self) -> tuple[Expr, ...]:
        """What was assumed, as relations."""
        from sympy import Ge

        return (*(Ge(s, number) for s, number in self.least.items()), *self.held)

    def readable(self, value: Any) -> Expr:
        """An expression as the shortest of its factored and expanded forms."""
        from sympy import Integer, ceiling, collect, expand, factor, factor_terms, floor

        expr = value.expr if isinstance(value, Size) else Integer(value)
        whole = expand(self._exact(expr).replace(floor, as_ceiling))
        rounded = sorted(whole.atoms(floor, ceiling), key=str)
        collected = collect(whole, rounded, factor)
        forms = (factor(whole), factor_terms(collected), factor_terms(whole), whole)
        return min(forms, key=lambda form: (form.count_ops(), len(str(form))))


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

    @property
    def numerator(self) -> int:
        """What `Fraction` asks a whole number for."""
        raise NumberNeededError(self.expr)

    def _other(self, other: Any) -> Expr:
        from sympy import Integer

        if type(other) is Size:
            return other.expr
        if isinstance(other, int):
            return Integer(int(other))
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

    def __add__(self, other: Any) -> Size:
        return Size(self.expr + self._other(other), self.path)

    def __sub__(self, other: Any) -> Size:
        return Size(self.expr - self._other(other), self.path)

    def __rsub__(self, other: Any) -> Size:
        return Size(self._other(other) - self.expr, self.path)

    def __mul__(self, other: Any) -> Size:
        return Size(self.expr * self._other(other), self.path)

    def __pow__(self, other: Any) -> Size:
        return Size(self.expr ** self._other(other), self.path)

    def __neg__(self) -> Size:
        return Size(-self.expr, self.path)

    def __floordiv__(self, other: Any) -> Size:
        return Size(floor_of(self.expr / self._other(other)), self.path)

    def __rfloordiv__(self, other: Any) -> Size:
        return Size(floor_of(self._other(other) / self.expr), self.path)

    def __mod__(self, other: Any) -> Size:
        return Size(self.expr % self._other(other), self.path)

    def __rmod__(self, other: Any) -> Size:
        return Size(self._other(other) % self.expr, self.path)

    __radd__ = __add__
    __rmul__ = __mul__
