"""Under load: several clients at once, beside one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cnnbench import stats, units
from cnnbench.reporting.document import Document
from cnnbench.reporting.runs.data import Data, grouped
from cnnbench.reporting.tables import Columns, interval, number, of_items, optional
from cnnbench.runs.result import Result, gain
from cnnbench.stats import Estimate

ORDER = 57

_TEXT = (
    "Each client is a thread of one process, which calls the same loaded network again and again. "
    "Samples/s: of all clients, while all are at work. Times one client: of what took turns with "
    "it. Latency: of each call; a percentile is given only where the sample supports it. Peak: by "
    "how much load and calls of all clients raised the memory of the process."
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A case with one client or more, and its throughput over that with the fewest."""

    result: Result
    gain: Estimate | None

    @property
    def throughput(self) -> Estimate | None:
        """Samples a second."""
        rate, batch = self.result.rate, self.result.case.batch_size
        if not rate:
            return None
        low, high = (None if end is None else batch * end for end in (rate.low, rate.high))
        return Estimate(batch * rate.value, low, high, rate.n)

    def percentile(self, q: float) -> Estimate | None:
        """Of the latency of a call, in seconds."""
        return stats.percentile(self.result.samples.values(), q)


COLUMNS: Columns[Loaded] = {
    "case": lambda one: one.result.name,
    "samples/s": lambda one: interval(one.throughput, number),
    "times one client": lambda one: interval(one.gain, number),
    "median latency": lambda one: interval(one.result.time, units.seconds),
    "95th percentile": lambda one: interval(one.percentile(95), units.seconds),
    "99th percentile": lambda one: interval(one.percentile(99), units.seconds),
    "peak": lambda one: optional(one.result.joint_bytes, units.binary),
}


def add(document: Document, data: Data) -> None:
    """A table of the cases with several clients, each below that with one."""
    if found := loaded(data.results):
        document.section("Scaling")
        document.heading("Under load", 3)
        document.text(_TEXT)
        document.table(of_items(found, COLUMNS))


def loaded(results: Iterable[Result]) -> list[Loaded]:
    """The timed cases that had several clients, and before them the same with one."""
    groups = grouped((r for r in results if r.time), lambda r: r.case.id.partition(" clients=")[0])
    found = []
    for group in groups.values():
        ordered = sorted(group, key=lambda r: r.case.clients)
        alone = next((r for r in ordered if r.case.clients == 1), None)
        if ordered[-1].case.clients > 1:
            found += [
                Loaded(r, gain(alone, r) if alone and r is not alone else None) for r in ordered
            ]
    return found
