"""Configurations of Keras models that are stored: in a file, or in the package."""

from __future__ import annotations

import json
import zipfile
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from cnnbench import units
from cnnbench.errors import TargetError
from cnnbench.networks.symbolic import reason

LARGEST = 2**26
"""Bytes of a configuration that is still read; that of a model of 1,000 layers is 2**20."""

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
        found = json.loads(_text(path))
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


def _text(path: Path) -> bytes | str:
    if path.suffix == ".json":
        _refuse_more(path, path.stat().st_size)
        return path.read_bytes()
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            _refuse_more(path, archive.getinfo("config.json").file_size)
            return archive.read("config.json")
    import h5py  # here: the other formats do without

    with h5py.File(path, "r") as file:
        if "model_config" not in file.attrs:
            raise TargetError(f"{path} holds weights without their model; save it with model.save")
        text = file.attrs["model_config"]
        _refuse_more(path, len(text))
        return bytes(text) if isinstance(text, bytes) else str(text)


def _refuse_more(path: Path, size: int) -> None:
    if size > LARGEST:
        raise TargetError(f"{path}: its configuration is of {units.binary(size)}")


@cache
def application(name: str, include_top: bool = True) -> dict[str, Any]:
    """The configuration of a model of keras.applications."""
    with (files(__package__) / APPLICATIONS).open("rb") as file, zipfile.ZipFile(file) as archive:
        found: dict[str, Any] = json.loads(archive.read(f"{name}.json"))
    if not include_top:
        found["config"]["layers"] += found["without_top"]["layers"]
        found["config"]["output_layers"] = found["without_top"]["output_layers"]
    return found
