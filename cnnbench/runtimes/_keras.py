"""What the runtimes share that run a Keras model: the model, its values and its training step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np

from cnnbench.cases.case import Case
from cnnbench.cases.paper import digest as paper_digest
from cnnbench.errors import TargetError
from cnnbench.networks import load, samples
from cnnbench.networks.reader import read
from cnnbench.runtimes import Order, start

WEIGHTS, INPUTS, OUTPUTS = "weights.npz", "inputs.npz", "outputs.npz"
"""The values of one network, in a folder: those of its weights and inputs, and what follows."""

GPUS = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
"""GPUs are numbered as NVIDIA's tools number them, and not the fastest first."""

CALIBRATION, SAMPLES = "calibration.npz", 32
"""Inputs from which int8 takes the ranges of all values, and how many there are at least."""

SEED = 0
"""Of weights that no file holds: equal in every run, so that what was exported once is found."""

SPREAD = 0.1
"""How far weights are moved that an initializer makes equal."""


def build(case: Case) -> Any:
    """The Keras model of a case; of a catalogue entry with its layers named as the graph's are."""
    import keras

    if case.network.kind != "entry":
        return load.opened(case.network, case.inputs, case.dtype, values=True)
    keras.utils.clear_session()
    keras.config.set_dtype_policy(case.dtype)
    return load.entry(case.network, case.inputs, case.batch_size)


