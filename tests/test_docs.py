"""What README and docs say: commands, Python and suites are run, numbers are looked up."""

import operator
import re
import sys
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import cnnbench
import cnnbench.benchmarking
from cnnbench import types
from cnnbench.cases import suites
from cnnbench.cli import command as cli
from cnnbench.cost import cost
from cnnbench.graph import trace
from cnnbench.layers.conv import conv2d
from cnnbench.layers.merge import concatenate
from tests.support import pages
from tests.support.pages import PAGES, ROOT

TEXTS = {str(page.relative_to(ROOT)): page.read_text() for page in PAGES}


INSTALLED = "2.6"
"""The GB on disk that the pages name, with what Python compiles at the first import."""


def code(language):
    """The blocks of code in one language on all pages, and where they are."""
    return [
        (f"{name}-{number}", text)
        for name, page in TEXTS.items()
        for number, text in enumerate(pages.blocks(page, language))
    ]


def _leaves(command=None):
    command = command or cli
    return [
        command,
        *(leaf for c in getattr(command, "commands", {}).values() for leaf in _leaves(c)),
    ]


def _names(parameter):
    return [*parameter.opts, *parameter.secondary_opts]


LINES = [
    line
    for _, text in code("sh")
    for line in re.findall(r"^cnnbench (?:.*\\\n)*.*", text, re.MULTILINE)
]
PYTHON = [(where, text) for where, text in code("python") if "@block" not in text]
NEEDS_KERAS = pytest.mark.tensorflow
OTHERS = {
    "--benchmark-json",
    "--benchmark-autosave",
    "--benchmark-compare",
    "--no-deps",
    "--constraint",
    "--help",
    "--editable",
}


@pytest.mark.parametrize("name", TEXTS)
def test_commands_print_what_stands_below_them_and_numbers_are_found(name):
    text = TEXTS[name]
    status = 0
    for command, shown in pages.steps(text):
        if command == "echo $?":
            assert shown.strip() == str(status)
            continue
        printed, status = pages.output(command)
        assert pages.stands_in(shown, printed), f"{command} prints\n{printed}\nnot\n{shown}"
    known = {INSTALLED, *re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?", pages.evidence(ROOT / name, text))}
    assert not [number for number in pages.numbers(text) if number not in known]


def test_an_excerpt_must_be_what_is_printed():
    printed = "one\ntwo\nthree"
    for shown in ("one\ntwo\nthree\n", "one\n...\n", "...\ntwo\n...\n", "one\n...\nthree\n\n"):
        assert pages.stands_in(shown, printed), shown
    for shown in ("one\n", "two\nthree\n", "one\nthree\n", "...\ntwo\n", "three\n...\n"):
        assert not pages.stands_in(shown, printed), shown


@pytest.mark.parametrize("line", LINES)
def test_a_command_without_output_could_be_typed(line):
    words = pages.arguments(line)
    command = cli
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    command.make_context("cnnbench", words)


@pytest.mark.parametrize(
    "line",
    [
        line
        for line in re.findall(r"`(cnnbench (?:analyze|sweep) [^`]+)`", TEXTS["README.md"])
        if not re.search(r"my\.keras|--as\b", line)  # a file of the reader, and no network
    ],
)
def test_what_the_readme_wants_of_entries_can_be_had(line):
    assert pages.output(line)[1] == 0


@pytest.mark.parametrize("name", TEXTS)
def test_options_exist_and_links_lead_somewhere(name):
    options = {option for command in _leaves() for p in command.params for option in _names(p)}
    inline = " ".join(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", TEXTS[name], flags=re.S)))
    ours = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", inline)) - OTHERS
    assert ours <= options
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", TEXTS[name]):
        assert "://" in target or (ROOT / name).parent.joinpath(target).exists(), target


@pytest.mark.parametrize(
    "program", [pytest.param(p, id=i, marks=NEEDS_KERAS if "keras" in p else ()) for i, p in PYTHON]
)
def test_python_runs(program, tmp_path, monkeypatch, undrawn):
    monkeypatch.chdir(tmp_path)  # a run goes into a folder
    exec(compile(program, "page", "exec"), {})


@pytest.mark.parametrize("text", [pytest.param(t, id=i) for i, t in code("toml")])
def test_a_suite_loads(tmp_path, text):
    (tmp_path / "mine.toml").write_text(text)
    assert suites.load(str(tmp_path / "mine.toml")).groups(
        [suites.Place("cpu", "tensorflow", ("graph",))]
    )


def test_the_block_in_contributing_can_be_analysed():
    program = pages.blocks(TEXTS["CONTRIBUTING.md"], "python")[0].replace("@block", "#")
    names = {"conv2d": conv2d, "concatenate": concatenate}
    exec(program, names)
    # 64*16+16, 16*64+64, 9*16*64+64
    assert cost(trace(names["my_fire_module"], (8, 8, 64))).params == 1040 + 1088 + 9280


@pytest.mark.parametrize("name", ["README.md", "docs/index.md"])
def test_the_answer_is_that_of_the_sample_report(name):
    said = " ".join(pages.output("cnnbench run")[0].split())
    slower, faster = re.findall(r"takes ([\d.]+) times as long", said)
    crossing = re.search(r"From about (\d+) input channels on", said)[1]
    words = TEXTS[name].replace("\n", " ")
    assert f"only from about {crossing} input channels on" in words.lower()
    assert f"takes {slower} times as long" in words
    assert name == "docs/index.md" or f"takes {faster} times as long" in words


@pytest.mark.parametrize(
    "page", sorted(ROOT.glob("reports/*/index.html")), ids=lambda page: page.parent.name
)
def test_figures_show_no_tex(page):
    assert "mathdefault" not in page.read_text()


def test_the_readme_is_short_and_its_code_narrow():
    text = TEXTS["README.md"]
    assert len(text.splitlines()) <= 150
    assert len(text.split()) <= 1200
    code = re.findall(r"^```.*?^```", text, re.MULTILINE | re.DOTALL)
    assert max(len(line) for block in code for line in block.splitlines()) <= 80


def test_the_reference_has_every_function_and_record():
    documented = re.findall(r"auto\w+:: cnnbench\.([\w.]+)", TEXTS["docs/reference/python.md"])
    public = [*cnnbench.__all__, *(f"types.{name}" for name in types.__all__)]
    objects = [operator.attrgetter(name)(cnnbench) for name in documented]
    for name in public:
        value = operator.attrgetter(name)(cnnbench)
        assert name.startswith("_") or value in objects, name


@pytest.mark.skipif(sys.platform != "linux", reason="the size of TensorFlow differs")
def test_the_size_of_an_installation():
    sizes: dict[str, int] = {}

    def add(name):
        if name not in sizes:
            found = metadata.distribution(name)
            sizes[name] = sum(file.size or 0 for file in found.files or ())
            for line in found.requires or ():
                requirement = Requirement(line)
                if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                    add(canonicalize_name(requirement.name))

    add("cnnbench")
    assert sum(sizes.values()) / 1e9 == pytest.approx(float(INSTALLED), rel=0.2)
