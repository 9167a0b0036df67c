"""What a network should take on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cnnbench.api.analysis import as_shapes, resolved
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
) -> tuple[str, Prediction]:
    """What a network is called, and the time and peak memory that it should take here.

    Args:
        target: as for `trace`, or what `networks.resolve` made of it.
        input_shape: of one sample; the target's own if None.
        batch_size: samples per forward pass.
        dtype: float32, which is what is calibrated.
        include_top: as for `trace`.
        calibrate: measure this machine again, though it was measured before.
        runtime: what measures it.
        progress: who is told of that; nobody if None.
        **params: the target's parameters.

    Raises:
        CnnbenchError: what `trace` raises; another type; the machine cannot be calibrated.
    """
    from cnnbench.prediction import calibration, forecast
    from cnnbench.runner.progress import Silent

    shapes = as_shapes(input_shape)
    found = resolved(target, shapes, include_top, params)
    graph = found.trace(shapes, batch_size, dtype)
    forecast.check(graph)  # before the time is spent
    measured = calibration.find(runtime, progress or Silent(), calibrate)
    return found.title, forecast.forecast(graph, measured.calibration, measured.note)
