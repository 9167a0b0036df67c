"""Where the time goes: the layers of cases that were profiled, and of two blocks side by side."""

from __future__ import annotations

from cnnbench.machine.profiling import of_run
from cnnbench.reporting import profiles
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.data import Data

ORDER = 55
MOST_FIGURES = 6


def add(document: Document, data: Data) -> None:
    """Blocks that are compared layer by layer, then each profile, folded, with its figure."""
    found, problems = of_run(data.run) if data.run.plan.profile else ((), ())
    if not found:
        return
    document.section("Where does the time go?")
    by_case = {profile.result.case.id: profile for profile in found}
    for comparison in data.run.plan.comparisons:
        for channels, *pair in comparison.pairs:
            base, new = map(by_case.get, pair)
            if base and new and channels in (comparison.show or [channels]):
                profiles.compared(document, base, new)
    for number, profile in enumerate(found):
        with document.folded(f"{profile.result.name}: {profile.main_words}"):
            profiles.add(document, profile)
            document.table(profiles.by_type(profile))
            if number < MOST_FIGURES:
                suffix = f"-{number + 1}" if number else ""
                profiles.picture(document, profile, f"profile{suffix}.png")
    document.text(profiles.METHOD)
    document.bullets(problems)
