"""The tutorial notebook runs, and what it shows of paper is what a run gives."""

import copy
from pathlib import Path
from xml.etree import ElementTree

import pytest

import cnnbench
from tests.support import notebook

TUTORIAL = Path(__file__).parents[1] / "docs" / "tutorial.ipynb"


@pytest.fixture(scope="module")
def stored():
    return notebook.read(TUTORIAL)


def quickly(function):
    """One launch a case on the runtime that computes its times."""
    return lambda *args, **options: function(*args, **options | {"runtime": "fake", "launches": 1})


@pytest.fixture(scope="module")
def now(stored, tmp_path_factory):
    """The same notebook run on the runtime that computes its times."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("tutorial"))
        patch.setattr("cnnbench.reporting.style.images", lambda *_, **__: [b"", b"<svg></svg>"])
        for name in ("run", "verify"):
            patch.setattr(cnnbench, name, quickly(getattr(cnnbench, name)))
        return notebook.run(copy.deepcopy(stored))


def measured(cell):
    return "measured" in cell["metadata"].get("tags", ())


def test_paper_is_as_it_was_stored(stored, now):
    pairs = zip(notebook.code_cells(stored), notebook.code_cells(now), strict=True)
    paper = [(one, two) for one, two in pairs if not measured(one)]
    assert len(paper) == 6
    for one, two in paper:
        assert one == two


def rows(cell):
    """What the rows of all tables of an output are about."""
    (output,) = cell["outputs"]
    root = ElementTree.fromstring("".join(output["data"]["text/html"]))
    return {row[0].text for row in root.findall(".//tbody/tr")}


def test_what_was_measured_shows_the_same_cases(stored, now):
    pairs = zip(notebook.code_cells(stored), notebook.code_cells(now), strict=True)
    timed = [(one, two) for one, two in pairs if measured(one)]
    assert len(timed) == 2
    for one, two in timed:
        assert rows(one) == rows(two)
    assert rows(timed[0][0]) == {"naive_inception_module", "inception_module"}


def test_the_crossover_that_the_text_names_is_the_one_computed(now):
    said = [
        output["text"]
        for cell in notebook.code_cells(now)
        for output in cell["outputs"]
        if output["output_type"] == "stream"
    ]
    # In the brackets of the formulas, without 2*28*28 for the FLOPs: the naive module has
    # (64 + 9*128 + 25*32 + 4) * C + 224, the reduced one (64 + 96 + 16 + 32 + 4) * C + 9*96*128
    # + 25*16*32 + 368. So 2020*C + 224 against 212*C + 123,760: 124,396 / 6,284 at C = 3.
    assert said == [
        [
            "C = 3: the reduced module has 19.80 times the FLOPs\n",
            "C = 192: the reduced module has 0.42 times the FLOPs\n",
        ],
        [
            "params       are equal at C = 68.3\n",  # 123,536 / (2016 - 208): without 4 * C
            "macs         are equal at C = 68.2\n",  # 123,392 / (2016 - 208): without biases
            "flops        are equal at C = 68.3\n",  # 123,536 / (2020 - 212)
            "activations  are equal at C = 176.0\n",  # 3*C + 448 against 2*C + 624
        ],
    ]
