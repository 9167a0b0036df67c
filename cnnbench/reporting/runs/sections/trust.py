"""Trust: doubts about the times, and times that nothing could reach."""

from __future__ import annotations

from cnnbench import units
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.data import Data
from cnnbench.reporting.runs.notes import notes
from cnnbench.reporting.runs.sections.roofline import below_ceilings, flagged
from cnnbench.runs.result import timed

ORDER = 60


def add(document: Document, data: Data) -> None:
    """What is doubtful, one line each with what to do about it."""
    document.section("Can I trust it?")
    document.bullets(
        [
            *notes((r.name, time) for r, time in timed(data.results)),
            *(
                f"**Memory grows** in {r.name}: by {units.binary(r.leak_bytes)} per call, in every "
                "launch. To do: look for tensors that are kept from call to call."
                for r in data.results
                if r.leak_bytes
            ),
            *flagged(below_ceilings(data)),
            *(f"**Note**: {note}." for note in data.run.plan.notes),
        ]
    )
