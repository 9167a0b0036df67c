"""A block of the catalogue as something to call, for benchmarks of your own.

    from cnnbench.benchmarking import forward

    def test_block(benchmark):
        benchmark(forward("vgg_block", (64, 64, 3)))

There is no fixture and no plug-in: any tool that times a call can have it. It runs in this
process, beside whatever else does; `cnnbench run` gives every launch a process of its own.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any

from cnnbench import blocks, runtimes
from cnnbench.cases.case import Case
from cnnbench.rule import Shape
from cnnbench.runtimes import Prepared


@dataclass(frozen=True, slots=True)
class Forward:
    """A forward pass that is ready; a call makes one, and returns when it is finished."""

    case: Case
    prepared: Prepared

    def __call__(self) -> object:
        """One forward pass."""
        return self.prepared.step()

    @property
    def extra_info(self) -> dict[str, Any]:
        """For `benchmark.extra_info.update`: `cnnbench compare` then knows the case by its id."""
        from cnnbench.runs import pytest_benchmark

        facts = pytest_benchmark.Extra(
            self.case.id, params=self.case.cost().params, flops=self.case.flops()
        )
        return {pytest_benchmark.OURS: asdict(facts)}


def forward(
    target: str,
    input_shape: Shape | None = None,
    *,
    batch_size: int = 1,
    dtype: str = "float32",
    device: str = "cpu",
    mode: str = "graph",
    seed: int = 0,
    threads: int | None = None,
    runtime: str = "tensorflow",
    **params: Any,
) -> Forward:
    """Build a block with random weights and a random input.

    It sets what the framework keeps for the whole process: the random seed, the data type
    and, on a CPU, that there is no GPU. So use one device in a process.

    Args:
        target: a block or model from `cnnbench list`.
        input_shape: of one sample, as (h, w, c); the catalogue's own if None.
        batch_size: samples per forward pass.
        dtype: float32, float16 or bfloat16.
        device: cpu or gpu.
        mode: eager, graph, xla, predict or train.
        seed: of the weights and the input.
        threads: that one operation may use; the framework's own choice if None.
        runtime: tensorflow, or a module of your own.
        **params: the block's parameters, where its defaults do not do.

    Raises:
        UnknownNameError: no such block, parameter, device, mode or runtime.
        ShapeError: the block cannot take the input.
    """
    shape = input_shape or blocks.get(target).input_shape
    case = Case(target, tuple(shape), params, batch_size, dtype, device, mode)
    case.graph()  # what is wrong with it is said before a framework is loaded
    chosen = runtimes.load(runtime)
    for name, value in chosen.ENVIRONMENT.items():
        os.environ.setdefault(name, value)  # the framework reads these when it is imported
    return Forward(case, chosen.prepare(case, seed, threads))
