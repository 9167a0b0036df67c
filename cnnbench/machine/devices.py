"""The ceilings of known devices, from `data/devices.toml`."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from cnnbench.errors import unknown
from cnnbench.host.ceiling import Ceiling


@cache
def known() -> dict[str, dict[str, Ceiling]]:
    """A ceiling for each kind of arithmetic of each known device, the slowest first."""
    text = (files("cnnbench.machine") / "data" / "devices.toml").read_text(encoding="utf-8")
    return {
        device: {
            kind: Ceiling(
                name=f"{row['name']}, {kind}",
                device="gpu",
                dtype="float16" if kind.startswith("FP16") else "float32",
                flops_per_s=peak * 1e12,
                bytes_per_s=row["gigabytes_per_s"] * 1e9,
                cache_bytes=row["cache_bytes"],
                source=row["source"],
            )
            for kind, peak in row["peaks"].items()
        }
        for device, row in tomllib.loads(text).items()
    }


def get(name: str) -> dict[str, Ceiling]:
    """The ceilings of a device by its name, in any case."""
    names = {device.lower(): device for device in known()}
    if name.lower() not in names:
        raise unknown("device", name, known())
    return known()[names[name.lower()]]
