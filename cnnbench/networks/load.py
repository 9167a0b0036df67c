"""Keras models from a name, a file or a function, without allocating their weights.

Inside `keras.StatelessScope` Keras makes variables without values, so a model of any size
can be looked at on any machine.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from copy import deepcopy
from pathlib import Path
from typing import Any

from cnnbench import blocks, paths
from cnnbench.errors import CnnbenchError, TargetError, no_framework
from cnnbench.networks import Network, applications, fitting, policies, stored
from cnnbench.networks.symbolic import reason
from cnnbench.rule import Shape


def opened(
    network: Network, inputs: Sequence[Shape] | None, dtype: str | None = None, values: bool = False
) -> Any:
    """The Keras model of a network.

    Args:
        network: what to build.
        inputs: the size of one sample for each input; the network's own if None.
        dtype: that it must compute in; its own if None or empty.
        values: whether its weights have values, those of its file or random ones; without them
            nothing is allocated.

    Raises:
        CnnbenchError: there is no such model, or it cannot be had, or not in that type.
    """
    keras = _keras()
    for module in network.imports:
        imported(module)
    if dtype and network.kind in ("entry", "application"):
        keras.config.set_dtype_policy(dtype)
    model = _made(network, inputs, values)
    if dtype and network.kind == "function" and not policies.computes_in(model, dtype):
        keras.config.set_dtype_policy(dtype)
        model = _made(network, inputs, values)
    return of_type(network.title, model, dtype)


def of_type(title: str, model: Any, dtype: str | None) -> Any:
    """A model that computes in a type: this one, or one made from its configuration and weights.

    Raises:
        TargetError: it cannot be made so.
    """
    if not dtype or policies.computes_in(model, dtype):
        return model
    try:
        return _recast(model, dtype)
    except Exception as error:  # whatever Keras or the user's layers find wrong
        raise TargetError(
            f"{title} computes in {policies.own(model).name} and cannot be changed to {dtype}: "
            f"{reason(error)}; without --dtype it runs as it is"
        ) from None


def _recast(model: Any, dtype: str) -> Any:
    keras = _keras()
    config = policies.changed(model, dtype)
    classes = {type(layer).__name__: type(layer) for layer in model._flatten_layers()}
    with policies.usual(dtype), keras.saving.custom_object_scope(classes):
        values = all(weight._value is not None for weight in model.weights)
        made = _configured(config, values, safe_mode=False)  # what the first holds was accepted
        if values:
            made.set_weights(model.get_weights())
    if not policies.computes_in(made, dtype):
        raise ValueError("its layers choose it themselves")
    return made


def _made(network: Network, inputs: Sequence[Shape] | None, values: bool) -> Any:
    match network.kind:
        case "file":
            return file(Path(network.source or network.target), values, network.unsafe)
        case "function":
            return function(network.target, network.params, values)
        case "application":
            with nullcontext() if values else no_values():
                return _application(network, inputs)
    _keras().utils.clear_session(free_memory=False)  # so that its layers are named as in our graph
    with nullcontext() if values else no_values():
        return entry(network, inputs)


def _application(network: Network, inputs: Sequence[Shape] | None) -> Any:
    name = network.target.removeprefix("keras.applications.")
    side = applications.SIZES[name]
    (shape,) = fitting(f"keras.applications.{name}", [(side, side, 3)], inputs)
    return applications.build(name, shape, network.params)


def entry(network: Network, inputs: Sequence[Shape] | None, batch_size: int | None = None) -> Any:
    """A catalogue entry as a Keras model."""
    keras, block = _keras(), blocks.get(network.target)
    x = keras.Input(inputs[0] if inputs else block.input_shape, batch_size=batch_size)
    return keras.Model(x, block.function(x, **network.params), name=block.name)


def checked_model(given: Any) -> Any:
    """The Keras model that it is.

    Raises:
        TargetError: it is something else.
    """
    if not isinstance(given, _keras().Model):
        raise TargetError(
            "a target is a name, a file, package.module:function or a Keras model; got one of type "
            f"{type(given).__name__}"
        )
    return given


def file(path: Path, values: bool = False, unsafe: bool = False) -> Any:
    """The model that a file or a SavedModel folder holds.

    Unless `unsafe`, a file is opened in safe mode: nothing in it is executed. Without `values`
    only the configuration of a `.keras` file is read. A SavedModel is a program, and TensorFlow
    runs its initialisers: open those that you trust.

    Raises:
        TargetError: there is no such file, Keras cannot read it, or it is unsafe.
    """
    if not os.path.exists(path):  # not `Path.exists`, which raises on a name that is too long
        raise TargetError(f"there is no file {path}")
    if path.is_dir() and not (path / "saved_model.pb").exists():
        raise TargetError(f"{path} is a folder without a saved_model.pb, so not a SavedModel")
    config = stored.configuration(path) if path.suffix in (".keras", ".json") else None
    keras = _keras()
    try:
        if path.is_dir():
            return _saved_model(path)
        if config is None or (values and path.suffix != ".json"):
            with nullcontext() if values else no_values():
                model = keras.saving.load_model(path, compile=False, safe_mode=not unsafe)
        else:
            model = _configured(config, values, safe_mode=not unsafe)
    except CnnbenchError:
        raise
    except Exception as error:  # whatever Keras finds wrong with it
        refused = "safe_mode=False" in str(error)
        why = "it would run code or open a file" if refused else reason(error)
        known = "Could not locate class" not in str(error)
        do = "save it again or" if known else "name the module that registers it with --import, or"
        raise TargetError(
            f"{path}: Keras {keras.__version__} cannot read it: {why}; {do} "
            "give a function that makes the model, as package.module:name"
        ) from None
    if not isinstance(model, keras.Model):
        raise TargetError(f"{path} holds a {type(model).__name__}, not a Keras model")
    return model


def _configured(config: Any, values: bool, safe_mode: bool) -> Any:
    """The model of a configuration, without values if asked for and where Keras can make it so."""
    keras = _keras()
    try:
        with nullcontext() if values else no_values():
            return keras.saving.deserialize_keras_object(deepcopy(config), safe_mode=safe_mode)
    except ValueError as error:
        if "stateless scope" not in str(error):  # as of a recurrent layer that keeps its state
            raise
    return keras.saving.deserialize_keras_object(config, safe_mode=safe_mode)


def function(target: str, params: dict[str, Any], values: bool = False) -> Any:
    """What `package.module:function` returns when it is called; a model may stand there too.

    What the module prints goes to the standard error, so that the answer stands alone.

    Raises:
        TargetError: no such module or attribute, or not a Keras model; the function failed.
    """
    keras = _keras()
    module_name, attribute = _split(target)
    with _of_the_user(target), nullcontext() if values else no_values():
        found = _attribute(module_name, attribute)
    if not isinstance(found, keras.Model):
        if not callable(found):
            raise TargetError(
                f"{target} is of type {type(found).__name__}, not a function or a model"
            )
        return _called(target, found, params, values)
    if params:
        raise TargetError(f"{target} is a model and takes no parameters; got {', '.join(params)}")
    return found


def save(model: Any, path: Path, imports: Sequence[str] = ()) -> None:
    """Write a Keras model with its weights; `imports` are the modules that register its layers.

    Raises:
        TargetError: Keras cannot save it, or could not open it again elsewhere.
    """
    own = sorted(
        {
            type(layer).__name__
            for layer in model._flatten_layers()
            if type(layer).__module__.split(".")[0] != "keras"
        }
    )
    try:
        model.save(path)
    except Exception as error:  # whatever Keras or the user's layers find wrong
        why = f"{reason(error)}; {_BY_NAME}"
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            why = paths.no_room(error)
        raise TargetError(f"{model.name} cannot be saved: {why}") from None
    if own and not imports:
        raise TargetError(
            f"{model.name} has classes of your own ({', '.join(own)}), which another process does "
            f"not know; name the module that registers them as an import, or {_BY_NAME}"
        )


_BY_NAME = "give a function that makes it, as package.module:name"


def called(target: str, *args: Any) -> Any:
    """What `package.module:function` returns for some arguments.

    Raises:
        TargetError: there is no such function, or it failed.
    """
    module_name, attribute = _split(target)
    with _of_the_user(target):
        return _attribute(module_name, attribute)(*args)


def imported(module: str) -> None:
    """Import a module of the user's, which registers the layers that a file names.

    Raises:
        TargetError: there is no such module, or it fails.
    """
    with _of_the_user(module):
        _module(module)


def _split(target: str) -> tuple[str, str]:
    module_name, _, attribute = target.partition(":")
    parts = (*module_name.split("."), *attribute.split("."))
    if module_name.endswith(".py") or not all(map(str.isidentifier, parts)):
        raise TargetError(
            f"a function must look like package.module:name, without .py; got {target!r}"
        )
    return module_name, attribute


def _attribute(module_name: str, attribute: str) -> Any:
    """What stands in a module of the user's, which `python -m` would find too."""
    found = _module(module_name)
    for part in attribute.split("."):
        found = getattr(found, part)
    return found


