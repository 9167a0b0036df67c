"""A thousand malformed options, suites and stored runs: exit status 2 and one line, nothing else.

Each case follows from its number alone, and a failure prints the command and what was in the
file. What is right among them must end with 0.
"""

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cnnbench import blocks
from cnnbench.cases.case import Case
from cnnbench.networks.applications import SIZES
from cnnbench.runs import store
from tests.support.fuzz import WORDS, Command, changed, check, elsewhere

__all__ = ["elsewhere"]
pytestmark = pytest.mark.usefixtures("elsewhere")

# Options

NUMBERS = ("0", "-3", "None", "True", "1.5", "1e3", "1j", "[]", "[1, [2]]", "{1: 2}", "'64'", "...")
WRONG = {
    int: (*NUMBERS, "x", "", "(1, 2, 3, 4)", "nan", str(10**30), "9" * 5000, "-" * 5000 + "1"),
    float: (*(n for n in NUMBERS if n not in ("1.5", "1e3")), "x", "", "nan", "1e999", "9" * 5000),
    bool: (*(n for n in NUMBERS if n != "True"), "yes", "false", "", "1", "x" * 5000),
    str: (*NUMBERS, "x", "", "b", "v2", "b'B'", "x" * 5000),
    tuple: (*NUMBERS, "(1, 2)", "(1, 2, 0)", "(1, 2, 'x')", "(1,) * 3", "x", "[" * 300),
}
"""Values that no parameter of the catalogue takes, by the type of its default."""


def wrong_size(rng: random.Random) -> str:
    """A size that is no image: of 1 to 8 numbers, of which some are none."""
    parts = ("8", "16", "0", "-1", "1.5", "", "a", "9" * 30, "٣", "1e3", "+8", "8_0", "8 8")
    while True:
        between = rng.choice(("x", "x", "x", ",", "*", " x "))
        text = between.join(rng.choice(parts) for _ in range(rng.randint(1, 8)))
        if not re.fullmatch("(8|16)x(8|16)x(8|16)", text):
            return text


LONG = "x" * 5000
# Right values and wrong ones of every option; of those in one row at most one is given.
OPTIONS = (
    {
        "--input": (
            ["8x8x3", "16x8x4", "8X8X3"],
            [*"x,", "", LONG, "8x8x3,", "1x" * 9 + "1", "8x8x3\0"],
        )
    },
    {"--batch": (["1", "64"], ["0", "-3", "1.5", "", "x", "9" * 30, "9" * 5000, "٣"])},
    {
        "--dtype": (
            ["float16", "bfloat16"],
            ["Float32", "int7", "16", "", LONG, "a\nb", "\x1b[0m"],
        )
    },
    {
        "--view": (["layers", "tree", "types"], ["", "Tree", "layer", LONG, "é"]),
        "--depth": (["1", "9" * 20], ["0", "-1", "x", "", "1.5", "9" * 5000]),
        "--top": (["1", "3"], ["0", "-1", "x", "", "nan"]),
        "--sort": (["macs", "live"], ["", "mac", "params", "-macs", "macs,live", LONG]),
        "--as": (["fvcore", "xla"], ["", "keras", "Fvcore", LONG, "a\nb"]),
        "--training": (["adam", "sgd"], ["", "Adamm", "3", LONG, "keras.optimizers.Adam()"]),
        "--memory": (
            ["1GiB", "16 GB"],
            ["", "0GiB", "-1GB", "8XB", "nan", "9" * 5000 + "x", "1e9"],
        ),
    },
    {"--format": (["table", "markdown"], ["", "TABLE", "xml", LONG, "a\nb", "\x1b[0m"])},
    {"--figure": ([], ["", "x", "x.gif", "none/x.png", "file/x.svg", f"{LONG}.pdf"])},
)


def of_options(rng: random.Random) -> Command:
    """`analyze` of something right with some options, each right or wrong."""
    argv, right = ["analyze", "vgg_block"], True
    for row in rng.sample(OPTIONS, rng.randint(1, 4)):
        name = rng.choice(list(row))
        good, bad = row[name]
        fine = bool(good) and rng.random() < 0.5
        right &= fine
        value = rng.choice(good) if fine else bad(rng) if callable(bad) else rng.choice(bad)
        argv += [f"{name}={value}"] if rng.random() < 0.3 else [name, value]
    return Command(tuple(argv), right)


def of_parameters(rng: random.Random) -> Command:
    """A wrong value of a parameter that the catalogue has, or a parameter that it has not."""
    entry = rng.choice([e for e in blocks.catalogue().values() if e.params])
    name, default = rng.choice([(n, d) for n, d in entry.params.items() if d is not None])
    value = rng.choice(WRONG[type(default)])
    pair = rng.choice(
        (f"{name}={value}",) * 8 + (f"{name}s={value}", f"{name} = 3", name, f"={value}")
    )
    return Command((rng.choice(("analyze", "analyze", "formula")), entry.name, "-p", pair))