@dataclass
class Built:
    """The model of a case and an array for each of its inputs, of the values that files hold.

    Without files the values are random, or those of the user.
    """

    order: Order

    def __post_init__(self) -> None:
        import keras

        keras.utils.set_random_seed(SEED)
        begin = perf_counter_ns()
        self.model, self.files, case = self.order.model, self.order.files, self.order.case
        self.entry = self.model is None and case.network.kind == "entry"
        if self.model is None:
            # With values of ours to come, JAX need not compile a program for each initializer.
            ours = self.files is not None and keras.backend.backend() == "jax"
            with load.no_values() if ours else nullcontext():
                self.model = build(case)
        if not self.model.built:  # a class of the user's, which makes its weights when it is called
            self._call_on_symbols()
        if self.files:
            assign(self.model, arrays(self.files.folder / WEIGHTS))
        self.build_ns = perf_counter_ns() - begin

    @cached_property
    def graph(self) -> Any:
        """The model's layers, read from it; of a catalogue entry from its definition."""
        case = self.order.case
        return case.graph() if self.entry else read(self.model, case.inputs, case.batch_size)

    @cached_property
    def inputs(self) -> list[Any]:
        """An array for each input, in order."""
        return arrays(self.files.folder / INPUTS) if self.files else self._drawn(1, 0)

    def more_inputs(self, count: int) -> list[Any]:
        """The same of other batches, so many that they have `count` samples or more."""
        return self._drawn(-(-count // self.order.case.batch_size), 1)

    def _drawn(self, batches: int, more: int) -> list[Any]:
        model = None if self.entry else self.model
        data, seed = self.order.case.data, self.order.seed + more
        return samples.values(data, self.graph, model, seed, batches)

    def arranged(self, values: list[Any]) -> Any:
        """Some values as the model takes its inputs: one, a list, or by name."""
        structure = getattr(self.model, "_inputs_struct", None)
        if structure is None:
            return values[0] if len(values) == 1 else values
        import keras

        return keras.tree.pack_sequence_as(structure, values)

    def _call_on_symbols(self) -> None:
        """A pass without values, which makes the weights and computes nothing."""
        import keras

        _, types = samples.interface(self.graph, self.model)
        sizes = self.graph.input_shapes()
        symbols = [keras.KerasTensor(*each) for each in zip(sizes, types, strict=True)]
        self.model(self.arranged(symbols), training=False)


@contextmanager
def around_layers(
    inside: Callable[[Sequence[Any]], AbstractContextManager[Any]],
) -> Iterator[None]:
    """Keras calls each layer and operation inside what is given for it, and for those around it."""
    import keras

    around: list[Any] = []

    def watched(call: Any) -> Any:
        def called(self: Any, *args: Any, **kwargs: Any) -> Any:
            if around and around[-1] is self:  # a class calls the one above it
                return call(self, *args, **kwargs)
            around.append(self)
            try:
                with inside(around):
                    return call(self, *args, **kwargs)
            finally:
                around.pop()

        return called

    classes = (keras.Operation, keras.Layer)
    before = [of.__call__ for of in classes]
    try:
        for of, call in zip(classes, before, strict=True):
            of.__call__ = watched(call)
        yield
    finally:
        for of, call in zip(classes, before, strict=True):
            of.__call__ = call


def assign(model: Any, values: list[Any]) -> None:
    """Give each weight of a model its value, in Keras' order."""
    for weight, value in zip(model.weights, values, strict=True):
        weight.assign(value)


def vary(model: Any) -> None:
    """Move weights that an initializer made equal, such as a normalisation's, by a tenth.

    A runtime that mixed up a scale and an offset of 1 and 0 would else compute the same.
    """
    generator = np.random.default_rng(SEED)
    for weight in model.weights:
        value = weight.numpy()
        if value.ndim == 1 and value.dtype.kind == "f" and (value == value[:1]).all():
            moved = value + generator.uniform(-SPREAD, SPREAD, value.shape)
            weight.assign(moved.astype(value.dtype))


def flat(values: Any) -> list[Any]:
    """What a model returns as a list of arrays, in float32 where the type is one that NumPy lacks.

    Text becomes an array of fixed width, which can be stored without running code.
    """
    import keras

    found = []
    for value in keras.tree.flatten(values):
        array = np.asarray(keras.ops.convert_to_numpy(value))
        found.append(array if array.dtype.kind in "biu" else array.astype(np.float32))
    return found


def store(path: Path, values: list[Any]) -> None:
    """Write arrays to a file, in order."""
    plain = [x.astype(str) if x.dtype == object else x for x in map(np.asarray, values)]
    np.savez(path, *plain)


def arrays(path: Path) -> list[Any]:
    """The arrays of a file, in order."""
    with np.load(path, allow_pickle=False) as file:
        found = [file[f"arr_{number}"] for number in range(len(file.files))]
    return [x.astype(object) if x.dtype.kind == "U" else x for x in found]


def loss_of(model: Any, x: Any) -> tuple[str, Any]:
    """The loss of a training step and its target: the cross-entropy over classes.

    Of a block, which has none, the squared error to zero. The model does not run for it: what a
    first step needs would then have been loaded already.
    """
    import keras

    symbols = keras.tree.map_structure(
        lambda a: keras.KerasTensor(tuple(a.shape), keras.backend.standardize_dtype(a.dtype)), x
    )
    outputs = model.compute_output_spec(symbols)
    shape = tuple(getattr(outputs, "shape", ()))
    if len(shape) == 2:
        target = np.zeros(shape, np.float32)
        target[:, 0] = 1
        return "categorical_crossentropy", target
    return "mean_squared_error", keras.tree.map_structure(
        lambda x: np.zeros(tuple(x.shape), np.float32), outputs
    )


def stored(order: Order, folder: Path, freeze: bool, calibrate: bool) -> str:
    """Store the weights of a network, an input and what it returns for that in a folder.

    It runs on the backend of this process, operation by operation. With `freeze`, TensorFlow's
    graph of it is stored too; with `calibrate`, more inputs: the user's, or other random ones.

    Returns:
        A text that is equal where the graph and the weights are.
    """
    import keras

    # On the CPU: what others are held against must not depend on a GPU's own kinds of arithmetic.
    here = {"device": "cpu", "runtime": keras.backend.backend()}
    order = replace(order, case=replace(order.case, dtype="float32", **here))
    start(order)
    own = order.case.network.kind not in ("entry", "application")
    try:
        built = Built(order)
    except TargetError:
        if not own:
            raise
        # Who computes in another type than that of a network that cannot be changed rounds.
        built = Built(replace(order, case=replace(order.case, dtype="")))
    model = built.model
    if not own:
        vary(model)
    inputs = built.arranged([keras.ops.convert_to_tensor(x) for x in built.inputs])
    outputs = flat(model(inputs, training=False))
    weights = [np.asarray(keras.ops.convert_to_numpy(w.value)) for w in model.weights]
    parts = {WEIGHTS: weights, INPUTS: built.inputs, OUTPUTS: outputs}
    digest = sha256(paper_digest(built.graph).encode())
    for value in weights:
        digest.update(repr(value.shape).encode() + np.ascontiguousarray(value).tobytes())
    for name, values in parts.items():
        store(folder / name, values)
    if calibrate:
        store(folder / CALIBRATION, built.more_inputs(SAMPLES))
    if freeze:
        from cnnbench.runtimes import tensorflow
        from cnnbench.runtimes._exported import FROZEN

        tensorflow.freeze(built, folder / FROZEN)
    return digest.hexdigest()[:16]