def _module(name: str) -> Any:
    if "" not in sys.path:
        sys.path.insert(0, "")
    return importlib.import_module(name)


def _called(target: str, function: Callable[..., Any], params: dict[str, Any], values: bool) -> Any:
    with _of_the_user(target):
        try:
            with nullcontext() if values else no_values():
                model = function(**params)
        except Exception:
            if values:
                raise
            model = function(**params)  # it may need the values, to load weights or to predict
    if not isinstance(model, _keras().Model):
        raise TargetError(
            f"{target} returned a value of type {type(model).__name__}, not a Keras model"
        )
    return model


@contextmanager
def _of_the_user(target: str) -> Iterator[None]:
    try:
        with redirect_stdout(sys.stderr):
            yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: a script that reads its own arguments
        missing = isinstance(error, ModuleNotFoundError)
        hint = "; is it in this folder or on PYTHONPATH?" if missing else ""
        raise TargetError(f"{target}: {reason(error)}{hint}") from None


def _saved_model(path: Path) -> Any:
    """A SavedModel, as the one layer as which Keras 3 can read it."""
    _check_files(path)
    keras = _keras()
    import tensorflow as tf

    signatures = tf.saved_model.load(str(path)).signatures
    if "serving_default" not in signatures:
        raise TargetError(f"{path} has no signature serving_default; it has {list(signatures)}")
    (_, inputs) = signatures["serving_default"].structured_input_signature
    symbols = {
        name: keras.Input(spec.shape[1:], dtype=spec.dtype.name, name=name)
        for name, spec in inputs.items()
    }
    if len(symbols) > 1:
        raise TargetError(f"{path} has {len(symbols)} inputs; Keras reads SavedModels with one")
    layer = keras.layers.TFSMLayer(str(path), call_endpoint="serving_default")
    (symbol,) = symbols.values()
    return keras.Model(symbol, layer(symbol), name=path.name)


