"""What somebody asks to measure, by names, files and models, as a suite."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cnnbench import networks, paths
from cnnbench.cases import suites
from cnnbench.cases.suites import Suite
from cnnbench.errors import CnnbenchError, unknown
from cnnbench.networks import Network


@contextmanager
def suite(
    targets: Sequence[Any], params: dict[str, Any], imports: Sequence[str], grid: dict[str, Any]
) -> Iterator[Suite]:
    """What is asked for as a suite; Keras models are in files as long as this lasts."""
    name = targets[0] if targets else "tutorial"
    if len(targets) < 2 and isinstance(name, (str, Path)) and is_suite(str(name)):
        usual = {"inputs": None, "batches": [1], "modes": [], "dtypes": [], "data": ""}
        given = [key for key, value in grid.items() if value != usual[key]]
        given += ["imports"] * bool(imports)
        if given or params:
            raise CnnbenchError(
                f"{name} is a suite, which has its own sizes, batches, modes and parameters; "
                f"got {', '.join([*given, *params])} beside it"
            )
        yield suites.load(str(name))
        return
    with paths.temporary_folder("cnnbench-models-") as models:
        yield suites.of_networks(_labelled(targets, params, imports, Path(models)), **grid)


def is_suite(name: str) -> bool:
    """Whether a text names a suite; what names a network too is refused."""
    if name.endswith(".toml"):
        return True
    if name not in suites.names():
        return False
    if networks.is_known(name) and (
        not Path(name).is_dir() or Path(name, "saved_model.pb").exists()
    ):
        raise CnnbenchError(
            f"{name} is both a suite and a network here; write ./{name} for the network, or run "
            "the suite from another folder"
        )
    return True


def _labelled(
    targets: Sequence[Any], params: dict[str, Any], imports: Sequence[str], models: Path
) -> dict[str, Network]:
    """The networks by their labels, in the order in which they were named."""
    asked: list[tuple[str, Any]] = []
    for target in targets:
        if isinstance(target, Mapping):
            asked += [(str(label), value) for label, value in target.items()]
        else:
            asked.append(("", target))
    known: dict[str, Network] = {}
    for label, target in asked:
        if str(target) in suites.names():
            raise CnnbenchError(f"{target} is a suite; run it by itself, or name networks only")
        network = networks.named(target, params=params, imports=imports)
        try:
            network.check()
        except CnnbenchError as error:
            if isinstance(target, str) and not networks.is_known(target):
                see = "see cnnbench list; a suite file ends in .toml"
                every = (*suites.names(), *networks.names())
                raise unknown("network or suite", target, every, see) from None
            raise error
        label = label or networks.short(network)
        if label in known:
            raise CnnbenchError(f"two networks are called {label}; give them names of their own")
        known[label] = networks.saved(network, label, models) if network.given else network
    return known
