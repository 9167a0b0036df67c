"""What is seen of a GPU while it works, of a library that answers what is documented."""

import sys
import time
from types import SimpleNamespace

import pytest

from cnnbench.cases.case import Case
from cnnbench.host import gpu
from cnnbench.machine import probing
from cnnbench.runner import server
from cnnbench.runner.child import Reply
from cnnbench.runner.loop import Progress
from cnnbench.runner.server import Workers
from cnnbench.runner.session import Session
from cnnbench.runtimes import Order
from tests.support.nvml import GPUS, Nvml, NVMLError


@pytest.fixture
def nvml(monkeypatch):
    found = Nvml()
    monkeypatch.setitem(sys.modules, "pynvml", found)
    monkeypatch.setattr(gpu, "PERIOD_S", 0.0)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    return found


def watched(nvml, index, looks):
    with gpu.watched(index) as seen:
        while sum(nvml.looks) < looks:
            time.sleep(0.001)
    return seen["gpu"]


def test_clocks_are_medians_heat_the_highest_and_every_reason_counts(nvml):
    seen = watched(nvml, 0, 1000)  # nearly all of them as the last that is recorded
    assert seen == {
        "name": "NVIDIA A100-SXM4-40GB",
        "sm_mhz": 1200,
        "memory_mhz": 1215,
        "watts": 401.0,
        "celsius": 64,
        "throttled": ["power cap"],  # not that somebody has set the clocks, which is 2
    }
    assert nvml.opened == 0


def test_what_a_gpu_does_not_say_is_none_and_idleness_is_no_throttling(nvml):
    seen = watched(nvml, 1, 1000)
    assert (seen["watts"], seen["celsius"]) == (None, 85)
    assert seen["throttled"] == ["hardware slowdown", "heat, by the hardware"]


def test_without_an_answer_about_throttling_it_is_not_known(nvml, monkeypatch):
    def refuse(_):
        nvml.looks[0] += 1
        raise NVMLError("Function Not Found")

    monkeypatch.setattr(nvml, "nvmlDeviceGetCurrentClocksEventReasons", refuse)
    assert watched(nvml, 0, 3)["throttled"] is None


def test_a_gpu_is_the_one_that_the_framework_sees(nvml, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,0")
    assert gpu.memory(0) == GPUS[1]["memory"]["free"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", f" {GPUS[1]['uuid']}")
    assert gpu.memory(0) == GPUS[1]["memory"]["free"]
    assert gpu.memory(1) is None
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert [gpu.memory(index) for index in range(3)] == [40_000_000_000, 15_000_000_000, None]


def test_why_nothing_is_known_is_said(nvml, monkeypatch):
    with gpu.watched(2) as seen:
        pass
    assert seen == {"gpu": {"unknown": "Invalid Argument"}}
    monkeypatch.setitem(sys.modules, "pynvml", None)  # not installed
    with gpu.watched(0) as seen:
        pass
    assert "pip install 'cnnbench[gpu]'" in seen["gpu"]["unknown"]
    assert gpu.memory(0) is None
    with gpu.watched(None) as seen:
        pass
    assert seen == {}


def test_what_happens_meanwhile_is_not_hidden(nvml):
    with pytest.raises(ZeroDivisionError), gpu.watched(0):
        _ = 1 / 0
    assert nvml.opened == 0


def test_a_launch_on_a_gpu_says_what_the_gpu_did(nvml):
    workers = Workers({"fake": server.start("fake")})
    order = Order(Case("vgg_block", (8, 8, 3), device="gpu:0", runtime="fake"))
    ((answer,), _) = workers.launch([order], 0.1, 60.0)
    assert answer.ok
    assert answer.gpu["name"] == "NVIDIA A100-SXM4-40GB"
    assert answer.environment["host"]
    on_cpu = Order(Case("vgg_block", (8, 8, 3), runtime="fake"))
    assert workers.launch([on_cpu], 0.1, 60.0)[0][0].gpu == {}


def test_the_ceilings_of_a_gpu_are_measured_there_by_a_runtime_that_sees_it(monkeypatch):
    asked = []

    def measure(self, cases, *_, runtime, **__):
        asked.append((runtime, [(case.target, case.device, case.batch_size) for case in cases]))
        return SimpleNamespace(measurements=[])

    monkeypatch.setattr(Session, "measure", measure)
    described = {
        "tensorflow": Reply(outcome="ok", devices={"cpu": ["cpu"], "gpu": []}),
        "torch": Reply(outcome="ok", devices={"cpu": ["cpu"], "gpu": ["A", "B"]}),
    }
    both = Session(dict.fromkeys(described), described, ("torch",))
    cases = [Case("vgg_block", (8, 8, 3), device=device) for device in ("cpu", "gpu:1")]
    assert probing.of_cases(both, cases, None, Progress()) == []
    (on_cpu, _), (on_gpu, probes) = asked
    assert (on_cpu, on_gpu) == ("tensorflow", "torch")
    assert probes == [
        ("probe_matmul", "gpu:1", 16384),
        ("probe_convolution", "gpu:1", 64),
        ("probe_copy", "gpu:1", 4),
    ]


def test_the_gpus_that_a_process_may_use_have_the_names_of_the_variable(nvml, monkeypatch):
    assert gpu.shown() == [str(index) for index in range(len(GPUS))]
    for value, names in {"2, GPU-1f": ["2", "GPU-1f"], "-1": [], "": []}.items():
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
        assert gpu.shown() == names
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setitem(sys.modules, "pynvml", None)  # not installed
    assert gpu.shown() == []
