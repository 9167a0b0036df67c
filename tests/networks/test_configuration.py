"""Models read from their configuration alone: of Keras 3 and of Keras 2, in each kind of file.

`keras2/` has files that Keras 2 wrote (tf_keras 2.21). Multiply-adds are worked out by hand.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cnnbench import networks
from cnnbench.cli import main
from cnnbench.cost import cost
from cnnbench.errors import ShapeError, TargetError

KERAS2 = Path(__file__).parent / "keras2"

WRITTEN_BY_KERAS_2 = {
    # a depthwise kernel on 16 x 16 x 3, then 8 filters of 1 x 1
    "dw": (62, 256 * 3 * 9 + 256 * 3 * 8),
    # 20 steps: 4 gates of 4 units on 6 + 4 values, then 3 gates of 5 units on 4 + 5
    "rnn": (341, 20 * (4 * 4 * 10 + 3 * 5 * 9)),
    "seq": (1698, 14 * 14 * 4 * 27 + 784 * 2),
    "tfop": (112, 14 * 14 * 4 * 27),
}


def costs(path, *shapes):
    return cost(networks.resolve(str(path)).trace(shapes or None, 1, None))


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
@pytest.mark.parametrize("name", WRITTEN_BY_KERAS_2)
def test_a_file_of_keras_2(name, suffix):
    found = costs(KERAS2 / f"keras2_{name}{suffix}")
    assert (found.params, found.macs) == WRITTEN_BY_KERAS_2[name]
    assert found.uncounted == ()


def test_operations_of_tensorflow_in_a_file_of_keras_2():
    found = costs(KERAS2 / "keras2_tfop.h5")
    assert found.elementwise == 4 * 14 * 14 * 4  # bias, relu, times 0.5, plus 1


def test_a_text_of_keras_2():
    found = costs(KERAS2 / "keras2.json")
    assert (found.params, found.macs) == (1682, 14 * 14 * 4 * 27 + 784 * 2)


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_a_file_of_keras_2_of_open_sizes(suffix):
    path = KERAS2 / f"keras2_none{suffix}"
    assert costs(path, (8, 8, 3)).macs == 6 * 6 * 4 * 27
    with pytest.raises(ShapeError, match="leaves its input open"):
        costs(path)


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_code_in_a_file_is_not_run_and_named(suffix):
    found = costs(KERAS2 / f"keras2_lam{suffix}")
    assert found.params == 112
    ((name, reason),) = [(layer.name, layer.uncounted) for layer in found.uncounted]
    assert name == "lambda"
    assert "the file holds its code, which is not run" in reason


@pytest.mark.parametrize("target", ["ResNet50", str(KERAS2 / "keras2_rnn.h5")])
def test_no_framework_is_imported(target):
    code = (
        "import sys; from cnnbench.cli import main\n"
        f"assert main(['analyze', {target!r}]) == 0\n"
        "assert not {'keras', 'tensorflow', 'pandas', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a model that Keras saved"),
        ("[]", "is not a model that Keras saved"),
        ("{}", "holds a dict, not a Keras model"),
        ('{"class_name": "Sequential", "config": {"layers": []}}', "cannot read it"),
    ],
)
def test_a_text_that_is_no_model(tmp_path, text, message):
    path = tmp_path / "model.json"
    path.write_text(text)
    with pytest.raises(TargetError, match=message):
        networks.resolve(str(path))


@pytest.mark.parametrize("suffix", [".onnx", ".tflite", ".pb"])
def test_a_file_of_another_tool(suffix):
    with pytest.raises(TargetError, match=f"{suffix} files are not read; give the Keras model"):
        networks.resolve(f"model{suffix}")


@pytest.mark.tensorflow
def test_a_call_that_only_keras_can_read_is_said(tmp_path):
    keras = pytest.importorskip("keras")
    x = keras.Input((4, 3))
    model = keras.Model(x, keras.ops.sum(keras.layers.Dense(2)(x), axis=1))
    path = tmp_path / "model.json"
    path.write_text(model.to_json())
    network = networks.resolve(str(path))
    assert cost(network.trace(None, 1, None)).macs == 4 * 3 * 2
    assert network.keras_because[0].endswith("is of the class Sum")


@pytest.mark.tensorflow
def test_the_number_of_a_shared_layer_and_the_order_are_those_of_keras(tmp_path):
    keras = pytest.importorskip("keras")
    shared = keras.layers.Dense(5)
    a, b = keras.Input((5,)), keras.Input((5,))
    inner = keras.Sequential([keras.Input((5,)), keras.layers.Dense(5, trainable=False)])
    outputs = [shared(shared(a)), inner(keras.layers.Add()([shared(b), inner(a)]))]
    model = keras.Model([a, b], outputs)
    path = tmp_path / "model.keras"
    model.save(path)
    read, configured = networks.resolve(model), networks.resolve(str(path))
    assert json.dumps(configured.trace(None, 2, None).to_json()) == json.dumps(
        read.trace(None, 2, None).to_json()
    )
    assert configured._model == []


@pytest.mark.tensorflow
def test_a_module_that_registers_a_layer_is_imported_first(tmp_path, capsys):
    keras = pytest.importorskip("keras")
    from tests.networks import reported

    path = tmp_path / "registered.keras"
    reported.registered_layer().save(path)
    assert main(["analyze", str(path), "--import", "tests.networks.reported"]) == 0
    assert "opened with Keras, which takes longer: pool" in capsys.readouterr().out
    assert main(["analyze", str(path), "--import", "no.such"]) == 2
    assert "no.such: " in capsys.readouterr().err
    x = keras.Input((4,))
    keras.Model(x, keras.layers.Lambda(lambda x: x * 2.0)(x)).save(tmp_path / "code.keras")
    assert main(["analyze", str(tmp_path / "code.keras"), "--unsafe"]) == 0
    out, err = capsys.readouterr()
    assert "no rule" not in out
    assert err == f"cnnbench: {tmp_path}/code.keras may run any code of whoever made it\n"
