"""A formula for the reader: as text, LaTeX or markdown."""

from __future__ import annotations

from functools import cache
from typing import Any

from cnnbench.analysis.formulas import Formula
from cnnbench.analysis.formulas.algebra import Expr, text
from cnnbench.cost import CONVENTION
from cnnbench.errors import unknown

FORMATS = ("text", "latex", "markdown")


def render(formula: Formula, format: str) -> str:
    """The closed forms, what they assume and what they are for.

    Raises:
        UnknownNameError: the format is not one of FORMATS.
    """
    if format not in FORMATS:
        raise unknown("format", format, FORMATS)
    if format == "text":
        return _text(formula)
    lines = [rf"\text{{{name}}} &= {latex}" for name, latex in latex_rows(formula)]
    lines += [rf"\text{{where }} & {latex_of(relation)}" for relation in formula.assumptions]
    block = "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}\n"
    if format == "latex":
        return block
    return f"{heading(formula)}\n\n```math\n{block}```\n\n{CONVENTION}\n"


def heading(formula: Formula) -> str:
    """The block, and what of it is a number: vgg_block for n_conv=2."""
    given = {name: value for name, value in formula.fixed.items() if value is not None}
    fixed = ", ".join(f"{name}={value!r}" for name, value in given.items())
    return f"{formula.target} for {fixed}" if fixed else formula.target


def _text(formula: Formula) -> str:
    amounts = formula.amounts
    rows = [(name, text(expression)) for name, expression in _scalars(formula)]
    rows.append(("output shape", f"({', '.join(map(text, amounts.output_shape))})"))
    if formula.assumptions:
        rows.append(("where", ", ".join(map(text, formula.assumptions))))
    width = max(len(name) for name, _ in rows)
    body = "\n".join(f"{name:{width}}  {value}" for name, value in rows)
    return f"{heading(formula)}\n\n{body}\n\n{CONVENTION}\n"


def _scalars(formula: Formula) -> tuple[tuple[str, Expr], ...]:
    amounts = formula.amounts
    return (
        ("parameters", amounts.params),
        ("MACs", amounts.macs),
        ("elementwise operations", amounts.elementwise),
        ("FLOPs", amounts.flops),
        ("activation values", amounts.activations),
    )


def latex_rows(formula: Formula) -> list[tuple[str, str]]:
    """Each quantity with its expression in LaTeX."""
    shape = ", ".join(map(latex_of, formula.amounts.output_shape))
    rows = [(name, latex_of(expression)) for name, expression in _scalars(formula)]
    return [*rows, ("output shape", rf"\left( {shape} \right)")]


def latex_of(expr: Expr) -> str:
    """An expression or a relation in LaTeX, with names upright."""
    return str(_printer().doprint(expr))


@cache
def _printer() -> Any:
    from sympy import together
    from sympy.printing.latex import LatexPrinter

    class Printer(LatexPrinter):  # type: ignore[misc]
        def _print_Symbol(self, expr: Expr, style: str = "plain") -> str:  # noqa: N802
            base, *rest = expr.name.split("_")
            letters = base.rstrip("0123456789")
            below = [_upright(part) for part in (base[len(letters) :], *rest) if part]
            return _upright(letters) + (f"_{{{','.join(below)}}}" if below else "")

        def _print_floor(self, expr: Expr, exp: str | None = None) -> str:
            return self._rounded("floor", expr, exp)

        def _print_ceiling(self, expr: Expr, exp: str | None = None) -> str:
            return self._rounded("ceil", expr, exp)

        def _rounded(self, side: str, expr: Expr, exp: str | None) -> str:
            inner = self._print(together(expr.args[0]))
            power = f"^{{{exp}}}" if exp else ""
            return rf"\left\l{side} {inner} \right\r{side}{power}"

    return Printer({"mul_symbol": r" \, "})


def _upright(name: str) -> str:
    return name if len(name) == 1 or name.isdigit() else rf"\mathrm{{{name}}}"
