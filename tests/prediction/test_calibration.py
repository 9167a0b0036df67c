"""A calibration through the runtime that computes its times, and the command that uses it."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from benchmarks.prediction import heldout
from cnnbench import api
from cnnbench.cases.case import Case
from cnnbench.cases.plan import Plan
from cnnbench.cli import main
from cnnbench.errors import CnnbenchError
from cnnbench.graph import trace
from cnnbench.layers.norm import rms_normalization
from cnnbench.prediction import calibration
from cnnbench.prediction.forecast import forecast, of_cases
from cnnbench.reporting.formats import show
from cnnbench.reporting.prediction import forecast as page
from cnnbench.runner import session
from cnnbench.runner.loop import Progress
from cnnbench.runs.result import results
from tests.support import ROOT, fuzz


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder for what is kept, with a calibration of the fake runtime in it."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CNNBENCH_HOME", str(folder))
        patch.setattr(calibration, "LAUNCHES", 1)
        calibration.find("fake", Progress())
    return folder


@pytest.fixture
def kept(home, monkeypatch):
    """The same, and no runtime that could be started."""
    monkeypatch.setenv("CNNBENCH_HOME", str(home))

    def start(runtime):
        raise AssertionError(f"{runtime} was started")

    monkeypatch.setattr(session, "start", start)
    return home


@pytest.mark.parametrize(
    ("target", "shape"), [("residual_module", (56, 56, 64)), ("resnet50", (224, 224, 3))]
)
def test_what_the_fake_runtime_takes_is_predicted(kept, target, shape):
    # Its own formula: 20 us a call, 10 us a layer after the input, 1 ns per 100 FLOPs.
    found = api.predict(target, shape, runtime="fake")
    cost = Case(target, shape).paper().cost
    truth = 20e-6 + 10e-6 * (len(cost.layers) - 1) + cost.flops / 100 / 1e9
    assert found.target.startswith(f"{target}(")
    assert found.time.value == pytest.approx(truth, rel=0.08)
    assert found.time.low < found.time.value < found.time.high


def test_a_run_keeps_what_was_predicted_of_its_cases(home, tmp_path, monkeypatch):
    def predicted(name):
        options = {"runtime": "fake", "launches": 1, "time_budget": 20, "ceilings": False}
        cases = {"small": "residual_module", "large": "residual_bottleneck"}
        made = api.run(cases, out=tmp_path / name, **options)
        return made.run.plan.cases, made.run.predicted

    monkeypatch.setenv("CNNBENCH_HOME", str(home))
    cases, rises = predicted("calibrated")
    expected = [api.predict(case.target, case.input_shape, runtime="fake").rise for case in cases]
    assert [rises[case.id].value for case in cases] == [rise.value for rise in expected]
    assert [rises[case.id].high for case in cases] == [rise.high for rise in expected]
    monkeypatch.setenv("CNNBENCH_HOME", str(tmp_path / "empty"))
    assert predicted("not calibrated")[1] == {}


RUN = """
import json, sys
from cnnbench import api
networks = {"application": "MobileNet", "file": "mine.keras", "function": "math:sqrt"}
networks |= {"lambda": "lambda.keras"}
from cnnbench.networks import Network
from cnnbench.cases.case import Case
from cnnbench.prediction import forecast
cases = [Case(of, [(96, 96, 3)], runtime="fake") for of in networks.values()]
cases += [Case("mine.keras", [(32, 32)], runtime="fake"), Case("gone.keras", [], runtime="fake")]
rises = forecast.of_cases(cases, None)
made = api.run({of: networks[of] for of in ("application", "file")}, input_shape=(96, 96, 3),
               runtime="fake", launches=1, ceilings=False, out="r")
