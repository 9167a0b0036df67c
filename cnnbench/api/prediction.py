"""What a network should take on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cnnbench.api.analysis import trace
from cnnbench.rule import Shape

if TYPE_CHECKING:
    from cnnbench.prediction.forecast import Prediction
    from cnnbench.runner.loop import Progress


def predict(
    target: Any,
    input_shape: Shape | Sequence[Shape] | None = None,
    *,
    batch_size: int = 1,
    dtype: str | None = None,
    include_top: bool = True,
    calibrate: bool = False,
    runtime: str = "tensorflow",
    progress: Progress | None = None,
    **params: Any,
) -> Prediction:
    """The time and the peak memory that a network should take on this machine.

    Args:
        target: as for `trace`, or what `networks.resolve` made of it.
        input_shape: of one sample; the target's own if None.
        batch_size: samples per forward pass.
        dtype: float32, the only type that is calibrated.
        include_top: as for `trace`.
        calibrate: measure this machine again, even if it was measured before.
        runtime: what measures it.
        progress: told about each launch of that; nobody is told if None.
        **params: the target's parameters.

    Raises:
        CnnbenchError: what `trace` raises; the type is not float32; the machine cannot be
            calibrated.
    """
    from cnnbench.prediction import calibration, forecast
    from cnnbench.runner.progress import Silent

    params |= {"batch_size": batch_size, "dtype": dtype, "include_top": include_top}
    graph = trace(target, input_shape, **params)
    forecast.check(graph)  # before the time for a calibration is spent
    measured = calibration.find(runtime, progress or Silent(), calibrate)
    return forecast.forecast(graph, measured.calibration, measured.note)
