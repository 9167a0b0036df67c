"""Whatever a name contains, the pages that are made of it hold the elements that ours make.

Each page is made twice: with names that hold HTML, Markdown and the like, and with harmless ones of
the same length. Parsers of HTML and of Markdown, which are not ours, then see the same elements.
"""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from cnnbench import api, claims, networks
from cnnbench.api.machines import Profiled
from cnnbench.claims import judged
from cnnbench.cli import main
from cnnbench.design_space.grid import Axis
from cnnbench.design_space.rows import MeasuredRows
from cnnbench.machine import profiling
from cnnbench.machine.advice import Advice, Change
from cnnbench.prediction import forecast
from cnnbench.prediction.calibration import Calibration
from cnnbench.prediction.model import Model
from cnnbench.reporting import advice, formats, profiles
from cnnbench.reporting.claims import verdicts
from cnnbench.reporting.design_space import plane, sweep
from cnnbench.reporting.prediction import forecast as predictions
from cnnbench.reporting.runs import (
    benchmarks,
    compared_machines,
    compared_runs,
    history,
    page,
    summary,
)
from cnnbench.runs import baselines, comparison, pytest_benchmark, recording, store
from cnnbench.runs.history import history as history_of
from cnnbench.runs.result import results
from cnnbench.runs.side_by_side import side_by_side
from cnnbench.runs.store import FILE
from tests.support import synthetic

EVIL = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "</script><!--",
    "[x](javascript:alert(1))",
    "[x](javascript&colon;alert%281%29)",
    "![x](data:text/html,x)",
    "<javascript:alert(1)>",
    "a|b\\|c",
    "$\\frac$",
)
BROKEN = ("a\n\n# b\n\n<script>x</script>", "`x` <b> ``` ~~~ <i>", "\x1b[31m\0\u202e")
"""These may make a code or a line break, which does nothing."""


def harmless(text):
    return re.sub(r"[^\s/_]", "x", text)  # what structures names stays


class Elements(HTMLParser):
    """The tags of a page with the names of their attributes, and where its links go."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.targets = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, [name for name, _ in attrs]))
        self.targets += [value for name, value in attrs if name in ("href", "src", "action")]

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")


SUITE = """
name = "NAME_suite"
description = "NAME_description"
base = "NAME_narrow"
[[block]]
name = "NAME_narrow"
target = "vgg_block"
params = { n_filters = 4 }
inputs = ["8x8x3", "16x16x3"]
batches = [1, 4]
[[block]]
name = "NAME_wide"
target = "vgg_block"
params = { n_filters = 8 }
inputs = ["8x8x3", "16x16x3"]
[[block]]
name = "NAME_naive"
target = "naive_inception_module"
[[block]]
name = "NAME_reduced"
target = "inception_module"
[[compare]]
title = "NAME_title"
base = "NAME_naive"
new = "NAME_reduced"
size = "8x8"
channels = [3, 64, 192]
range = [1, 192]
"""
OURS = ("vgg_block", "inception_module", "conv2d", "Fake CPU", "synthetic", "Linux-6.1", "0123456")


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    """Runs on two machines in whose lines every name and note stands as NAME."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "mine.toml").write_text(SUITE)
    plan = synthetic.plan(suite=str(folder / "mine.toml"))
    plan = replace(plan, notes=("NAME_note",), command="NAME_command")

    def changed(m):
        profile = {"operations": [{"names": ["conv2d"], "kind": "NAME_kind", "ns": 1000.0}]}
        if m.launch == 2 and m.case.batch_size == 4:
            return replace(m, outcome="failed", detail="NAME_detail", samples_ns=(), profile=None)
        check = replace(m.check, differences=("NAME_difference",)) if m.launch else m.check
        environment = {**m.environment, "project_commit": "NAME_commit"}
        return replace(m, check=check, environment=environment, profile=profile)

    def elsewhere(m):
        """The same on a machine on which what is wide is slow."""
        factor = 100 if m.case.label == "NAME_wide" else 1
        samples = tuple(factor * ns for ns in m.samples_ns)
        environment = {**m.environment, "host": "NAME_elsewhere", "cores": 64}
        return replace(m, samples_ns=samples, environment=environment)

    found = {}
    for machine, change in (("here", changed), ("there", elsewhere)):
        text = synthetic.write(folder / machine, plan, change).joinpath(FILE).read_text()
        for word in OURS:
            text = text.replace(word, f"NAME_{word}")
        found[machine] = text
    return found


