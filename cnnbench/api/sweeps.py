"""Every configuration of a block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnbench import blocks
from cnnbench.errors import CnnbenchError
from cnnbench.rule import Shape

if TYPE_CHECKING:
    from cnnbench.design_space import Sweep, Watch
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
    launches: int = 3,
    time_budget: float = 120.0,
) -> Sweep:
    """Cost every combination of some parameters and sizes of a block, and keep the best.

    The metrics are params, macs, flops, activation, peak (of activation memory), memory (that
    and the weights), all of which one wants small, and channels, those of the output: the width
    that a block hands to the next one, which is what the cost on paper buys. So by default the
    FLOPs should be small and the output channels many. The parameters can be that in their
    place (`maximize=["params"]`); at stride 1 they are nearly proportional to the FLOPs.

    Args:
        target: a name from `cnnbench list`.
        grid: a range or a list of values by parameter, or one value; also of `input_size`
            (square), `input_channels` and `batch`.
        input_shape: of one sample, as (h, w, c); the entry's own if None.
        dtype: float32, float16 or bfloat16.
        at_most: what a metric may be.
        at_least: what a metric must be.
        minimize: metrics; FLOPs if None.
        maximize: metrics; output channels if None.
        pareto: keep those that no other beats in all of these, exactly; of equal ones the
            first. Else keep the best in one metric, then in the next: those to maximize first,
            unless only others are given.
        top: rows that are kept, of a front evenly along it; 0 for all.
        sample: configurations to try, drawn evenly from the grid; all if None.
        seed: of the sample.
        watch: told how many configurations are done, and of how many.
        measure: rows to put on a stopwatch, on the CPU.
        progress: who is told of that.
        out: a folder that keeps what was measured; none if None.
        runtime: tensorflow, fake, or a module of your own.
        launches: processes per row.
        time_budget: seconds for all launches.

    Raises:
        UnknownNameError: no such entry, parameter or metric.
        CnnbenchError: an empty grid, one that is too large, or nothing in it that can be built
            within the limits.
    """
    from cnnbench import design_space
    from cnnbench.design_space.grid import grid as grid_of
    from cnnbench.runs import store

    started = None
    if measure:
        from cnnbench.runner import session

        # What is wrong with these is said before minutes are spent.
        if measure < 0:
            raise CnnbenchError(f"at least 1 configuration must be measured; got {measure}")
        if out is not None:
            store.check_free(Path(out))
        started = session.start(runtime)
    found = design_space.sweep(
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
        return found
    from cnnbench.design_space.measured import measure as measured
    from cnnbench.runner.progress import Silent

    folder = None if out is None else Path(out)
    watching = progress or Silent()
    plan = {"launches": launches, "time_budget_s": time_budget}
    return replace(found, measured=measured(found, measure, started, watching, folder, **plan))
