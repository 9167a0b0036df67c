"""A formula for the reader: as text or as LaTeX."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partialmethod
from typing import Any

from cnnbench.analysis.formulas import Formula
from cnnbench.analysis.formulas.algebra import Expr, text
from cnnbench.cost import CONVENTION
from cnnbench.reporting.document import Document


def document(formula: Formula, *, as_latex: bool = False) -> Document:
    """The closed forms, what they assume and what they are for, as text or as LaTeX."""
    page = Document()
    fixed = ", ".join(f"{k}={v!r}" for k, v in formula.fixed.items() if v is not None)
    page.text(f"{formula.target} for {fixed}" if fixed else formula.target)
    page.code(*((latex(formula), "math") if as_latex else (_text(formula),)))
    page.text(CONVENTION)
    return page


def latex(formula: Formula) -> str:
    """The closed forms and what they assume as one block of LaTeX."""
    lines = [rf"\text{{{name}}} &= {value}" for name, value in latex_rows(formula)]
    lines += [rf"\text{{where }} & {latex_of(relation)}" for relation in formula.assumptions]
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def latex_rows(formula: Formula) -> list[tuple[str, str]]:
    """Each quantity with its expression in LaTeX."""
    return _rows(formula, latex_of, r"\left( {} \right)")


def _text(formula: Formula) -> str:
    rows = _rows(formula, text, "({})")
    if formula.assumptions:
        rows.append(("where", ", ".join(map(text, formula.assumptions))))
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:{width}}  {value}" for name, value in rows)


def _rows(formula: Formula, show: Callable[[Expr], str], shape: str) -> list[tuple[str, str]]:
    """Each quantity with its expression as text; `shape` is what stands around the output shape."""
    amounts = formula.amounts
    return [
        ("parameters", show(amounts.params)),
        ("MACs", show(amounts.macs)),
        ("elementwise operations", show(amounts.elementwise)),
        ("FLOPs", show(amounts.flops)),
        ("activation values", show(amounts.activations)),
        ("output shape", shape.format(", ".join(map(show, amounts.output_shape)))),
    ]


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

        def _rounded(self, side: str, expr: Expr, exp: str | None = None) -> str:
            inner = self._print(together(expr.args[0]))
            power = f"^{{{exp}}}" if exp else ""
            return rf"\left\l{side} {inner} \right\r{side}{power}"

        _print_floor = partialmethod(_rounded, "floor")
        _print_ceiling = partialmethod(_rounded, "ceil")

    return Printer({"mul_symbol": r" \, "})


def _upright(name: str) -> str:
    return name if len(name) == 1 or name.isdigit() else rf"\mathrm{{{name}}}"