@pytest.fixture
def made(lines, tmp_path, monkeypatch):
    """A function that makes both folders with another text in the place of NAME."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CNNBENCH_HOME", str(tmp_path / "home"))

    def write(name):
        number = len([*Path().glob("here-*")])
        for machine, text in lines.items():
            folder = Path(f"{machine}-{number}")
            folder.mkdir()
            (folder / FILE).write_text(text.replace("NAME", json.dumps(name)[1:-1]))
        return Path(f"here-{number}")

    return write


def claim_of(name, folder, monkeypatch):
    """A claim with texts of somebody's, judged."""
    quoted = json.dumps(name)
    folder.mkdir(exist_ok=True)
    (folder / "x.toml").write_text(
        f"title = {quoted}\nstatement = {quoted}\nsource = {quoted}\nnote = {quoted}\n"
        f'[variable]\nname = "C"\nmeans = {quoted}\nrange = [1, 64]\nat = [3]\n'
        f'[sides]\n{quoted} = {{ target = "vgg_block", input = "8x8xC" }}\n'
        f'b = {{ target = "conv_stack", input = "8x8xC" }}\n'
        f'[[tests]]\nquantity = "weights"\nnew = {quoted}\nbase = "b"\nsays = "less"\n'
        f"name = {quoted}\n"
    )
    monkeypatch.setattr(claims, "REGISTRY", folder)
    return judged.judge(claims.load())


def beside(folder):
    """A run and the one of the other machine."""
    return side_by_side([str(folder), str(folder).replace("here", "there")])


def predicted(name):
    """What is predicted of a network by a calibration that somebody stored."""
    Path("network.json").write_text(network(name))
    machine = {"runtime": name, "mode": "graph", "cpu": name, "threads": 2}
    time = Model({"call": 1e-3, f"{name}, MACs": 1e-9}, 0.9, 1.1, 9)
    found = Calibration(machine, time, Model({"call": 1e6}, 0.9, 1.1, 9), 1e-9, 1e-9)
    graph = networks.resolve("network.json").trace(None)
    return forecast.forecast(graph, found, note=name)


def swept(name, measured):
    """A sweep over a parameter whose name and values somebody made up, and a refusal that says so.

    `measured` are two results of a run, as those of its first rows.
    """
    found = api.sweep("vgg_block", {"n_filters": [4, 8, 16]}, (8, 8, 3))
    values = tuple(f"{name}{n}" for n in range(3))
    grid = replace(found.grid, axes=(Axis(name, values, False),), fixed={name: name})
    return replace(
        found,
        grid=grid,
        refused=1,
        refusal=f"{name}={name}: {name}",
        values={name: [values[n] for n in found.numbers]},
        measured=MeasuredRows((0, 1), measured, 0.5),
    )


def documents(name, folder, monkeypatch):
    """Every kind of page, of stored runs, of a claim and of a file of pytest-benchmark."""
    run = store.read(folder)
    assert run.bad_lines == ()
    assert run.plan.cases[0].label.startswith(name)
    found = {"report": page.document(run), "summary": summary.document(run)}
    one = recording.read(str(folder))
    compared = comparison.compare(one, one)
    gate = compared.gate({"*": 0.01})
    found["compare"] = compared_runs.document(compared, gate)
    found["pull request"] = compared_runs.pull_request(compared, gate)
    found["limits"] = compared_runs.limits(compared.gate(max_time="1s"))
    seen = history_of([str(folder)])
    found |= {"history": history.report(seen), "history, printed": history.document(seen)}
    profile, problems = profiling.of_run(run)
    assert profile
    for by in ("layer", "type", "block"):
        found[f"profile by {by}"] = profiles.document(
            Profiled((profile[0], profile[1]), problems), by, "time", None
        )
    judgements = claim_of(name, Path("claims"), monkeypatch)
    found["verdicts"] = verdicts.document(judgements, run, arguments=False)
    found["arguments"] = verdicts.document(judgements, run, arguments=True)
    (base, *_), _ = results(run)
    change = Change(name, base, problem=name)
    found["advice"] = advice.document(Advice(base, (change,), (name,)))
    baselines.save("x", folder, replace=True)
    found["baselines"] = compared_runs.baselines(baselines.read_all())
    Path("x.json").write_text(pytest_benchmark.write(run)[0])
    found["benchmarks"] = benchmarks.document(recording.read("x.json"), name)
    both = beside(folder)
    assert both.changes
    assert all(column.name.startswith(name) for column in both.columns)
    found["side by side"] = compared_machines.document(both)
    found["prediction"] = predictions.document(predicted(name), model=True)
    found["sweep"] = sweep.document(swept(name, results(run)[0][:2]))
    return found


