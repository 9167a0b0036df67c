"""A network as something to call, for benchmarks of your own.

    from cnnbench.benchmarking import forward

    def test_block(benchmark):
        benchmark(forward("vgg_block", (64, 64, 3)))

There is no fixture and no plug-in: any tool that times a call can use it. It runs in this
process, beside whatever else does; `cnnbench run` gives every launch a process of its own.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any

from cnnbench import networks, runtimes
from cnnbench.cases.case import Case
from cnnbench.cases.paper import Paper, paper
from cnnbench.networks import Network
from cnnbench.networks.inputs import several
from cnnbench.runtimes import Order, Prepared


@dataclass(frozen=True, slots=True)
class Forward:
    """A forward pass that is ready; a call makes one, and returns when it is finished."""

    case: Case
    paper: Paper
    prepared: Prepared

    def __call__(self) -> object:
        """One forward pass."""
        return self.prepared.step()

    @property
    def extra_info(self) -> dict[str, Any]:
        """For `benchmark.extra_info.update`: `cnnbench compare` then knows the case by its id."""
        from cnnbench.runs import pytest_benchmark

        facts = pytest_benchmark.CaseInfo(
            self.case.id, params=self.paper.cost.params, flops=self.paper.flops
        )
        return {pytest_benchmark.OURS: asdict(facts)}


def forward(
    target: Any,
    input_shape: Any = None,
    *,
    batch_size: int = 1,
    dtype: str | None = None,
    device: str = "cpu",
    mode: str | None = None,
    seed: int = 0,
    threads: int | None = None,
    runtime: str = "tensorflow",
    data: str = "",
    **params: Any,
) -> Forward:
    """Build a network and an input for it.

    A Keras model, or the model of a file, is called with its own weights; anything else with
    random ones. It sets what the framework keeps for the whole process: the random seed, the
    data type and, on a CPU, that there is no GPU. So use one device in a process.

    Args:
        target: whatever `cnnbench.analyze` takes.
        input_shape: of one sample, as (h, w, c); a list of them for several inputs; the
            network's own if None.
        batch_size: samples per forward pass.
        dtype: one that the runtime has, as bfloat16; the network's own if None.
        device: cpu, gpu (the first) or gpu:1.
        mode: one of the runtime's, of tensorflow graph, eager, xla, predict or train; its usual
            one if None.
        seed: of the input.
        threads: that one operation may use; the framework's own choice if None.
        runtime: tensorflow, or a module of your own.
        data: FILE.npz or module:function that gives the input; random values if empty.
        **params: the network's parameters, where its defaults do not do.

    Raises:
        UnknownNameError: no such network, parameter, device, mode or runtime.
        CnnbenchError: the network cannot be opened, or cannot take the input.
    """
    chosen = runtimes.load(runtime)
    mode = mode or chosen.MODES[0]
    runtimes.check_modes([runtime], [mode])
    for name, value in chosen.ENVIRONMENT.items():
        os.environ.setdefault(name, value)  # the framework reads these when it is imported
    network: Network = networks.named(target, params=params)
    network.check()
    # What is wrong with it is said before anything is built.
    graph = network.as_run(several(input_shape) or None, batch_size, dtype)
    runtimes.check_dtypes([runtime], [dtype or ""])
    case = Case(
        network.target,
        graph.sample_shapes(),
        params,
        batch_size,
        dtype or graph.dtype,
        device,
        mode,
        runtime,
        data=data,
    )
    costs = paper(graph, train=mode == "train")
    given = network.keras(dtype=dtype) if network.given else None
    order = Order(case, costs, seed, threads, model=given)
    runtimes.start(order)
    return Forward(case, costs, chosen.prepare(order))
