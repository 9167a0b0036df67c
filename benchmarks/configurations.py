"""Write the configurations of keras.applications into the package, for `analyze` without Keras.

    python benchmarks/configurations.py

A test holds them against the Keras that is installed.
"""

import json
import zipfile
from pathlib import Path
from typing import Any

import cnnbench
from cnnbench import networks
from cnnbench.networks.applications import SIZES
from cnnbench.networks.stored import APPLICATIONS

UNUSED = ("initializer", "regularizer", "constraint")
"""What the names of arguments contain that change no count."""


def configuration(name: str) -> dict[str, Any]:
    """The configuration of a model, as Keras writes it, without what changes no count."""
    import keras

    keras.utils.clear_session()
    found: dict[str, Any] = json.loads(networks.named(name).keras().to_json())
    return stripped(found)


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
