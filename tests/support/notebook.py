"""A notebook's code run cell by cell in this process, with the outputs that Jupyter would keep.

`python -m tests.support.notebook docs/tutorial.ipynb` runs it and stores the outputs.
"""

from __future__ import annotations

import ast
import io
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

Notebook = dict[str, Any]
VIEWS = {"text/html": "_repr_html_", "text/markdown": "_repr_markdown_"}


def read(path: Path) -> Notebook:
    """A stored notebook."""
    found: Notebook = json.loads(path.read_text(encoding="utf-8"))
    return found


def code_cells(notebook: Notebook) -> list[dict[str, Any]]:
    """The cells that are run, in order."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def run(notebook: Notebook) -> Notebook:
    """The same notebook, its outputs made now."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(code_cells(notebook), 1):
        printed = io.StringIO()
        with redirect_stdout(printed):
            value = _value("".join(cell["source"]), names)
        cell["execution_count"] = number
        cell["outputs"] = []
        if text := printed.getvalue():
            cell["outputs"].append({"output_type": "stream", "name": "stdout", "text": lines(text)})
        if value is not None:
            result = {"output_type": "execute_result", "execution_count": number, "metadata": {}}
            cell["outputs"].append(result | {"data": _data(value)})
    return notebook


def lines(text: str) -> list[str]:
    """A text as notebooks store it."""
    return text.splitlines(keepends=True)


def _value(source: str, names: dict[str, Any]) -> Any:
    """Run some code; the value of its last line if that is an expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return (
        None if last is None else eval(compile(ast.Expression(last.value), "cell", "eval"), names)
    )


def _data(value: Any) -> dict[str, list[str]]:
    views = {kind: getattr(value, name)() for kind, name in VIEWS.items() if hasattr(value, name)}
    return {kind: lines(text) for kind, text in (views | {"text/plain": repr(value)}).items()}


def write(notebook: Notebook, path: Path) -> None:
    """Store a notebook as Jupyter does."""
    text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    for name in map(Path, sys.argv[1:]):
        write(run(read(name)), name)
