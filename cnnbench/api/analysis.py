"""What a network costs on paper, and which network or configuration to take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnbench import blocks, networks, units
from cnnbench.cost import Cost, cost
from cnnbench.errors import CnnbenchError
from cnnbench.graph import Graph
from cnnbench.networks.inputs import several
from cnnbench.records import Records
from cnnbench.rule import Shape

if TYPE_CHECKING:
    from cnnbench.analysis.candidates import Candidate, Choice
    from cnnbench.analysis.capacity import Capacity
    from cnnbench.analysis.conventions import ToolCount
    from cnnbench.analysis.formulas import Formula
    from cnnbench.analysis.training import Training
    from cnnbench.crosscheck.pairing import Agreement
    from cnnbench.prediction.calibration import Calibration

Inputs = Shape | Sequence[Shape] | None


def trace(
    target: Any,
    input_shape: Inputs = None,
    *,
    batch_size: int = 1,
    dtype: str | None = None,
    include_top: bool = True,
    fold: bool = False,
    **params: Any,
) -> Graph:
    """The layers of a network, each with what it costs.

    Args:
        target: a name from `cnnbench list`, a `.keras` file, a SavedModel's folder,
            `package.module:function`, or a Keras model.
        input_shape: of one sample, as (h, w, c); a list of them for several inputs; the
            target's own if None.
        batch_size: samples per forward pass.
        dtype: one of `graph.PRECISIONS`; a Keras model's own, else float32, if None.
        include_top: the classifier of a model of `keras.applications`.
        fold: with each batch norm as part of the convolution before it, as inference engines do.
        **params: the target's parameters, where its defaults do not do.

    Raises:
        UnknownNameError: no such target or parameter.
        TargetError: a file or a function that gives no model.
        ShapeError: a layer cannot take its input.
    """
    _, graph = traced(target, input_shape, batch_size, dtype, include_top, **params)
    if fold:
        from cnnbench.analysis.folding import folded

        return folded(graph)
    return graph


def traced(
    target: Any,
    input_shape: Inputs = None,
    batch_size: int = 1,
    dtype: str | None = None,
    include_top: bool = True,
    **params: Any,
) -> tuple[networks.Network, Graph]:
    """A network and its graph; as `trace`, but without `fold`."""
    shapes = several(input_shape) or None
    network = networks.resolve(target, shapes, include_top, params)
    graph = network.trace(shapes, batch_size, dtype)
    graph.name = network.title
    return network, graph


def analyze(target: Any, input_shape: Inputs = None, **options: Any) -> Cost:
    """The cost on paper of a network.

    The arguments are those of `trace`: also batch_size, dtype, include_top, fold, and the
    parameters of the target.
    """
    return cost(trace(target, input_shape, **options))


def training(
    target: Any, input_shape: Inputs = None, *, optimizer: str = "adam", **options: Any
) -> Training:
    """The cost on paper of one training step of a network, and its memory.

    Args:
        target: as for `trace`.
        input_shape: as for `trace`.
        optimizer: adam, sgd, ...
        **options: those of `trace`, but not `fold`, which is for inference.

    Raises:
        UnknownNameError: no such optimizer.
    """
    from cnnbench.analysis.training import training

    if options.get("fold"):
        raise CnnbenchError("fold is for inference; training needs the batch norms")
    return training(trace(target, input_shape, **options), optimizer)


def capacity(
    target: Any,
    memory: int | str,
    input_shape: Inputs = None,
    *,
    optimizer: str | None = None,
    **options: Any,
) -> Capacity:
    """The largest batch, and the largest input, with which a network fits into a memory.

    Args:
        target: as for `trace`.
        memory: in bytes, or as text: 8GiB.
        input_shape: at which the largest batch is asked for.
        optimizer: for a training step with it; None for a forward pass.
        **options: those of `trace`, but not `fold`. The largest input is asked for at `batch_size`.

    Raises:
        UnknownNameError: no such optimizer.
        CnnbenchError: no such amount of memory.
    """
    from cnnbench.analysis.capacity import largest

    size = units.parse_bytes(memory) if isinstance(memory, str) else memory
    network, graph = traced(target, input_shape, **options)
    first, *others = graph.sample_shapes()

    def at(shape: Shape, batch: int) -> Graph:
        return traced(network, [shape, *others], batch, options.get("dtype"))[1]

    return largest(at, first, options.get("batch_size", 1), size, optimizer)


def conventions(
    target: Any, input_shape: Inputs = None, *, tool: str | None = None, **options: Any
) -> list[ToolCount]:
    """What other tools print for a network, after what cnnbench counts; or one tool alone.

    Args:
        target: as for `trace`.
        input_shape: as for `trace`.
        tool: fvcore, thop, xla, ...; all of them if None.
        **options: those of `trace`.

    Raises:
        UnknownNameError: no such tool.
    """
    from cnnbench.analysis.conventions import tool_counts

    return Records(tool_counts(trace(target, input_shape, **options), tool))


def diagram(
    targets: Any,
    file: str | Path,
    input_shape: Inputs = None,
    *,
    depth: int | None = None,
    **options: Any,
) -> Path:
    """Draw the architecture of a network, or of two side by side, with shapes on the arrows.

    Args:
        targets: as for `trace`; a list of two for two networks.
        file: ends in .svg, .png or .pdf.
        input_shape: as for `trace`; the same for both.
        depth: how deep into the tree of nested names the layers are drawn; deeper ones are one
            box a block. As deep as one can read if None.
        **options: those of `trace`.

    Returns:
        The file.

    Raises:
        CnnbenchError: it cannot be written, or a network needs more boxes than one can read.
    """
    from cnnbench.reporting.analysis import diagram

    several_targets = list(targets) if isinstance(targets, (list, tuple)) else [targets]
    if len(several_targets) not in (1, 2):
        raise CnnbenchError(
            f"a picture shows one network, or two side by side; got {len(several_targets)}"
        )
    graphs = [trace(target, input_shape, **options) for target in several_targets]
    diagram.write(graphs, Path(file), depth)
    return Path(file)


def check(target: Any, input_shape: Inputs = None, **options: Any) -> list[Agreement]:
    """Our numbers for a network beside those of Keras and of TensorFlow's profiler.

    The arguments are those of `trace`, but not `fold`.

    Returns:
        The totals; then what TensorFlow does not count, with `equal` None; then every number of
        a layer that differs.

    Raises:
        RuntimeMissingError: Keras does not run on TensorFlow here.
    """
    from cnnbench import crosscheck

    network, graph = traced(target, input_shape, **options)
    return Records(crosscheck.report(*network.in_keras(graph)))


def choose(
    targets: Sequence[Any] = (),
    input_shape: Inputs = None,
    *,
    all_applications: bool = False,
    batch_size: int = 1,
    dtype: str | None = None,
    include_top: bool = True,
    sort: str | None = None,
    max_params: float | str | None = None,
    max_flops: float | str | None = None,
    max_memory: float | str | None = None,
    max_time: float | str | None = None,
    pareto: str | None = None,
    runtime: str = "tensorflow",
    progress: Callable[[str], None] | None = None,
) -> Choice:
    """Which of several networks to take, by what they cost on paper and should take here.

    Nothing is measured: times are predicted where this machine was calibrated before.

    Args:
        targets: each as for `trace`.
        input_shape: the same for all; the own of each if None.
        all_applications: besides the targets, all models of `keras.applications`.
        batch_size: as for `trace`.
        dtype: as for `trace`.
        include_top: as for `trace`.
        sort: params, macs, flops, memory, time or top1; the best first.
        max_params: the most parameters, as a number or as text: 10M.
        max_flops: the most FLOPs.
        max_memory: the most memory of weights and activations: 4MiB.
        max_time: the longest predicted time of a call: 20ms.
        pareto: two of what `sort` takes, as top1:time; only networks that no other beats in both
            are chosen.
        runtime: that the calibration is of.
        progress: is told the name of each network before it is analysed.

    Raises:
        UnknownNameError: a column that is not known.
        CnnbenchError: none of the networks can be analysed, or a time is asked for and this
            machine is not calibrated.
    """
    from cnnbench.analysis import candidates
    from cnnbench.networks.applications import SIZES
    from cnnbench.prediction import calibration

    limits = {
        key: parse(limit) if isinstance(limit, str) else limit
        for key, limit, parse in (
            ("params", max_params, units.parse_count),
            ("flops", max_flops, units.parse_count),
            ("memory", max_memory, units.parse_bytes),
            ("time", max_time, lambda text: units.parse_quantity(text, *units.TIME)),
        )
        if limit is not None
    }
    axes = None if pareto is None else candidates.parse_axes(pareto)
    candidates.choose([], sort=sort, pareto=axes)  # refuse what is wrong before the work
    machine = calibration.stored(runtime)
    if machine is None and "time" in (sort, *limits, *(axes or ())):
        raise CnnbenchError(
            "times are predicted where this machine is calibrated, and it is not; "
            "cnnbench predict TARGET does that once, in two to three minutes"
        )
    compared = []
    for target in (*targets, *(SIZES if all_applications else ())):
        name = target if isinstance(target, str) else getattr(target, "name", str(target))
        if progress:
            progress(name)
        options = {"batch_size": batch_size, "dtype": dtype, "include_top": include_top}
        compared.append(_candidate(name, target, several(input_shape) or None, options, machine))
    if all(candidate.reason for candidate in compared):
        reasons = "; ".join(f"{candidate.name}: {candidate.reason}" for candidate in compared)
        raise CnnbenchError(f"no network can be analysed; {reasons or 'none was named'}")
    span = (machine.time.low, machine.time.high) if machine else None
    return candidates.choose(compared, sort=sort, limits=limits, pareto=axes, time_range=span)


def _candidate(
    name: str,
    target: Any,
    shapes: tuple[Shape, ...] | None,
    options: dict[str, Any],
    machine: Calibration | None,
) -> Candidate:
    from cnnbench.analysis import candidates
    from cnnbench.networks.published import published
    from cnnbench.prediction import forecast

    try:
        graph = trace(target, shapes, **options)
    except CnnbenchError as error:
        return candidates.Candidate(name, reason=str(error))
    known = published().get(name.removeprefix("keras.applications."))
    square = known and (known.input_size, known.input_size, 3)
    if not isinstance(target, str) or not options["include_top"] or shapes not in (None, (square,)):
        known = None
    candidate = candidates.candidate(name, cost(graph))
    if known:
        candidate = replace(candidate, top1_percent=known.top1_percent)
    if machine and graph.dtype == "float32":  # which is what is calibrated
        expected = forecast.forecast(graph, machine)
        candidate = replace(candidate, time_s=expected.time.value, rise_bytes=expected.rise.value)
    return candidate


def formula(target: str, /, **given: Any) -> Formula:
    """The closed forms of the cost of a catalogue entry.

    Args:
        target: a name from `cnnbench list`.
        **given: sizes (n, H, W, C) and parameters that stay numbers; all others that can be
            become symbols.

    Raises:
        UnknownNameError: no such entry or parameter.
        ShapeError: the block refuses these numbers.
    """
    from cnnbench.analysis.formulas import formula

    return formula(blocks.get(target), **given)
