"""GPUs, of which none is here: the runtimes are given what the documentation says of two."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest

import cnnbench
from cnnbench import runtimes
from cnnbench.cases.case import Case, parsed_device
from cnnbench.errors import RuntimeMissingError, UnknownNameError
from cnnbench.runner.child import Reply
from cnnbench.runner.session import Session, start
from cnnbench.runner.worker import OUT_OF_MEMORY
from cnnbench.runtimes import Order, _keras

ANSWERS = json.loads((Path(__file__).parents[1] / "data" / "gpu.json").read_text())
NAMES = ["NVIDIA A100-SXM4-40GB", "Tesla T4"]


def order(device, name="tensorflow"):
    return Order(Case("vgg_block", (8, 8, 3), device=device, runtime=name))


@pytest.fixture
def tensorflow(monkeypatch):
    answers, tf = ANSWERS["tensorflow"], MagicMock(__version__="2.21.0")
    gpus = [SimpleNamespace(name=name) for name in answers["physical"]]
    tf.config.list_physical_devices.return_value = gpus
    details = dict(zip(answers["physical"], answers["details"], strict=True))
    tf.config.experimental.get_device_details.side_effect = lambda gpu: details[gpu.name]
    tf.config.experimental.get_memory_info.side_effect = answers["memory_info"]
    monkeypatch.setitem(sys.modules, "tensorflow", tf)
    return tf


@pytest.fixture
def jax(monkeypatch):
    found = MagicMock(__version__="0.10.2")
    found.devices.return_value = [SimpleNamespace(**gpu) for gpu in ANSWERS["jax"]["devices"]]
    monkeypatch.setitem(sys.modules, "jax", found)
    return found


@pytest.fixture
def torch(monkeypatch):
    answers, found = ANSWERS["torch"], MagicMock(__version__="2.13.0")
    found.cuda.device_count.return_value = len(answers["names"])
    found.cuda.get_device_name.side_effect = answers["names"].__getitem__
    found.cuda.memory_allocated.return_value = answers["memory_allocated"]
    found.cuda.max_memory_allocated.return_value = answers["max_memory_allocated"]
    monkeypatch.setitem(sys.modules, "torch", found)
    return found


@pytest.fixture
def keras(monkeypatch):
    found = MagicMock(__version__="3.15.1")
    monkeypatch.setitem(sys.modules, "keras", found)
    return found


@pytest.mark.parametrize("name", ["tensorflow", "jax", "torch"])
def test_a_runtime_lists_gpus_by_name(name, request, keras):
    request.getfixturevalue(name)
    assert runtimes.load(name).describe()["devices"] == {"cpu": ["cpu"], "gpu": NAMES}


def test_tensorflow_sees_the_gpu_of_a_case_alone(tensorflow):
    runtimes.start(order("gpu:1"))
    second = tensorflow.config.list_physical_devices()[1]
    tensorflow.config.set_visible_devices.assert_called_once_with([second], "GPU")
    tensorflow.device.assert_called_once_with("/GPU:0")
    tensorflow.reset_mock()
    runtimes.start(order("cpu"))
    tensorflow.config.set_visible_devices.assert_called_once_with([], "GPU")
    tensorflow.device.assert_called_once_with("/CPU:0")


def test_jax_puts_a_case_on_its_gpu(jax):
    runtimes.start(order("gpu:1", "jax"))
    jax.config.update.assert_called_once_with("jax_default_device", jax.devices()[1])


def test_torch_and_keras_put_a_case_on_its_gpu(torch, keras):
    runtimes.start(order("gpu:1", "torch"))
    torch.cuda.set_device.assert_called_once_with(1)
    keras.device.assert_called_once_with("gpu:1")
    assert {call.kwargs["device"] for call in torch.ones.call_args_list} == {"cuda:1"}


@pytest.mark.parametrize("name", ["tensorflow", "jax", "torch"])
def test_a_gpu_that_a_runtime_does_not_see_is_named(name, request, keras):
    request.getfixturevalue(name)
    with pytest.raises(RuntimeMissingError, match="no gpu:2 here: the runtime sees gpu:0"):
        runtimes.start(order("gpu:2", name))


def test_what_all_are_held_against_is_computed_on_the_cpu(keras, monkeypatch, tmp_path):
    keras.backend.backend.return_value = "tensorflow"
    started = []
    monkeypatch.setattr(_keras, "start", started.append)
    monkeypatch.setattr(_keras, "Built", lambda order: started.append(order) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        _keras.stored(order("gpu:1", "jax"), tmp_path, False, False)
    assert [(o.case.device, o.case.runtime) for o in started] == [("cpu", "tensorflow")] * 2


def session(**seen):
    described = {
        name: Reply(outcome="ok", devices={"cpu": ["cpu"], "gpu": gpus})
        for name, gpus in seen.items()
    }
    return Session(described=described, asked=tuple(seen))


def test_a_device_is_chosen_by_its_place():
    both = session(tensorflow=NAMES, jax=NAMES[:1])

    def places(device):
        return [(place.device, place.runtime) for place in both.places(device)]

    assert places("gpu:1") == [("gpu:1", "tensorflow")]
    assert places("gpu") == places("gpu:0") == [("gpu:0", "tensorflow"), ("gpu:0", "jax")]
    assert places("cpu") == [("cpu", "tensorflow"), ("cpu", "jax")]
    assert places("all") == [*places("cpu"), *places("gpu:0"), *places("gpu:1")]
    said = r"no gpu:2 here: .* sees cpu and gpu:0 \(NVIDIA A100-SXM4-40GB\) and gpu:1 \(Tesla T4\)"
    with pytest.raises(RuntimeMissingError, match=said):
        places("gpu:2")


def test_a_device_has_a_kind_and_a_place():
    assert parsed_device("gpu") == parsed_device("gpu:0") == ("gpu", 0)
    assert parsed_device("gpu:12") == ("gpu", 12)
    for wrong in ("gpu:", "gpu:-1", "cpu:0", "GPU", "", "gpu:0\n"):
        with pytest.raises(UnknownNameError, match="unknown device"):
            parsed_device(wrong)
    stored = Case("vgg_block", (8, 8, 3), device="gpu")  # by earlier versions
    assert " gpu " in stored.id
    assert (stored.kind, stored.index) == ("gpu", 0)


def test_the_peak_of_a_gpu_is_its_allocators(tensorflow, torch):
    calls = []
    peak_of_tensorflow = runtimes.load("tensorflow")._gpu_peak_of(lambda: calls.append(1))
    tensorflow.config.experimental.reset_memory_stats.assert_called_once_with("GPU:0")
    assert peak_of_tensorflow == (3000, "device")  # 4000 at the peak, 1000 before
    assert runtimes.load("torch")._peak_of(lambda: calls.append(1)) == (3000, "device")
    torch.cuda.reset_peak_memory_stats.assert_called_once_with()
    assert len(calls) == 2


def test_a_peak_below_an_earlier_one_that_jax_cannot_reset_is_not_known(jax):
    stats = dict(ANSWERS["jax"]["memory_stats"])
    jax.config.jax_default_device.memory_stats.side_effect = lambda: dict(stats)
    peak_of = runtimes.load("jax")._peak_of
    peak, why = peak_of(lambda: None)
    assert peak is None
    assert "cannot reset" in why
    assert peak_of(lambda: stats.update(peak_bytes_in_use=6500)) == (5500, "device")


@pytest.mark.parametrize(
    ("name", "mode", "synchronise"),
    [
        ("tensorflow", "eager", lambda tf: tf.test.experimental.sync_devices),
        ("jax", "jit", lambda jax: jax.block_until_ready),
        ("torch", "eager", lambda torch: torch.cuda.synchronize),
    ],
)
def test_a_step_is_over_when_the_gpu_is_idle(name, mode, synchronise, request, monkeypatch):
    framework, module = request.getfixturevalue(name), runtimes.load(name)
    monkeypatch.setattr(module, "Built", MagicMock())
    for unneeded in {"crosscheck", "digest"} & {*vars(module)}:
        monkeypatch.setattr(module, unneeded, MagicMock())
    ready = module.prepare(Order(replace(order("gpu:1", name).case, mode=mode)))
    framework.reset_mock()
    ready.step()
    assert synchronise(framework).call_count == 1
    assert name != "torch" or framework.cuda.synchronize.call_args.args == ("cuda:1",)
    assert ready.device_peak_of


@pytest.mark.parametrize(
    "said",
    [
        "ResourceExhaustedError: {{function_node __wrapped__Conv2D}} OOM when allocating tensor",
        "JaxRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate 9 bytes.",
        "OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB.",
        "RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to",
        "RuntimeError: cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "MemoryError: ",
    ],
)
def test_what_frameworks_say_of_full_memory_is_understood(said):
    assert OUT_OF_MEMORY.search(said)
    assert not OUT_OF_MEMORY.search("ValueError: the memory layout is not supported")


def test_a_runtime_that_does_not_see_the_gpu_is_left_out_and_named(monkeypatch, tmp_path, undrawn):
    described = {
        "fake": Reply(outcome="ok", devices={"cpu": ["c"], "gpu": ["A"]}),
        "openvino": Reply(outcome="ok", devices={"cpu": ["c"], "gpu": []}),
    }
    both = replace(start("fake"), described=described, asked=tuple(described))
    monkeypatch.setattr("cnnbench.runner.session.start", lambda *_, **__: both)
    options = {"runtime": "fake", "device": "gpu", "launches": 1, "ceilings": False}
    run = cnnbench.run("vgg_block", input_shape=(8, 8, 3), out=tmp_path / "run", **options).run
    assert [m.case.device for m in run.measurements if m.ok] == ["gpu:0"]
    assert run.plan.notes == ("openvino sees no gpu",)
