"""Reference pages that cannot be out of date: read from the commands and from the catalogue.

Three directives: `commands` shows every command with the arguments and options of its `--help`,
`catalogue` documents every block or model, and `docstring` shows that of a module.
"""

import inspect
import re
from collections.abc import Iterator
from importlib import import_module

import typer
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from cnnbench import blocks, cli


class Commands(SphinxDirective):
    """A section for each command: its usage, help, arguments, options and examples."""

    def run(self) -> list[nodes.Node]:
        """The sections, in the order of `cnnbench --help`."""
        return [self._section(*found) for found in _commands(cli.command, "cnnbench") if found[0]]

    def _section(self, name: str, context: typer.Context) -> nodes.section:
        command = context.command
        section = nodes.section(ids=[name.replace(" ", "-")], names=[name])
        self.state.document.note_explicit_target(section)
        usage = " ".join([name, *command.collect_usage_pieces(context)])
        section += nodes.title(text=name)
        section += _code(usage, "text")
        for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
            section += _text(nodes.paragraph(), paragraph)
        rows = [p.get_help_record(context) for p in command.get_params(context)]
        section += _definitions(row for row in rows if row and "--help" not in row[0])
        if epilog := inspect.cleandoc((command.epilog or "").replace("\b", "")):
            section += _code(epilog, "text")
        return section


class Catalogue(SphinxDirective):
    """The blocks or the models, by the argument, with their signatures and docstrings."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """What autodoc makes of each."""
        wanted = [e.name for e in blocks.catalogue().values() if e.kind == self.arguments[0]]
        lines = [f".. autofunction:: cnnbench.blocks.{name}" for name in wanted]
        made = self.parse_text_to_nodes("\n".join(["```{eval-rst}", *lines, "```"]))
        if sum(isinstance(node, addnodes.desc) for node in made) != len(wanted):
            raise self.error("some blocks were not documented")
        return made


class Docstring(SphinxDirective):
    """The docstring of a module, whose indented lines are TOML."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Words and code by turns."""
        text = inspect.getdoc(import_module(self.arguments[0])) or ""
        words, code = text.split("\n\n    ", 1)
        return [
            *(_text(nodes.paragraph(), paragraph) for paragraph in words.split("\n\n")),
            _code(inspect.cleandoc(f"    {code}"), "toml"),
        ]


def _commands(command: typer.core.TyperCommand, name: str) -> Iterator[tuple[str, typer.Context]]:
    context = typer.Context(command, info_name=name)
    inner = getattr(command, "commands", {})
    if not inner:
        yield name, context
    for key, subcommand in inner.items():
        yield from _commands(subcommand, f"{name} {key}")


def _definitions(rows: Iterator[tuple[str, str]]) -> nodes.definition_list:
    made = nodes.definition_list(classes=["options"])
    for names, meaning in rows:
        made += nodes.definition_list_item(
            "",
            nodes.term("", "", nodes.literal(text=names)),
            nodes.definition("", _text(nodes.paragraph(), re.sub(r"\s+", " ", meaning))),
        )
    return made


def _code(text: str, language: str) -> nodes.literal_block:
    return nodes.literal_block(text, text, language=language)


def _text(paragraph: nodes.paragraph, text: str) -> nodes.paragraph:
    """Text in which `names` and --options are set as code."""
    for part in re.split(r"(`[^`]+`|(?<!\S)--[a-z][\w-]*)", text):
        code = part.startswith(("`", "--"))
        paragraph += nodes.literal(text=part.strip("`")) if code else nodes.Text(part)
    return paragraph


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("commands", Commands)
    app.add_directive("catalogue", Catalogue)
    app.add_directive("docstring", Docstring)
    return {"parallel_read_safe": True}