def pages(name, folder, monkeypatch):
    """All of these as HTML, as Markdown and as plain text."""
    for kind, document in documents(name, folder, monkeypatch).items():
        yield kind, formats.show(document, "html"), formats.show(document, "markdown")
        text = formats.show(document, "table")
        assert re.fullmatch(r"[^\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]*", text), kind


def markdown(text):
    """What a parser makes of Markdown: its elements, where links go, and the widths of tables."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    shown = Elements(parser.render(text))
    widths, row = [], 0
    for token in parser.parse(text):
        row = 0 if token.type == "tr_open" else row + (token.type in ("td_open", "th_open"))
        widths += [row] if token.type == "tr_close" else []
    return shown, widths


@pytest.mark.parametrize("place", range(len(EVIL)))
def test_no_element_of_a_page_comes_from_a_name(made, undrawn, monkeypatch, place):
    evil = EVIL[place]
    pairs = zip(
        pages(evil, made(evil), monkeypatch),
        pages(harmless(evil), made(harmless(evil)), monkeypatch),
        strict=True,
    )
    for (kind, page_, text), (_, page_of_ours, text_of_ours) in pairs:
        shown, ours = Elements(page_), Elements(page_of_ours)
        assert shown.tags == ours.tags, kind
        assert not [t for t in shown.targets if re.match(r"\s*(javascript|vbscript)", t, re.I)]
        (shown, widths), (ours, widths_of_ours) = markdown(text), markdown(text_of_ours)
        assert [tag for tag, _ in shown.tags] == [tag for tag, _ in ours.tags], (kind, text)
        assert widths == widths_of_ours, kind


HARMLESS = {"p", "br", "code", "pre", "strong", "em", "li", "ul", "hr", "del", "h1", "h2"}
"""Elements that do nothing."""


@pytest.mark.parametrize("place", range(len(BROKEN)))
def test_what_breaks_a_line_does_nothing(made, undrawn, monkeypatch, place):
    evil = BROKEN[place]
    pairs = zip(
        pages(evil, made(evil), monkeypatch),
        pages(harmless(evil), made(harmless(evil)), monkeypatch),
        strict=True,
    )
    for (kind, page_, text), (_, page_of_ours, text_of_ours) in pairs:
        shown, ours = Elements(page_), Elements(page_of_ours)
        more = [tag for tag, _ in shown.tags if tag not in {tag for tag, _ in ours.tags}]
        assert {*more} <= HARMLESS, kind
        (shown, widths), (ours, widths_of_ours) = markdown(text), markdown(text_of_ours)
        assert {tag for tag, _ in shown.tags} <= {tag for tag, _ in ours.tags} | HARMLESS, kind
        assert widths == widths_of_ours, kind
        assert not [names for _, names in shown.tags if any(n.startswith("on") for n in names)]


@pytest.mark.filterwarnings("ignore:Glyph")  # an escape has none
def test_figures_show_names_as_they_are(made):
    """All that a report draws, which takes a while."""
    evil = "<script>$\\frac$</script>\x1b"
    folder = made(evil)
    for written in (
        page.write(folder, (".svg", ".pdf")),
        history.write(history_of([str(folder)]), Path("h")),
        compared_machines.write(beside(folder), Path("m"), (".svg", ".pdf")),
    ):
        text = written.with_name("index.html").read_text()
        names = {name for _, names in Elements(text).tags for name in names}
        assert not [name for name in names if name.startswith("on")]
        assert {tag for tag, _ in Elements(text).tags}.isdisjoint(
            {"image", "iframe", "foreignobject"}
        )
        drawings = [*written.parent.glob("*.svg")]
        assert drawings or written.parent == Path("h")
        for drawing in drawings:
            root = ElementTree.parse(drawing).getroot()
            assert {element.tag.split("}")[1] for element in root.iter()} <= DRAWN
    plane.plane(swept(evil, ()), Path("sweep.svg"))
    root = ElementTree.parse("sweep.svg").getroot()
    assert {element.tag.split("}")[1] for element in root.iter()} <= DRAWN | {"image"}  # of dots


DRAWN = {"svg", "g", "path", "defs", "use", "clipPath", "rect", "style", "text", "tspan"}
DRAWN |= {"metadata", "RDF", "Work", "Agent", "title", "type", "creator", "format"}


def network(name):
    """A configuration of Keras whose layers have somebody's names."""

    def layer(kind, own, config, inbound):
        found = {"class_name": kind, "module": "keras.layers", "registered_name": None}
        return found | {"name": own, "config": {"name": own, **config}, "inbound_nodes": inbound}

    def called(source):
        tensor = {"class_name": "__keras_tensor__", "config": {"keras_history": [source, 0, 0]}}
        return [{"args": [tensor], "kwargs": {}}]

    one, two, three = f"{name}1", f"{name}/2", f"{name}3"
    layers = [
        layer("InputLayer", one, {"batch_shape": [None, 8, 8, 3]}, []),
        layer("Conv2D", two, {"filters": 4, "kernel_size": [3, 3]}, called(one)),
        layer("Conv2D", three, {"filters": 4, "kernel_size": [3, 3]}, called(two)),
    ]
    ends = {"input_layers": [[one, 0, 0]], "output_layers": [[three, 0, 0]]}
    config = {"name": name, "layers": layers, **ends}
    return json.dumps({"class_name": "Functional", "module": "keras", "config": config})


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("evil", [*EVIL, *BROKEN])
def test_a_network_whose_layers_have_such_names(evil, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    found = {}
    for name in (evil, harmless(evil)):
        Path("x.json").write_text(network(name))
        graph = networks.resolve("x.json").trace(None)
        assert any(name in node.name for node in graph.nodes)
        outputs = []
        for argv in (
            ("analyze", "x.json", "--format", "html"),
            ("analyze", "x.json", "--view", "tree", "--format", "html"),
            ("analyze", "x.json", "--explain-differences", "--format", "html"),
            ("roofline", "x.json", "--on", "A100", "--format", "html"),
            ("analyze", "x.json", "--format", "markdown"),
            ("analyze", "x.json", "--format", "mermaid"),
            ("roofline", "x.json", "--on", "A100", "--format", "markdown"),
        ):
            assert main(argv) == 0, argv
            outputs.append((argv, capsys.readouterr().out))
        for argv in (("--diagram", "d.svg"), ("--figure", "f.svg")):
            assert main(["analyze", "x.json", *argv]) == 0
            capsys.readouterr()
            drawn = ElementTree.parse(argv[1]).getroot()
            assert {element.tag.split("}")[1] for element in drawn.iter()} <= DRAWN
        found[name] = outputs
    for (argv, text), (_, ours) in zip(found[evil], found[harmless(evil)], strict=True):
        if argv[-1] == "html":
            assert Elements(text).tags == Elements(ours).tags or evil in BROKEN, argv
            assert {t for t, _ in Elements(text).tags} <= {
                t for t, _ in Elements(ours).tags
            } | HARMLESS
        else:
            (shown, widths), (of_ours, widths_of_ours) = markdown(text), markdown(ours)
            assert widths == widths_of_ours, argv
            known = {tag for tag, _ in of_ours.tags} | (HARMLESS if evil in BROKEN else set())
            assert {tag for tag, _ in shown.tags} <= known, argv
