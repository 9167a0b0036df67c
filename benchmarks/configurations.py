"""Write the configurations of keras.applications into the package, for `analyze` without Keras.

    python benchmarks/configurations.py

A test holds them against the Keras that is installed.
"""

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cnnbench
from cnnbench import networks
from cnnbench.networks.applications import SIZES
from cnnbench.networks.stored import APPLICATIONS

UNUSED = ("initializer", "regularizer", "constraint")
"""What the names of arguments contain that change no count."""


class _Padding(tuple[tuple[int, int], ...]):
    """What `correct_pad` of Keras returns, and for which kernel."""

    kernel: Any


@contextmanager
def marked() -> Iterator[None]:
    """Let each layer that pads by the size of its input know before which kernel."""
    from keras.layers import ZeroPadding2D
    from keras.src.applications import imagenet_utils

    pads, begins = imagenet_utils.correct_pad, ZeroPadding2D.__init__

    def correct_pad(inputs: Any, kernel_size: Any) -> _Padding:
        padding = _Padding(pads(inputs, kernel_size))
        (padding.kernel,) = {*kernel_size} if isinstance(kernel_size, tuple) else {kernel_size}
        return padding

    def begin(self: Any, padding: Any = 1, **options: Any) -> None:
        begins(self, padding, **options)
        self.before_kernel = getattr(padding, "kernel", None)

    with (
        patch.object(imagenet_utils, "correct_pad", correct_pad),
        patch.object(ZeroPadding2D, "__init__", begin),
    ):
        yield


def configuration(name: str) -> dict[str, Any]:
    """The configuration of a model for any size, with its classifier and without it."""
    with marked():
        model, found = of_keras(name)
    layers = by_name(found)
    for layer in model.layers:
        if kernel := getattr(layer, "before_kernel", None):
            layers[layer.name]["config"]["padding"] = {"before_kernel": kernel}
    _, bare = of_keras(name, include_top=False)
    found["without_top"] = {
        "layers": [layer for key, layer in by_name(bare).items() if key not in layers],
        "output_layers": bare["config"]["output_layers"],
    }
    return found


def of_keras(name: str, include_top: bool = True) -> tuple[Any, dict[str, Any]]:
    """A model, and its configuration as Keras writes it, without what changes no count."""
    import keras

    keras.utils.clear_session()
    model = networks.named(name, include_top).keras()
    return model, stripped(json.loads(model.to_json()))


def by_name(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The layers of a configuration."""
    return {layer["name"]: layer for layer in spec["config"]["layers"]}


def stripped(value: Any) -> Any:
    """A configuration without build configurations, initialisers and the like."""
    if isinstance(value, list):
        return [stripped(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {k: v for k, v in value.items() if not any(word in k for word in UNUSED)}
    kept.pop("build_config", None)
    return {k: stripped(v) for k, v in kept.items()}


def main() -> None:
    path = Path(cnnbench.__file__).parent / "networks" / APPLICATIONS
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in SIZES:
            entry = zipfile.ZipInfo(f"{name}.json")  # of a fixed date
            entry.compress_type = zipfile.ZIP_DEFLATED
            text = json.dumps(configuration(name), separators=(",", ":"))
            archive.writestr(entry, text, compresslevel=9)


if __name__ == "__main__":
    main()
