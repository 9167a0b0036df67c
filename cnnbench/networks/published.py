"""What Keras publishes of the models of `keras.applications`: how accurate their weights are."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Published:
    """The accuracy that Keras publishes of one model.

    Args:
        input_size: the side of the images that it holds for.
        top1_percent: of the images of ImageNet's validation set whose first guess is right.
        source: where it stands.
    """

    input_size: int
    top1_percent: float
    source: str


@cache
def published() -> dict[str, Published]:
    """By the name of the model."""
    path = files("cnnbench.networks") / "data" / "keras_applications.csv"
    rows = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    return {
        row["model"]: Published(int(row["input_size"]), float(row["top1_percent"]), row["source"])
        for row in rows
    }