def of_names(rng: random.Random) -> Command:
    """A name that is nearly one, or nothing like one."""
    letters = list(rng.choice((*blocks.catalogue(), *SIZES)))
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(letters))
        letters[place : place + rng.randint(0, 1)] = rng.choice(
            ("", "", "_", "é", "\n", ".", "9" * 99)
        )
    name = rng.choice(("".join(letters), "".join(letters), rng.choice(WORDS)))
    name = f"{name}?" if name in blocks.catalogue() or name in SIZES else name
    return Command(
        rng.choice((("analyze", name), ("formula", name), ("analyze", name, "--batch", "2")))
    )


def of_syntax(rng: random.Random) -> Command:
    """What the parser itself must refuse."""
    word = rng.choice(WORDS)
    flags = "--no-include-top", "--explain-differences=3", "--fold=3", "--input", "-p", "--top"
    after = rng.choice((f"--{word}x", word or "x", rng.choice(flags)))
    argv = rng.choice(
        (
            *(("analyze",), ("analyze", "vgg_block", after), ("analyze", after)),
            *(("list", word or "x"), (f"{word}x",), ("formula", "--format", word)),
            *(("report",), ("report", word), ("report", "folder", word or "x")),
        )
    )
    # Beside another network, what is none is a row with its reason.
    return Command(argv, None if argv[:2] == ("analyze", "vgg_block") else False)


@pytest.fixture
def files():
    """What commands may find in their folder."""
    Path("file").write_text("")
    Path("folder.toml").mkdir()
    Path("mine.toml").write_text(SUITE)
    before = sorted(Path().iterdir())
    yield
    assert sorted(path for path in Path().iterdir() if "broken" not in path.name) == before


@pytest.mark.parametrize("chunk", range(10))
def test_options(files, chunk):
    makers = (of_options,) * 5 + (of_parameters,) * 2 + (of_names,) * 2 + (of_syntax,)
    rngs = [random.Random(f"options {chunk} {number}") for number in range(50)]
    check(rng.choice(makers)(rng) for rng in rngs)


def test_each_wrong_value_by_itself(files):
    values = {name: wrong for row in OPTIONS for name, (_, wrong) in row.items()}
    check(
        Command(("analyze", "vgg_block", n, value))
        for n, wrong in values.items()
        for value in wrong
    )


OF_A_TABLE = "--view tree", "--depth 1", "--sort macs", "--top 3", "--check"
TOGETHER = (
    *(f"{answer} {other}" for answer in ("--as xla", "--training sgd") for other in OF_A_TABLE),
    *(f"--explain-differences {other}" for other in (*OF_A_TABLE, "--as xla")),
    *(
        "--view tree --top 3",
        "--view types --depth 2",
        "--sort macs --depth 2",
        "--view x --as xla",
    ),
    *(f"--format mermaid {other}" for other in ("--view tree", "--top 2", "--as xla", "--check")),
    *("--memory 1GB --as xla", "--memory 1GB --training x", "--memory 0GB --training sgd"),
    *("--memory 1GB --format csv", "--training sgd --format mermaid", "--as xla --format csv"),
    *("--fold --training sgd", "--fold --memory 1GB", "--fold --check", "--check --format json"),
    *("--view none --figure x.png", "--figure x.png --as none", "--figure x.png --memory none"),
)


def test_options_that_do_not_go_together(files):
    start = ("analyze", "vgg_block", "--input", "8x8x3")
    check(Command((*start, *options.split())) for options in TOGETHER)


def test_a_parameter_called_like_an_argument_of_ours(files):
    names = "target", "entry", "graph", "self", "x", "kwargs", "name", "batch_size", "input_shape"
    commands = "analyze", "formula"
    check(Command((c, "vgg_block", "-p", f"{name}=3")) for c in commands for name in names)


# Suites, runs and reports

SUITE = """
launches = 2
time_budget = 60
[[block]]
name = "narrow"
target = "vgg_block"
params = { n_filters = 4 }
inputs = ["8x8x3"]
batches = [1]
[[compare]]
title = "one"
base = "narrow"
new = "narrow"
size = "8x8"
channels = [3]
"""
SUITE_WORDS = (
    *('""', '"x"', '"0x0x3"', "0", "-1", "1.5", "nan", "1e999", "9" * 30),
    *("true", "[]", "[[1]]", "{}", "2026-01-01"),
)
SUITE_LINES = (
    *("extra = 1", "Launches = 1", '"" = 1', "x.y = 1", "block = 1", "= 3", "name", "é", "\0"),
    *("[[", "[block]", "[[compare]]"),
)
OF_RUNS = {
    "--launches": ("0", "-1", "x", "", "1.5"),
    "--precision": ("0%", "2", "-1%", "", "x", "nan%"),
    "--time-budget": ("0", "", "soon", "-1s", "nan", "1e3", "5 years", "9" * 400),
    "--timeout": ("0", "", "soon", "-1s", "nan", "1e3", "9" * 400, LONG),
    "--seed": ("x", "", "1.5", "nan"),
    "--threads": ("0", "-1", "x", ""),
    "--device": ("tpu", "", "CPU", "gpu:9", "gpu:", "cpu:0", LONG),
    "--runtime": (
        *("", "x", "os", "no.such", "tensorflw", "..", "a\nb", "json:loads", LONG),
        *("os.path", "broken.module"),
    ),
    "--out": ("file", "file/run", LONG),
    "-q": ("x",),
    "--resume=x": ("",),
}


