"""A document as Markdown, as GitHub prints it."""

from __future__ import annotations

from pathlib import Path

from cnnbench.reporting.document import Block, Bullets, Code, Document, Grid, Heading, Picture
from cnnbench.reporting.tables import text_table


def markdown(document: Document) -> str:
    """The blocks of a document; its figures are named, not drawn."""
    return "\n\n".join(map(_block, document.blocks)) + "\n"


def write(document: Document, folder: Path) -> Path:
    """Write README.md and the figures that it shows into a folder; returns the page's path."""
    from cnnbench.reporting.style import save  # here: it imports matplotlib

    for picture in document.pictures:
        save(picture.draw, folder / picture.name)
    path = folder / "README.md"
    path.write_text(markdown(document), encoding="utf-8")
    return path


def _block(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {text}"
        case str():
            return block
        case Bullets(lines):
            return "\n".join(f"- {line}" for line in lines)
        case Grid(headers, rows):
            return text_table(headers, rows, "github")
        case Code(text, language):
            return f"```{language}\n{text}\n```"
        case Picture(name, alt):
            return f"![{alt}]({name})"
