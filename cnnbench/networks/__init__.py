"""NETWORK: whatever a user can name, as something to trace, to build and to store.

A catalogue entry, a model of `keras.applications`, a `.keras` or `.h5` file, a SavedModel, a
function `package.module:function` that returns a Keras model, or such a model itself. The first
three need no framework, if all their layers have a rule.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from cnnbench import blocks, paths, units
from cnnbench.errors import CnnbenchError, ShapeError, TargetError, UnknownNameError, unknown
from cnnbench.graph import DTYPES, PRECISIONS, Graph, check_dtype, in_precision
from cnnbench.networks.applications import SIZES, SMALLEST
from cnnbench.networks.inputs import own_shapes
from cnnbench.rule import Shape

Kind = Literal["entry", "application", "file", "function", "model"]
FILES = (".keras", ".h5", ".hdf5", ".json")
"""The suffixes of the files that Keras saves a model in; the last, without its weights."""

OTHER_FILES = (".ckpt", ".mlmodel", ".onnx", ".pb", ".pt", ".pth", ".tflite")
"""The suffixes of models that are not read."""

CHANNELS = (1, 3, 4)
"""How many channels images have, by which sizes in the order of PyTorch are recognised."""

WIDEST = 4
"""Times its height that an image is wide, at most, in that."""


@dataclass(frozen=True, slots=True)
class Network:
    """A network as a user names it.

    Args:
        target: the name of a catalogue entry or of a model of `keras.applications`, a file, the
            folder of a SavedModel, or `package.module:function`.
        params: its parameters, where the defaults do not do.
        source: the file that holds it, where that is not the target: of a model that came from
            Python.
        given: whether it is a Keras model that somebody made; the target is then its name.
        unsafe: whether code in its file may be run.
        imports: modules that register layers which its file names.
        keras_because: what only Keras can read in its configuration, if it was tried.
    """

    target: str
    params: dict[str, Any] = field(default_factory=dict)
    source: str = ""
    given: bool = False
    unsafe: bool = False
    imports: tuple[str, ...] = ()
    keras_because: list[str] = field(default_factory=list, repr=False, compare=False)
    _model: list[Any] = field(default_factory=list, repr=False, compare=False)
    _ahead: dict[str, Graph] = field(default_factory=dict, repr=False, compare=False)

    @property
    def kind(self) -> Kind:
        """What the target is.

        Raises:
            UnknownNameError: nothing that we know.
        """
        if self.source:
            return "file"
        if self.given:
            return "model"
        if _application(self.target) in SIZES:
            return "application"
        if Path(self.target).suffix in FILES:
            return "file"  # before the catalogue, which takes a while to read
        if self.target in blocks.catalogue() or blocks.is_probe(self.target):
            return "entry"
        # Not `Path.is_dir`, which raises on a name that is too long.
        if os.path.isdir(self.target):
            return "file"
        if ":" in self.target:
            return "function"
        raise _unknown(self.target)

    @property
    def title(self) -> str:
        """The target with its parameters; of a catalogue entry also those left at a default."""
        if self.kind == "entry":
            return blocks.get(self.target).signature(**self.params)
        name = self.target
        if self.kind == "application":
            name = f"keras.applications.{_application(name)}"
        given = ", ".join(f"{key}={value!r}" for key, value in self.params.items())
        return f"{name}({given})" if given else name

    def check(self) -> None:
        """Refuse parameters that the target does not take, as far as that shows by their names.

        Raises:
            UnknownNameError: no such target, or a parameter that a catalogue entry does not have.
            CnnbenchError: parameters of what takes none.
        """
        kind = self.kind
        if kind == "entry":
            blocks.get(self.target).check(self.params)
        elif kind in ("file", "model") and self.params:
            raise CnnbenchError(f"{self.target} takes no parameters; got {', '.join(self.params)}")

    def trace(
        self, inputs: Sequence[Shape] | None, batch_size: int = 1, dtype: str | None = None
    ) -> Graph:
        """Its graph.

        Args:
            inputs: the size of one sample for each input; its own if None.
            batch_size: samples per forward pass.
            dtype: one of `graph.PRECISIONS`; its own if None.

        Raises:
            CnnbenchError: it cannot be opened.
            ShapeError: a layer cannot take its input, or there is no such type.
        """
        if dtype is not None and dtype not in DTYPES:
            check_dtype(dtype, PRECISIONS)
            return in_precision(self.trace(inputs, batch_size, "float32"), dtype)
        if self.kind == "entry":
            entry = blocks.get(self.target)
            entry.check(self.params)  # before they could be taken for arguments of `trace` itself
            # A probe takes whatever its layers take, of other ranks too.
            if entry.kind != "probe" or not inputs:
                inputs = fitting(self.target, [entry.input_shape], inputs)
            (size,) = inputs
            known = "float32" if dtype is None else dtype
            return entry.trace(size, batch_size=batch_size, dtype=known, **self.params)
        if not self._model:
            ahead = self._ahead.pop(repr((inputs, batch_size, dtype)), None)
            graph = ahead or self._configured(inputs, batch_size, dtype)
            if graph is not None:
                return graph
        from cnnbench.networks.reader import read

        model = self.keras(inputs)
        return read(model, _own(self.title, own_shapes(model), inputs), batch_size, dtype)

    def on_paper(
        self, inputs: Sequence[Shape] | None, batch_size: int = 1, dtype: str | None = None
    ) -> Graph | None:
        """Its graph as from `trace`, where that needs no framework; else None."""
        if self.kind == "entry":
            return self.trace(inputs, batch_size, dtype)
        return self._configured(inputs, batch_size, dtype)

    def _configured(
        self, inputs: Sequence[Shape] | None, batch_size: int = 1, dtype: str | None = None
    ) -> Graph | None:
        """Its graph from its configuration alone, if that can be had without Keras."""
        from cnnbench.networks import configuration, stored

        try:
            if self.unsafe:
                return None
            if self.kind == "file" and not os.path.isdir(self.source or self.target):
                spec = stored.configuration(Path(self.source or self.target))
            elif self.kind == "application":
                top = self.params.get("include_top", True)
                if {*self.params} - {"include_top"} or not isinstance(top, bool):
                    return None
                if any(len(x) != 3 or min(x[:2]) < SMALLEST or x[2] != 3 for x in inputs or ()):
                    return None  # perhaps it is refused
                spec = stored.application(_application(self.target), top)
            else:
                return None
            own = configuration.own_inputs(spec)
            return configuration.read(spec, _own(self.title, own, inputs), batch_size, dtype)
        except configuration.NeedsKerasError as error:
            self.keras_because.append(str(error))
            return None

    def as_run(
        self, inputs: Sequence[Shape] | None, batch_size: int = 1, dtype: str | None = None
    ) -> Graph:
        """Its graph as a runtime runs it: what can be counted only is refused.

        The arguments are those of `trace`.

        Raises:
            CnnbenchError: what `trace` raises, or it cannot be had in that type.
            ShapeError: Keras does not run it at these sizes.
        """
        if self.kind == "entry":
            return self.trace(inputs, batch_size, dtype)
        if dtype is not None:
            check_dtype(dtype, PRECISIONS)  # before anything is opened
        model = self.keras(inputs, dtype)
        # Each layer in its own type, which is not that of the first model where it was changed.
        graph = replace(self, _model=[model]).trace(inputs, batch_size)
        if self.kind != "application":  # which was built for these sizes
            _check_runs(self.title, model, graph.sample_shapes())
        return graph

    def keras(self, inputs: Sequence[Shape] | None = None, dtype: str | None = None) -> Any:
        """The Keras model, without values for its weights where it can be had so.

        It is built once, at first for `inputs`: some models of `keras.applications` pad by it.

        Raises:
            TargetError: it cannot be had in `dtype`, where one is given.
        """
        from cnnbench.networks import load, policies

        if not self._model:
            self._model.append(load.opened(self, inputs, dtype))
        known = (m for m in self._model if not dtype or policies.computes_in(m, dtype))
        if (model := next(known, None)) is None:
            model = load.of_type(self.title, self._model[0], dtype)
            self._model.append(model)
        return model

    def file_digest(self) -> str:
        """A short text that is equal for equal bytes of the file that holds it; empty without one.

        Of a SavedModel without its weights.
        """
        if self.kind != "file":
            return ""
        import hashlib  # here: the catalogue needs no file

        from cnnbench.networks import stored

        path, most = Path(self.source or self.target), sys.maxsize
        if path.is_dir():
            path, most = path / "saved_model.pb", stored.LARGEST_GRAPH
        try:
            paths.check_file(path, most, TargetError, "")
            with open(path, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()[:16]
        except (OSError, TargetError):
            return ""  # whoever opens it says what is wrong

    def in_keras(self, graph: Graph) -> tuple[Graph, Any]:
        """A graph of it with the names that Keras has, and the Keras model."""
        if self.kind != "entry":
            return graph, self.keras(graph.sample_shapes())
        model = self.keras([graph.nodes[0].rule.shape[1:]])
        return replace(graph, nodes=[replace(node, scope=()) for node in graph.nodes]), model


def resolve(
    target: Any,
    inputs: Sequence[Shape] | None = None,
    include_top: bool = True,
    params: dict[str, Any] | None = None,
    unsafe: bool = False,
    imports: Sequence[str] = (),
) -> Network:
    """What a user means, opened if it is not in the catalogue.

    Args:
        target: a name, a file, `package.module:function`, a Keras model, or a `Network`.
        inputs: the sizes that it will be traced at first.
        include_top: with the classifier, of a model of `keras.applications`.
        params: of a catalogue entry, of a model of `keras.applications`, or of a function.
        unsafe: whether code in a file may be run.
        imports: modules that register layers which a file names.

    Raises:
        UnknownNameError: nothing of that name.
        CnnbenchError: a file or a function that gives no model; parameters that nothing takes.
    """
    if isinstance(target, Network):
        return target
    for module in imports:
        from cnnbench.networks import load

        load.imported(module)
    network = replace(named(target, include_top, params, imports), unsafe=unsafe)
    network.check()
    if network.kind != "entry":
        with suppress(_OpenInputError):  # a size is asked for when it is traced
            graph = network._configured(inputs)
            if graph is None:
                network.keras(inputs)
            else:
                network._ahead[repr((inputs, 1, None))] = graph  # until it is traced
    return network


def named(
    target: Any,
    include_top: bool = True,
    params: dict[str, Any] | None = None,
    imports: Sequence[str] = (),
) -> Network:
    """What a user means, not opened yet; the arguments are those of `resolve`.

    Raises:
        UnknownNameError: nothing of that name.
        TargetError: it is neither a name nor a Keras model.
        CnnbenchError: the option of another kind of target.
    """
    if isinstance(target, Network):
        return target
    params, imports = dict(params or {}), (imports,) if isinstance(imports, str) else tuple(imports)
    if not isinstance(target, (str, Path)):
        from cnnbench.networks import load

        model = load.checked_model(target)
        name = getattr(target, "name", type(target).__name__)
        network = Network(name, params, given=True, imports=imports, _model=[model])
    else:
        network = Network(str(target), params, imports=imports)
        if blocks.is_probe(network.target):  # which measures a machine, and is not to be shown
            raise _unknown(network.target)
    if not include_top:
        if network.kind != "application":
            raise CnnbenchError(
                f"--no-include-top is for models of keras.applications; got it with {target}"
            )
        params["include_top"] = False
    return network


def names() -> list[str]:
    """The names of all networks that need no file: of the catalogue and of keras.applications."""
    return [*blocks.catalogue(), *SIZES]


def _unknown(target: str) -> CnnbenchError:
    suffix = Path(target).suffix
    if suffix in OTHER_FILES:
        return TargetError(
            f"{target}: {suffix} files are not read; give the Keras model that it was made from: "
            f"a file ({', '.join(FILES)}), the folder of a SavedModel, or package.module:name"
        )
    see = "see cnnbench list; a file ends in .keras or .h5, a function looks like"
    return unknown("target", target, names(), f"{see} package.module:name")


def short(network: Network) -> str:
    """What reports call a network that nobody gave a name: without folders and suffixes."""
    if network.kind == "function":
        name = network.target.partition(":")[2]
    else:
        path = Path(network.target)
        name = path.stem or str(path) if network.kind == "file" else network.target
    given = ", ".join(f"{key}={value}" for key, value in network.params.items())
    return f"{name}({given})" if given else name


def saved(network: Network, label: str, folder: Path) -> Network:
    """A Keras model that somebody made, as a file that other processes can open.

    Raises:
        TargetError: it cannot be saved, or not opened again without the code that made it.
    """
    from cnnbench.networks import load

    path = folder / f"{re.sub(r'[^A-Za-z0-9_.-]+', '_', label)}.keras"
    load.save(network.keras(), path, network.imports)
    return Network(label, source=str(path), imports=network.imports)


def is_known(target: str) -> bool:
    """Whether a text names a network."""
    try:
        return bool(Network(target).kind)
    except UnknownNameError:
        return False


def _application(target: str) -> str:
    return target.removeprefix("keras.applications.")


class _OpenInputError(ShapeError):
    """A network does not say the size of its input."""


def _own(
    title: str, own: Sequence[tuple[int | None, ...]], given: Sequence[Shape] | None
) -> Sequence[Any]:
    """The sizes to trace a Keras model at: those given, else its own."""
    if given:
        return fitting(title, own, given) if own else given
    if not own or any(None in shape for shape in own):
        raise _OpenInputError(
            f"{title} leaves its input open ({_sizes(own) or 'not built'}); "
            "give its size, as --input 224x224x3"
        )
    return own


def fitting(
    title: str, own: Sequence[tuple[int | None, ...]], given: Sequence[Shape] | None
) -> Sequence[Any]:
    """The given sizes, where they are as many as the inputs, and of as many axes.

    Raises:
        ShapeError: they are not, or their channels stand first.
    """
    if not given:
        return own
    if len(own) != len(given):
        count = "one input" if len(own) == 1 else f"{len(own)} inputs"
        raise ShapeError(f"{title} has {count} ({_sizes(own)}); got {_sizes(given)}")
    if [len(shape) for shape in own] != [len(shape) for shape in given]:
        raise ShapeError(f"{title} takes an input like {_sizes(own)}; got {_sizes(given)}")
    for mine, shape in zip(own, given, strict=True):
        if len(shape) == 3 and _channels_first(mine, shape):
            right = (*shape[1:], shape[0])
            raise ShapeError(
                f"{title} takes height x width x channels, like {_sizes([mine])}; got "
                f"{units.shape(shape)}: did you mean {units.shape(right)}?"
            )
    return given


def _channels_first(own: tuple[int | None, ...], given: Shape) -> bool:
    """Whether sizes are those of an image with its channels first, and the network's are not."""
    first, height, width = given
    if first not in CHANNELS or min(height, width) <= max(CHANNELS):
        return False
    if max(height, width) > WIDEST * min(height, width):
        return False  # few rows of many channels
    return own[0] != first and (own[-1] in (first, None) or height == width)


def _check_runs(title: str, model: Any, inputs: Sequence[Shape]) -> None:
    """Refuse sizes that Keras would refuse when it calls the model."""
    specs = getattr(model, "input_spec", None) or ()
    for spec, shape in zip(specs if isinstance(specs, list) else [specs], inputs, strict=False):
        own = spec.shape[1:] if getattr(spec, "shape", None) else shape
        if any(size not in (None, n) for size, n in zip(own, shape, strict=False)):
            raise ShapeError(
                f"{title} is made for {_sizes([own])}, and Keras runs it at no other size; "
                f"got {units.shape(shape)}"
            )


def _sizes(shapes: Iterable[Sequence[int | None]]) -> str:
    return ", ".join("x".join("?" if n is None else str(n) for n in x) for x in shapes)
