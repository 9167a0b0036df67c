"""Trust: doubts about the times, and times that nothing could reach."""

from __future__ import annotations

from cnnbench import units
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.data import Data, grouped
from cnnbench.reporting.runs.notes import notes
from cnnbench.reporting.runs.sections.roofline import below_ceilings, flagged
from cnnbench.runs.result import timed
from cnnbench.runs.store import Run

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
            *_throttled(data.run),
            *_no_peaks(data.run),
            *(f"**Note**: {note}." for note in data.run.plan.notes),
        ]
    )


def _throttled(run: Run) -> list[str]:
    """The launches in which a GPU lowered its clock, one line a GPU."""
    lines = []
    for device, launches in grouped(run.measurements, lambda m: m.case.device).items():
        if slow := [m for m in launches if m.gpu.get("throttled")]:
            why = dict.fromkeys(reason for m in slow for reason in m.gpu["throttled"])
            names = dict.fromkeys(m.case.name for m in slow)
            lines.append(
                f"**Throttled**: {device} lowered its clock in {len(slow)} of {len(launches)} "
                f"launches ({', '.join(why)}): {', '.join(names)}. To do: cool it, or fix a clock "
                "that it can keep (nvidia-smi --lock-gpu-clocks)."
            )
    return lines


def _no_peaks(run: Run) -> list[str]:
    """Why the peak of some launches is not known."""
    missing = [m for m in run.measurements if m.ok and m.peak_bytes is None and m.peak_source]
    return [
        f"**No peak memory** of {', '.join(dict.fromkeys(m.case.name for m in launches))}: {why}."
        for why, launches in grouped(missing, lambda m: m.peak_source).items()
    ]
