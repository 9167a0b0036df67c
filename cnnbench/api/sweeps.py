"""Every configuration of a block over ranges of its parameters and sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnbench import blocks, units
from cnnbench.errors import CnnbenchError
from cnnbench.rule import Shape

if TYPE_CHECKING:
    from cnnbench.design_space import Watch
    from cnnbench.design_space.rows import Sweep
    from cnnbench.runner.loop import Progress


def sweep(
    target: str,
    grid: Mapping[str, Any],
    input_shape: Shape | None = None,
    *,
    dtype: str = "float32",
    at_most: Mapping[str, int] | None = None,
    at_least: Mapping[str, int] | None = None,
    minimize: Sequence[str] | None = None,
    maximize: Sequence[str] | None = None,
    pareto: bool = False,
    top: int = 20,
    sample: int | None = None,
    seed: int = 0,
    watch: Watch | None = None,
    measure: int = 0,
    progress: Progress | None = None,
    out: Path | str | None = None,
    runtime: str = "tensorflow",
    cluster: str | None = None,
    launches: int = 3,
    time_budget: float | str = 120.0,
) -> Sweep:
    """Compute the cost of every combination of some parameters and sizes of a block; keep the best.

    The metrics are params, macs, flops, activation, peak (of the activation memory), memory (that
    peak and the weights) and channels (of the output). All should be small but channels: that is
    the width which a block hands to the next one, and so what the cost buys. By default the FLOPs
    should be small and the output channels many. The parameters can take the place of the
    channels (`maximize=["params"]`); at stride 1 they are nearly proportional to the FLOPs.

    Args:
        target: a name from `cnnbench list`.
        grid: by parameter, a range, a list of values or one value; also for `input_size`
            (square), `input_channels` and `batch`.
        input_shape: of one sample, as (h, w, c); the entry's own if None.
        dtype: float32, float16 or bfloat16.
        at_most: the most that a metric may be, by metric.
        at_least: the least that a metric must be, by metric.
        minimize: metrics to minimize; FLOPs if None.
        maximize: metrics to maximize; output channels if None.
        pareto: keep the configurations that no other one beats in all of these metrics; of equal
            ones the first. Else keep the best in one metric, then in the next: first those to
            maximize, unless only metrics to minimize are given.
        top: how many rows to keep, evenly along a front; 0 for all.
        sample: how many configurations to try, drawn evenly from the grid; all if None.
        seed: of the sample.
        watch: called with the number of configurations that are done, and of all.
        measure: how many rows to measure, on the CPU.
        progress: told about each launch of that.
        out: a folder to store the measurements in; they are not stored if None.
        runtime: tensorflow, fake, or a module of your own.
        cluster: where to measure, as for `run`; this machine if None.
        launches: processes per row.
        time_budget: for all launches, in seconds or as "5m".

    Raises:
        UnknownNameError: there is no such entry, parameter or metric.
        CnnbenchError: the grid is empty or too large, or nothing in it can be built within the
            limits.
    """
    from cnnbench import design_space
    from cnnbench.design_space.grid import grid as grid_of
    from cnnbench.runs import store

    budget_s = units.parse_duration(time_budget)
    with ExitStack() as stack:
        started = None
        if measure:
            from cnnbench.runner import session

            # Refused now, before minutes are spent.
            if measure < 0:
                raise CnnbenchError(f"at least 1 configuration must be measured; got {measure}")
            if out is not None:
                store.check_free(Path(out))
            started = stack.enter_context(session.started([runtime], cluster))
        result = design_space.sweep(
            grid_of(blocks.get(target), grid, input_shape, dtype),
            at_most=at_most or {},
            at_least=at_least or {},
            minimize=minimize,
            maximize=maximize,
            pareto=pareto,
            top=top,
            sample=sample,
            seed=seed,
            watch=watch,
        )
        if started is None:
            return result
        from cnnbench.design_space.rows import measure as measured

        folder = None if out is None else Path(out)
        plan = {"launches": launches, "time_budget_s": budget_s}
        return replace(
            result, measured=measured(result, measure, started, progress, folder, **plan)
        )