def _check_files(path: Path) -> None:
    """Refuse a SavedModel that TensorFlow would read without an end.

    Raises:
        TargetError: one of its files is a pipe or a device, or its graph is too large.
    """
    graphs = [path / "saved_model.pb", path / "saved_model.pbtxt"]
    others = [path / "fingerprint.pb", *(path / "variables").glob("*")]
    for found in (x for x in (*graphs, *others) if os.path.exists(x)):
        # Weights may be of any size.
        most = stored.LARGEST_GRAPH if found in graphs else sys.maxsize
        paths.check_file(found, most, TargetError, "keep the weights out of the graph")


def _keras() -> Any:
    try:
        with _silent() if "keras" not in sys.modules else nullcontext():
            import keras
    except ImportError as error:
        raise no_framework(error) from None
    return keras


@contextmanager
def _silent() -> Iterator[None]:
    """Keep from the user what TensorFlow's C++ logs on import, whatever its log level.

    What it logs later it does by that level: of a GPU that cannot be used, which is none here.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextmanager
def no_values() -> Iterator[None]:
    """Keras makes variables without values, and does not make up for it later."""
    keras = _keras()
    from keras.src.backend.common import global_state  # no public name for the list below

    waiting = "uninitialized_variables"
    before = list(global_state.get_global_attribute(waiting, []))
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        global_state.set_global_attribute(waiting, before)
