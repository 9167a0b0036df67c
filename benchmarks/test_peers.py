"""The analysis of ResNet-50 beside fvcore and torchinfo, where they are installed.

`pip install -e .[peers]` installs them, with PyTorch; what is missing is skipped and said.
"""

import subprocess
import sys
from pathlib import Path

import pytest

import cnnbench

# ResNet-50 in PyTorch, as torchvision has it: 25,557,032 parameters
MODEL = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import torch
from record_tools import torch_networks
model = torch_networks()["resnet50 v1.5"]().eval()
x = torch.zeros(1, 3, 224, 224)
"""
PEERS = {
    "fvcore": "from fvcore.nn import FlopCountAnalysis, flop_count_table\n"
    "def analyse(): return flop_count_table(FlopCountAnalysis(model, x))",
    "torchinfo": "from torchinfo import summary\n"
    "def analyse(): return str(summary(model, input_data=x, verbose=0))",
}


def analysis(peer: str):
    """The function that analyses ResNet-50 with a peer, as text."""
    pytest.importorskip("torch")
    pytest.importorskip(peer)
    names: dict = {}
    exec(MODEL + PEERS[peer], names)
    return names["analyse"]


@pytest.mark.parametrize("tool", ["cnnbench", *PEERS])
def test_warm_in_process(benchmark, tool):
    benchmark.group = "analyze ResNet-50, warm"
    if tool == "cnnbench":
        found = benchmark(cnnbench.analyze, "resnet50", version="v1.5")
        assert found.trainable_params == 25_557_032
    else:
        assert len(benchmark(analysis(tool)).splitlines()) > 50  # a table of its layers


@pytest.mark.parametrize("tool", ["cnnbench", *PEERS])
def test_cold_from_a_shell(benchmark, tool):
    benchmark.group = "analyze ResNet-50, cold"
    if tool == "cnnbench":
        command = [sys.executable, "-m", "cnnbench", "analyze", "resnet50", "-p", "version='v1.5'"]
    else:
        analysis(tool)
        command = [sys.executable, "-c", MODEL + PEERS[tool] + "\nprint(analyse())"]
    done = benchmark.pedantic(
        subprocess.run, (command,), {"capture_output": True, "check": True}, rounds=5
    )
    assert done.stdout
