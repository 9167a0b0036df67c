"""What a machine can do, and the least time of a network on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import TYPE_CHECKING, Any

from cnnbench.api.analysis import trace
from cnnbench.errors import CnnbenchError
from cnnbench.rule import Shape

if TYPE_CHECKING:
    from cnnbench.machine.health import Health
    from cnnbench.machine.roofline import Roofline
    from cnnbench.runner.loop import Progress


def doctor(
    *,
    noise_s: float | None = 20.0,
    runtime: str = "tensorflow",
    progress: Progress | None = None,
    told: Callable[[Health], None] | None = None,
) -> Health:
    """Whether this machine is fit for timing, and the smallest difference that it can show.

    Args:
        noise_s: seconds for the noise floor, including the start of the runtime; None to leave
            the noise floor out.
        runtime: what measures it.
        progress: told about each launch; nobody is told if None.
        told: called with the findings before the noise floor is measured.

    Raises:
        CnnbenchError: there is no such runtime.
    """
    from cnnbench.machine import checkup
    from cnnbench.runner.progress import Silent

    return checkup.checkup(noise_s, runtime, progress or Silent(), told)


def roofline(
    target: Any = None,
    input_shape: Shape | Sequence[Shape] | None = None,
    *,
    batch_size: int = 1,
    dtype: str | None = None,
    include_top: bool = True,
    seconds: float | None = None,
    on: str | None = None,
    peak: float | None = None,
    bandwidth: float | None = None,
    device: str = "cpu",
    threads: int | None = None,
    runtime: str = "tensorflow",
    again: bool = False,
    progress: Progress | None = None,
    **params: Any,
) -> Roofline:
    """The least time of a network's layers on a device, and whether a given time is possible.

    Args:
        target: as for `trace`, or what `networks.resolve` made of it; None for the ceilings of
            the device alone.
        input_shape: of one sample; the target's own if None.
        batch_size: samples per forward pass.
        dtype: as for `trace`.
        include_top: as for `trace`.
        seconds: a time of one forward pass, to be judged.
        on: a known device; this machine if None and no peak is given.
        peak: FLOP/s, instead of a device.
        bandwidth: bytes a second, with a peak.
        device: the device of this machine: cpu or gpu.
        threads: threads that one operation may use; all cores if None.
        runtime: what measures this machine, if it was not measured before.
        again: measure this machine again.
        progress: told about each launch of that; nobody is told if None.
        **params: the target's parameters.

    Raises:
        CnnbenchError: what `trace` raises; there is no such device; a time is given without a
            network; a time or a rate is not a positive number.
    """
    from cnnbench.machine import devices, probing
    from cnnbench.machine.roofline import given, roofline
    from cnnbench.runner.progress import Silent

    for name, value in (("seconds", seconds), ("peak", peak), ("bandwidth", bandwidth)):
        if value is not None and not 0 < value < inf:
            raise CnnbenchError(f"{name} must be positive and finite; got {value}")
    if bandwidth is not None and peak is None:
        raise CnnbenchError("a bandwidth goes with a peak; give both")
    if on is not None and peak is not None:
        raise CnnbenchError("a known device and a peak are two answers; choose one")
    if target is None and seconds is not None:
        raise CnnbenchError("a time can be judged only of a network; name one")
    graph, note = None, ""
    if target is not None:
        params |= {"batch_size": batch_size, "dtype": dtype, "include_top": include_top}
        graph = trace(target, input_shape, **params)
    kind = graph.dtype if graph else dtype or "float32"
    if on is not None:
        ceilings = devices.get(on)
    elif peak is not None:
        ceilings = given(peak, bandwidth, kind)
    else:
        measured = probing.find(runtime, device, kind, threads, progress or Silent(), again=again)
        if measured.ceiling is None:
            raise CnnbenchError(measured.note)
        ceilings, note = {kind: measured.ceiling}, measured.note
    return roofline(ceilings, graph, seconds, note)