heavy = [name for name in ("keras", "tensorflow", "jax", "torch") if name in sys.modules]
assert {rise.case: rise for rise in rises} == made.run.predicted
names = [case.name for case in made.run.plan.cases if case.id in made.run.predicted]
print(json.dumps([heavy, names, len(rises)]))
"""


@pytest.mark.tensorflow
def test_what_can_be_read_without_a_framework_is_predicted(home, tmp_path):
    keras = pytest.importorskip("keras")
    x = keras.Input((96, 96, 3))
    y = keras.layers.Conv2D(4, 3)(x)
    keras.Model(x, y).save(tmp_path / "mine.keras")
    keras.Model(x, keras.layers.Lambda(lambda y: y + 1)(y)).save(tmp_path / "lambda.keras")
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "CNNBENCH_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[], ["application", "file"], 2]


def test_only_what_a_calibration_is_made_for_is_predicted(home, monkeypatch):
    monkeypatch.setenv("CNNBENCH_HOME", str(home))
    one = Case("residual_module", (56, 56, 64), runtime="fake")
    others = ({"mode": "eager"}, {"dtype": "float16"}, {"device": "gpu"}, {"target": "ResNet50"})
    found = of_cases([one, *(replace(one, **other) for other in others)], threads=None)
    assert [rise.case for rise in found] == [one.id]
    assert of_cases([one], threads=1) == []


def test_the_layers_and_the_call_make_up_the_time(kept):
    found = api.predict("inception_module", (28, 28, 192), runtime="fake")
    layers = sum(layer.seconds for layer in found.layers)
    assert found.call_s + layers == pytest.approx(found.time.value)
    assert sum(layer.share for layer in found.layers) < 1
    assert len(found.layers) == len(found.cost.layers) - 1


def test_what_was_kept_is_used(kept):
    first = calibration.find("fake", Progress())
    assert first == calibration.find("fake", Progress())
    assert first[1] == ""


def test_it_is_measured_again_when_one_asks(kept):
    with pytest.raises(AssertionError, match="fake was started"):
        calibration.find("fake", Progress(), anew=True)


@pytest.mark.parametrize("change", ["", "{}", "[1]", '{"machine": 1}', "\x00"])
def test_a_file_that_cannot_be_read_is_as_none(kept, change, tmp_path, monkeypatch):
    (file,) = (kept / "cache").iterdir()
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / file.name).write_text(change)
    monkeypatch.setenv("CNNBENCH_HOME", str(tmp_path))
    with pytest.raises(AssertionError, match="fake was started"):
        calibration.find("fake", Progress())


def test_a_file_that_was_copied_from_another_machine_is_as_none(kept, tmp_path, monkeypatch):
    (file,) = (kept / "cache").iterdir()
    (tmp_path / "cache").mkdir()
    found = json.loads(file.read_text())
    (tmp_path / "cache" / file.name).write_text(json.dumps(found))
    monkeypatch.setenv("CNNBENCH_HOME", str(tmp_path))
    assert calibration.find("fake", Progress())
    found["machine"]["cpu"] = "another"
    (tmp_path / "cache" / file.name).write_text(json.dumps(found))
    with pytest.raises(AssertionError, match="fake was started"):
        calibration.find("fake", Progress())


def test_that_of_another_machine_is_as_none(kept, monkeypatch):
    machine = calibration.machine
    monkeypatch.setattr(calibration, "machine", lambda *of: machine(*of) | {"cpu": "x"})
    with pytest.raises(AssertionError, match="fake was started"):
        calibration.find("fake", Progress())


@pytest.fixture(scope="module")
def measured():
    """Every other probe, and a block of each of two families."""
    cases = [
        *calibration.CASES[::2],
        Case("vgg_block", (8, 8, 3)),
        Case("residual_module", (9, 8, 4)),
    ]
    return session.start("fake").measure(cases, Progress(), launches=1, time_budget_s=60.0)


def test_where_nothing_can_be_kept_it_is_said(measured, tmp_path, monkeypatch):
    class Measuring:
        def measure(self, *_, **__):
            return measured

    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CNNBENCH_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(session, "start", lambda runtime: Measuring())
    _, note = calibration.find("fake", Progress())
    assert note.startswith("the calibration cannot be kept in ")


def test_too_few_cases_make_no_calibration(measured):
    found, _ = results(measured)
    cases = len(calibration.CASES)
    with pytest.raises(CnnbenchError, match=f"needs half of its {cases} cases; 5 gave a time"):
        calibration.calibrate(found[:5], {})


def test_probes_are_built_at_once_in_launches_of_unlike_ones():
    cases = calibration.probes("jax", "graph")
    fields = calibration.manner(cases)
    assert {case.runtime for case in cases} == {"jax"}
    rows = fields["together"]
    assert sorted(key for row in rows for key in row) == sorted(case.id for case in cases)
    assert max(map(len, rows)) == calibration.AT_ONCE
    assert {len(row) for row in rows} <= {calibration.AT_ONCE, calibration.AT_ONCE - 1}
    assert rows[0][:2] == (cases[0].id, cases[len(rows)].id)
    assert Plan("s", "", tuple(cases), **fields).at_once


def test_the_launch_that_nothing_disturbed_counts():
    assert calibration.seconds([1.9, 1.0, 1.8]) == 1.0
    assert calibration.seconds([]) is None


# Blocks that were left out


def test_only_blocks_are_judged_each_by_what_others_gave(measured):
    found, _ = results(measured)
    judged, probes = heldout.times(found)
    assert {x.family for x in judged} == {"vgg", "residual"}
    assert probes.examples == len(calibration.CASES[::2])
    for x in judged:
        # What the fake takes, from the probes and the other block.
        assert x.predicted == pytest.approx(x.measured, rel=0.15)
        assert set(x.naive) == {"MACs", "activations"}


def test_a_family_has_no_say_in_its_own_prediction(measured):
    found, _ = results(measured)
    before = {x.family: x.predicted for x in heldout.times(found)[0]}
    slower = [
        replace(r, samples={n: tuple(9 * s for s in x) for n, x in r.samples.items()})
        if heldout.family(r) == "vgg"
        else r
        for r in found
    ]
    after = {x.family: x.predicted for x in heldout.times(slower)[0]}
    assert after["vgg"] == before["vgg"]
    assert after["residual"] != before["residual"]


def test_a_run_without_blocks_is_refused(measured):
    found, _ = results(measured)
    probes = len(calibration.CASES[::2])
    with pytest.raises(CnnbenchError, match=f"expected probes and blocks; got {probes} and 0"):
        heldout.times([r for r in found if heldout.family(r) == heldout.PROBES])


# The command


def printed(capsys, *argv):
    status = main(["predict", *argv, "--runtime", "fake"])
    out, err = capsys.readouterr()
    return status, out, err


def test_the_command_prints_the_call_and_its_dearest_layers(kept, capsys):
    status, out, err = printed(capsys, "residual_module", "--input", "56x56x64", "--top", "2")
    assert (status, err) == (0, "")
    assert out.startswith("residual_module(n_filters=64, shortcut='B'), input 1x56x56x64, float32")
    probes = f" {len(calibration.CASES[::2])} probes"  # all of them only of TensorFlow
    for text in ("time of a call", "rise of the peak memory", "conv2d_1", "2 others", probes):
        assert text in out
    assert "add" not in out


def test_json_holds_everything(kept, capsys):
    _, out, _ = printed(capsys, "vgg_block", "--format", "json", "--batch", "2")
    found = json.loads(out)
    prediction = api.predict("vgg_block", batch_size=2, runtime="fake")
    assert found == prediction.to_json()
    assert found["target"] == "vgg_block(n_filters=64, n_conv=2)"
    shown = repr(prediction)
    assert shown.startswith("Prediction(vgg_block: ")
    assert "\n" not in shown
    assert len(shown) < 80
    calibration = prediction.calibration
    assert repr(calibration).endswith(f": {calibration.time.examples} probes)")
    assert f": {calibration.time.examples} examples, 0." in repr(calibration.time)
    assert calibration.to_json()["memory"]["coefficients"] == found["memory_model"]
    assert [layer["name"] for layer in found["layers"]] == ["conv2d", "conv2d_1", "max_pooling2d"]
    assert found["time_s"]["low"] < found["time_s"]["value"] < found["time_s"]["high"]
    assert found["time_model"]["call"] > 0
    assert found["weight_bytes"] == 4 * 38_720  # of the tutorial's block


def test_csv_is_the_layers_and_markdown_has_tables(kept, capsys):
    _, out, _ = printed(capsys, "vgg_block", "--format", "csv")
    assert [line.split(",")[0] for line in out.splitlines()] == [
        *("layer", "conv2d", "conv2d_1", "max_pooling2d")
    ]
    _, out, _ = printed(capsys, "vgg_block", "--format", "markdown", "--model")
    assert out.count("|:--") >= 3


def test_the_model_is_printed_with_units(kept, capsys):
    # The fake does 100 FLOPs a ns, so a MAC takes 20 ps: 50 GMAC/s.
    _, out, _ = printed(capsys, "vgg_block", "--model", "--format", "json")
    assert json.loads(out)["time_model"]["conv kxk, MACs"] == pytest.approx(20e-12, rel=0.05)
    _, out, _ = printed(capsys, "vgg_block", "--model")
    (row,) = [line for line in out.splitlines() if "conv kxk, MACs" in line]
    assert "ps per MAC" in row
    assert "GMAC/s" in row


def test_two_halves_of_the_launches_are_kept_apart(measured):
    found, _ = results(measured)
    assert all(x.halves is None for x in heldout.times(found)[0])
    one = next(r for r in found if r.case.target == "vgg_block")
    four = {n: (9.0, float(n), float(n), float(n)) for n in (4, 1, 2, 3)}
    again = [r if r is not one else replace(one, samples=four) for r in found]
    (x,) = [x for x in heldout.times(again)[0] if x.family == "vgg"]
    assert x.halves == (2.0, 1.0)  # of 4 and 2, of 1 and 3: each time the faster one


def test_what_is_a_guess_is_said(kept):
    graph = trace(rms_normalization, (8, 8, 4))
    found = forecast(graph, calibration.find("fake", Progress())[0])
    assert "no probe has RMSNormalization" in show(page.document(found), "table")


def test_a_guess_widens_the_range(kept):
    known, _ = calibration.find("fake", Progress())
    worth = replace(known.time, low=0.9, high=1.1, guess_low=0.5, guess_high=4.0)
    time = forecast(trace(rms_normalization, (512, 512, 64)), replace(known, time=worth)).time
    call = worth.predict({"call": 1.0})
    guess = time.value - call
    assert guess > call
    assert time.low == pytest.approx(0.9 * call + 0.5 * guess)
    assert time.high == pytest.approx(1.1 * call + 4.0 * guess)


def test_a_training_step_is_predicted_from_steps(home, monkeypatch):
    # The fake takes three times as long for a step.
    monkeypatch.setenv("CNNBENCH_HOME", str(home))
    monkeypatch.setattr(calibration, "LAUNCHES", 1)
    call = api.predict("residual_module", (56, 56, 64), runtime="fake")
    step = api.predict("residual_module", (56, 56, 64), runtime="fake", mode="train")
    run = session.start("fake").measure(
        [Case("residual_module", (56, 56, 64), mode="train")], runtime="fake", launches=1
    )
    assert calibration.machine("fake", "train")["mode"] == "train"
    assert step.time.value == pytest.approx(results(run)[0][0].time.value, rel=0.15)
    assert step.time.value > 1.5 * call.time.value
    assert "time of a step" in show(page.document(step), "table")


def test_another_mode_is_not_predicted(kept):
    with pytest.raises(CnnbenchError, match="mode to predict 'eager'"):
        api.predict("residual_module", runtime="fake", mode="eager")


@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("vgg_blok",),
        ("vgg_block", "--batch", "0"),
        ("vgg_block", "--batch", "-1"),
        ("vgg_block", "--batch", "nan"),
        ("vgg_block", "--batch", "9" * 30),
        ("vgg_block", "--input", "1x1x3"),
        ("vgg_block", "--input", "x"),
        ("vgg_block", "--input", ""),
        ("vgg_block", "--top", "0"),
        ("vgg_block", "--format", "xml"),
        ("vgg_block", "-p", "n_conv=0"),
        ("vgg_block", "-p", "target=3"),
        ("vgg_block", "-p", "progress=3"),
        ("vgg_block", "--runtime", "none"),
        ("vgg_block", "--runtime", "no.such"),
        ("vgg_block", "--dtype", "float16"),
        ("vgg_block", "extra"),
    ],
)
def test_bad_input_is_refused_in_a_line_before_anything_is_measured(kept, argv):
    given = argv if "--runtime" in argv else (*argv, "--runtime", "fake")
    assert not fuzz.fault_of(fuzz.Command(("predict", *given)))


def test_another_data_type_is_refused():
    with pytest.raises(
        CnnbenchError, match="for float32, which is what is calibrated; got float16"
    ):
        api.predict("vgg_block", dtype="float16", runtime="fake")


def test_with_a_calibration_no_framework_is_imported(home):
    program = """
import sys
from cnnbench.cli import main
assert main(["predict", "vgg_block", "--runtime", "fake"]) == 0
heavy = {"tensorflow", "keras", "pandas", "matplotlib", "jax", "torch"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={"CNNBENCH_HOME": str(home), "PATH": ""},
    )
    assert done.returncode == 0, done.stderr
