"""`cnnbench roofline`: least times, verdicts and what it refuses."""

import csv
import io
import json

import pytest

from cnnbench import api, networks
from cnnbench.cli import main
from cnnbench.errors import CnnbenchError


def output(capsys, *argv):
    assert main(["roofline", *argv]) == 0
    return capsys.readouterr().out


SMALL = ("vgg_block", "--input", "8x8x3", "-p", "n_filters=4", "--peak", "1GFLOP/s")
# Convolutions: 8*8*4 outputs of 27 taps and of 36 are 16,128 MACs; 256 biases and 256 ReLUs each;
# the pool compares 3 times for 64 outputs: 32,256 + 1,024 + 192 = 33,472 FLOPs.


def test_without_a_bandwidth_only_arithmetic_takes_time(capsys):
    out = output(capsys, *SMALL)
    assert "least time 33.5 us, of which 0.0 % wait for memory" in out


def test_csv_has_every_layer(capsys):
    text = output(capsys, *SMALL, "--bandwidth", "1MB/s", "--format", "csv")
    rows = [*csv.DictReader(io.StringIO(text))]
    assert [row["type"] for row in rows] == ["InputLayer", "Conv2D", "Conv2D", "MaxPooling2D"]
    # Input 192 values, weights 3*9*4 + 4 = 112, output 256: 560 values of 4 bytes.
    assert float(rows[1]["memory_s"]) == pytest.approx(2240e-6)
    assert rows[1]["limit"] == "memory"
    assert float(rows[0]["least_s"]) == 0


def test_json_holds_what_the_table_shows(capsys):
    found = json.loads(output(capsys, *SMALL, "--time", "20us", "--format", "json"))
    assert found["least_s"] == pytest.approx(33.472e-6)
    assert found["ceilings"]["given"]["bytes_per_s"] is None
    judged = found["judged"]["given"]
    time = judged["seconds"]
    given = api.roofline("vgg_block", (8, 8, 3), peak=1e9, seconds=time, n_filters=4)
    assert found == json.loads(json.dumps(given.to_json()))
    assert found["target"] == "vgg_block(n_filters=4, n_conv=2)"
    assert judged["rate"] == pytest.approx(32_256 / 20e-6)
    assert judged["verdict"] == "suspicious"


def test_the_known_case(capsys):
    out = output(capsys, "vgg16", "--batch", "32", "--on", "a100", "--time", "4.16ms")
    lines = {line.split()[0]: line.split() for line in out.split("verdict\n")[1].splitlines()[1:4]}
    assert lines["FP32"][-1] == "impossible"
    assert lines["TF32"][1:7] == ["238", "TFLOP/s", "156", "TFLOP/s", "152.6", "%"]
    assert lines["TF32"][-1] == "suspicious"
    assert lines["FP16/BF16"][-1] == "plausible"


def test_half_precision_is_under_the_ceiling_for_it(capsys):
    for dtype, name in (("float32", "TF32"), ("float16", "FP16/BF16"), ("bfloat16", "FP16/BF16")):
        out = output(capsys, "vgg_block", "--on", "A100", "--dtype", dtype)
        assert f"{dtype}, on NVIDIA A100 40 GB, {name}\n" in out


def test_a_deep_network_shows_its_longest_layers(capsys):
    out = output(capsys, "resnet50", "--on", "H100")
    assert "--top shows others" in out
    assert len(out.splitlines()) < 45
    assert "conv" in output(capsys, "resnet50", "--on", "H100", "--top", "1")


def test_this_machine_is_measured_once(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("CNNBENCH_HOME", str(tmp_path))
    first = output(capsys, "--runtime", "fake")
    assert "probes through fake" in first
    assert output(capsys, "--runtime", "fake") == first
    out = output(capsys, "vgg_block", "--runtime", "fake", "--time", "1ns", "--format", "markdown")
    assert "impossible" in out


def test_a_cache_that_cannot_be_written_is_said(capsys, monkeypatch, tmp_path):
    (tmp_path / "home").write_text("")
    monkeypatch.setenv("CNNBENCH_HOME", str(tmp_path / "home"))
    assert "the ceilings cannot be kept in" in output(capsys, "--runtime", "fake")


def test_from_python():
    roofline = api.roofline("vgg_block", (8, 8, 3), peak=1e9, n_filters=4)
    assert roofline.target == "vgg_block(n_filters=4, n_conv=2)"
    assert roofline.least_s == pytest.approx(33.472e-6)
    assert repr(roofline) == "Roofline(vgg_block: 33.5 us or more, the given peak)"
    assert repr(api.roofline(on="A100")) == "Roofline(no network: NVIDIA A100 40 GB, FP16/BF16)"


def test_a_target_may_be_resolved_before():
    found = networks.resolve("vgg_block", None, params={"n_filters": 4})
    assert api.roofline(found, (8, 8, 3), peak=1e9).target == "vgg_block(n_filters=4, n_conv=2)"


@pytest.mark.parametrize("name", ["seconds", "peak", "bandwidth"])
@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf")])
def test_no_time_and_no_rate_is_one_line(name, value):
    with pytest.raises(CnnbenchError, match=f"^{name} must be positive and finite; got [^\n]+$"):
        api.roofline("vgg_block", **({"peak": 1e9, "bandwidth": 1e9} | {name: value}))


@pytest.mark.parametrize("on", [None, "A100"])
def test_a_bandwidth_without_a_peak_is_refused(on):
    with pytest.raises(CnnbenchError, match=r"^a bandwidth goes with a peak; give both$"):
        api.roofline("vgg_block", on=on, bandwidth=1e9)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--time", "1s"], "a time can be judged only of a network; name one"),
        (["vgg16", "--on", "A10"], "unknown device 'A10'; did you mean A100"),
        (["vgg16", "--on", "A100", "--peak", "1TFLOP/s"], "are two answers; choose one"),
        (["vgg16", "--bandwidth", "1GB/s"], "a bandwidth goes with a peak; give both"),
        (["vgg16", "--peak", "156"], "a rate must look like 156TFLOP/s; got '156'"),
        (["vgg16", "--peak", "0TFLOP/s"], "a rate must look like"),
        (["vgg16", "--peak", "-1TFLOP/s"], "a rate must look like"),
        (["vgg16", "--on", "A100", "--time", "4.16"], "a time must look like 4.16ms or 1.5s"),
        (["vgg16", "--on", "A100", "--time", "nan"], "a time must look like"),
        (["--on", "A100", "--format", "csv"], "--format csv is for the layers of a network"),
        (["vgg17", "--on", "A100"], "unknown target 'vgg17'"),
        *(
            (["vgg16", "--on", "A100", "-p", f"{name}=3"], f"'{name}'")
            for name in ("target", "seconds", "input_shape", "include_top", "progress")
        ),
        (["--runtime", "fak"], "unknown runtime 'fak'"),
        (["--runtime", "fake", "--device", "gpu"], "no gpu here: the runtime sees cpu only"),
    ],
)
def test_what_cannot_be_is_one_line(capsys, argv, message):
    assert main(["roofline", *argv]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
