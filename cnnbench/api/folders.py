"""The folders of runs: where a new one goes, which one is continued, and whether it may be."""

from __future__ import annotations

import platform
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnbench.errors import StoreError

if TYPE_CHECKING:
    from cnnbench.store import Run

REPORTS = Path("reports")


def chosen(suite: str, out: Path | str | None, resume: bool) -> Path:
    """Where a run goes: `out` if given, the newest of the suite to continue, or a new one.

    Raises:
        StoreError: there is none to continue.
    """
    if out:
        return Path(out)
    return _latest(suite) if resume else _new(suite)


def _new(suite: str) -> Path:
    return REPORTS / f"{suite}-{time.strftime('%Y%m%d-%H%M%S')}"


def _latest(suite: str) -> Path:
    from cnnbench.store import FILE

    ours = re.compile(re.escape(suite) + r"-\d{8}-\d{6}")
    runs = (path.parent for path in REPORTS.glob(f"*/{FILE}"))
    found = sorted(folder for folder in runs if ours.fullmatch(folder.name))
    if not found:
        raise StoreError(
            f"no run of {suite} under {REPORTS}/ to continue; name its folder with --out"
        )
    return found[-1]


def same_run(earlier: Run, suite: str, described: dict[str, Any]) -> None:
    """Refuse to mix samples that cannot be compared into one run."""
    if earlier.plan.suite != suite:
        raise StoreError(
            f"{earlier.folder} holds a run of {earlier.plan.suite}, not of {suite}; "
            "name the suite that it was started with"
        )
    for measurement in earlier.measurements[:1]:
        before = measurement.environment
        now = {"host": platform.node(), **described["versions"]}
        then = {"host": before.get("host"), **before.get("versions", {})}
        for key, value in now.items():
            if then.get(key) != value:
                raise StoreError(
                    f"{earlier.folder} was measured with {key} {then.get(key)}, this is {value}; "
                    "start a new run instead of continuing it"
                )
