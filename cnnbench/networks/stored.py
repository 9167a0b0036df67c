"""Configurations of Keras models that are stored: in a file, or in the package."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from cnnbench import paths, units
from cnnbench.errors import TargetError
from cnnbench.networks.symbolic import reason

LARGEST = 2**26
"""Bytes of a configuration that is still read; that of a model of 1,000 layers is 2**20."""

LARGEST_GRAPH = 2**30
"""Bytes of the graph of a SavedModel; the weights stand beside it."""

_ELSE = "give a function that makes the model, as package.module:name"

APPLICATIONS = "data/applications.zip"
"""The configurations of keras.applications, each at its own size with its classifier.

`without_top` is what differs without it. A padding that depends on the size of the input is written
as the size of the kernel that follows. `benchmarks/configurations.py` writes it from Keras.
"""


def configuration(path: Path) -> dict[str, Any]:
    """The configuration in a file that Keras saved, or in the text of `Model.to_json`.

    Raises:
        TargetError: there is no such file, or none in it.
    """
    try:
        found = paths.from_json(_text(path))
    except TargetError:
        raise
    except FileNotFoundError:
        raise TargetError(f"there is no file {path}") from None
    except Exception as error:  # whatever zipfile, h5py or json find wrong with it
        raise TargetError(
            f"{path} is not a model that Keras saved: {reason(error)}; write it with model.save"
        ) from None
    if not isinstance(found, dict):
        raise TargetError(f"{path} is not a model that Keras saved; write it with model.save")
    return found


def _text(path: Path) -> bytes:
    if path.suffix == ".json":
        return paths.read(path, LARGEST, TargetError, _ELSE)
    paths.check_file(path, sys.maxsize, TargetError, _ELSE)  # weights may be of any size
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            _refuse_more(path, archive.getinfo("config.json").file_size)
            return archive.read("config.json")
    return _h5_text(path)


H5_LIMIT_S = 30.0
"""Seconds that HDF5 may take: there are files with which it never comes to an end."""

_H5 = """
import sys
import h5py
path, most = sys.argv[1], int(sys.argv[2])
try:
    with h5py.File(path, "r") as file:
        if "model_config" not in file.attrs:
            sys.exit(3)
        text = file.attrs["model_config"]
        data = bytes(text) if isinstance(text, bytes) else str(text).encode()
except Exception as error:
    sys.exit(str(error))
sys.stdout.buffer.write(data[: most + 1])
"""


def _h5_text(path: Path) -> bytes:
    """The configuration in an HDF5 file, read by another process: the library is C.

    A damaged file can keep it busy for ever, where not even Ctrl-C ends it, or crash it.
    """
    # -P: what is called h5py.py in this folder is not imported.
    command = [sys.executable, "-P", "-c", _H5, str(path), str(LARGEST)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=H5_LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"HDF5 did not read it within {H5_LIMIT_S:.0f} s") from None
    if done.returncode == 3:
        raise TargetError(f"{path} holds weights without their model; save it with model.save")
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").splitlines()
        raise ValueError(said[-1] if said else "HDF5 crashed with it")
    _refuse_more(path, len(done.stdout))
    return done.stdout


def _refuse_more(path: Path, size: int) -> None:
    if size > LARGEST:
        raise TargetError(
            f"{path}: its configuration is of {units.binary(size)}, and at most "
            f"{units.binary(LARGEST)} are read; {_ELSE}"
        )


@cache
def application(name: str, include_top: bool = True) -> dict[str, Any]:
    """The configuration of a model of keras.applications."""
    with (files(__package__) / APPLICATIONS).open("rb") as file, zipfile.ZipFile(file) as archive:
        found: dict[str, Any] = json.loads(archive.read(f"{name}.json"))
    if not include_top:
        found["config"]["layers"] += found["without_top"]["layers"]
        found["config"]["output_layers"] = found["without_top"]["output_layers"]
    return found
