"""The pages that people read: their commands, what these print, and the numbers in their words.

`python -m tests.support.pages [PAGE...]` writes into the pages what their commands print now.
"""

import contextlib
import io
import os
import re
import shlex
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from unittest import mock

from cnnbench.cli import main
from cnnbench.cli.options import show
from cnnbench.reporting.runs import summary
from cnnbench.runs import store

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
STORED = {"cnnbench run": "reports/sample-cpu"}
"""Commands that measure, and where the run is stored that a page shows."""
_FENCE = re.compile(r"^```(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_STEP = re.compile(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
_HIDDEN = re.compile(r"^<!-- \$ (.*) -->$", re.MULTILINE)
_NUMBER = re.compile(r"(?<![\w.,/:-])\d+(?:,\d{3})*(?:\.\d+)?(?![\w/:-]|[.,]\d)")


class Window(io.StringIO):
    """A terminal, for what asks whether it prints into one."""

    def isatty(self) -> bool:
        return True


def blocks(text: str, language: str) -> list[str]:
    """The code of one language in a page."""
    return [code for name, code in _FENCE.findall(text) if name == language]


def steps(text: str) -> list[tuple[str, str]]:
    """The commands of a page with what stands below each."""
    return [step for code in blocks(text, "console") for step in _STEP.findall(code)]


def commands(text: str) -> list[str]:
    """The commands of a page, shown, or hidden in a comment because their numbers are quoted."""
    shown = [command for command, _ in steps(text) if command != "echo $?"]
    return shown + _HIDDEN.findall(text)


def arguments(command: str) -> list[str]:
    """The words after `cnnbench`."""
    first, *words = shlex.split(command.replace("\\\n", " "), comments=True)
    assert first == "cnnbench", command
    return words


@cache
def output(command: str) -> tuple[str, int]:
    """What a command prints into a window of 80 columns, and its exit status.

    Of a run that is stored here, what the run printed at its end.
    """
    window = Window()
    with (
        mock.patch.dict(os.environ, {"COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"}),
        contextlib.chdir(ROOT),
        contextlib.redirect_stdout(window),
    ):
        if command in STORED:
            print(show(summary.document(store.read(Path(STORED[command]))), "table"), end="")
            print(f"\nreport: {STORED[command]}/README.md")
            status = 0
        else:
            status = main(arguments(command))
    lines = window.getvalue().strip("\n").splitlines()
    return "\n".join(line.rstrip() for line in lines), status


def stands_in(shown: str, printed: str) -> bool:
    """Whether an excerpt is what was printed; a line `...` stands for any lines."""
    parts = re.split(r"^\.\.\.$", shown, flags=re.MULTILINE)
    patterns = [rf"{re.escape(part.strip(chr(10)))}\n+" if part.strip() else "" for part in parts]
    return re.fullmatch(r"(?:.*\n)*?".join(patterns), printed + "\n") is not None


def numbers(text: str) -> Iterator[str]:
    """The numbers in a page's words: not in code, addresses or names, and none up to ten."""
    words = _FENCE.sub("", text)
    words = re.sub(r"`[^`]*`|\]\([^)]*\)|<[^>]*>|https?://\S+|arXiv \S+|Python 3\.\d+", " ", words)
    for number in _NUMBER.findall(words):
        if float(number.replace(",", "")) > 10 or "." in number:
            yield number


def evidence(page: Path, text: str) -> str:
    """What a page's numbers must stand in: the output of its commands, the reports it links to."""
    printed = [output(command)[0] for command in commands(text)]
    linked = {
        path
        for target in re.findall(r"\]\(([^)#]+)", text)
        if (path := (page.parent / target).resolve()).is_relative_to(ROOT / "reports")
    }
    stored = [path.read_text() for path in linked if path.suffix in (".md", ".csv")]
    return "\n".join(
        [*commands(text), *printed, *stored, *blocks(text, "python"), *blocks(text, "toml")]
    )


def written_again(text: str) -> str:
    """A page with what its commands print now; an excerpt keeps the lines that begin as before."""

    def step(match: re.Match[str]) -> str:
        command, shown = match.groups()
        if command.startswith("echo"):
            return match[0]
        printed = output(command)[0].splitlines()
        if "..." in shown.splitlines():
            printed = list(_kept(shown.splitlines(), printed))
        return "\n".join([f"$ {command}", *printed, ""]) + ("\n" if shown.endswith("\n\n") else "")

    def fence(match: re.Match[str]) -> str:
        if match[1] != "console":
            return match[0]
        return f"```console\n{_STEP.sub(step, match[2])}```"

    return _FENCE.sub(fence, text)


def _kept(shown: list[str], printed: list[str]) -> Iterator[str]:
    rest = list(printed)
    for line in shown:
        if line == "...":
            yield line
            continue
        start = re.split(r"  | \d", line.strip())[0]
        while rest and not (rest[0] == line or (start and rest[0].strip().startswith(start))):
            rest.pop(0)
        if rest:
            yield rest.pop(0)


if __name__ == "__main__":
    for page in map(Path, sys.argv[1:] or PAGES):
        page.write_text(written_again(page.read_text()))