def wrong_suites() -> Iterator[str]:
    """The suite with each of its values, or a line before each of its lines, that cannot be."""
    lines = SUITE.strip().splitlines()
    for place, line in enumerate(lines):
        before, after = lines[:place], lines[place + 1 :]
        name, equals, _ = line.partition(" = ")
        for word in SUITE_WORDS if equals and name not in ("name", "title") else ():
            if (name, word) not in {("params", "{}"), ("inputs", "[]"), ("time_budget", "1.5")}:
                yield "\n".join((*before, f"{name} = {word}", *after))
        for other in (*SUITE_LINES, line):
            yield "\n".join((*before, other, line, *after))
    for end in range(0, len(SUITE) // 2, 3):
        if not SUITE[:end].endswith(('"vgg_block"', '"vgg_block"\n', "}", "}\n", '"]', '"]\n')):
            yield SUITE[:end]  # the others are suites


def test_suites(files):
    def of_suites():
        for number, text in enumerate(wrong_suites()):
            Path(f"{number}.broken.toml").write_text(text)
            yield Command(("run", f"{number}.broken.toml", "--runtime", "fake"), note=text)
        Path("bytes.broken.toml").write_bytes(bytes(range(256)))
        for name in ("bytes.broken.toml", "none.toml", ".toml", "folder.toml", "file", *WORDS):
            yield Command(("run", name, "--runtime", "fake"))

    check(of_suites())


def test_options_of_a_run(files, monkeypatch):
    Path("broken").mkdir()
    Path("broken/module.py").write_text("f(")
    monkeypatch.syspath_prepend(str(Path().absolute()))
    check(
        Command(("run", "mine.toml", "--runtime", "fake", name, value))
        for name, values in OF_RUNS.items()
        for value in values
    )


# Rooflines and check-ups

QUANTITIES = (
    *("", "0", "1", "nan", "inf", "1e3s", "-1s", "s", "1 fortnight", "9" * 400, LONG, "٣s"),
    *("0s", "1m", "1TFLOP", "1tflop/s", "1Ts\0", "1,5s", "GB/s", "1 2s"),
)
OF_ROOFLINES = {
    "--time": QUANTITIES,
    "--peak": QUANTITIES,
    "--bandwidth": QUANTITIES,
    "--on": (*WORDS, "A10", "A100,H100"),
    "--top": ("0", "-1", "x", "", "1.5"),
    "--device": ("tpu", "", "CPU", "all", "gpu:x"),
    "--format": ("", "TABLE", "mermaid", LONG),
    **{name: OPTIONS[k][name][1] for k, name in enumerate(("--input", "--batch", "--dtype"))},
}


def test_options_of_a_roofline(files):
    others = {"--on": (), "--peak": (), "--bandwidth": ("--peak", "1TFLOP/s")}
    check(
        Command(("roofline", "vgg_block", *others.get(name, ("--on", "A100")), name, value))
        for name, values in OF_ROOFLINES.items()
        for value in values
    )


def test_options_of_a_doctor(files):
    check(
        Command(("doctor", name, value))
        for name in ("--time-budget", "--runtime")
        for value in OF_RUNS[name]
        if value != "broken.module"
    )


# Stored runs


def of_stores(rng: random.Random) -> Command:
    """A run folder whose plan, whose costs or whose file is broken."""
    folder = Path(f"run{rng.randrange(10**9)}")
    case = Case("vgg_block", (8, 8, 3), {"n_filters": 4}, label="narrow")
    with store.create(folder, store.Plan("mine", "", (case,))):
        pass
    file = folder / store.FILE
    lines = file.read_text().splitlines()  # the plan, and the costs of its case
    note = ""
    if rng.random() < 0.7:
        place = rng.randrange(len(lines))
        lines[place], note = changed(rng, lines[place])
        file.write_text("\n".join(lines))
    else:
        data = bytearray(file.read_bytes())
        for _ in range(rng.randint(1, 8)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        file.write_bytes(rng.choice((data, data[: rng.randrange(len(data))], b"\x00" * 99, b"")))
    return Command(("report", str(folder)), None, "", "\n".join((note, *lines)))


@pytest.mark.parametrize("chunk", range(2))
def test_stored_runs(chunk):
    check(of_stores(random.Random(f"stores {chunk} {number}")) for number in range(40))
