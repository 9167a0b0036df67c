"""RESULT: the measurements of a case joined with its costs on paper."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, geometric_mean, median
from typing import Literal

from cnnbench import stats, units
from cnnbench.cases.case import Case, sizes
from cnnbench.cases.paper import Paper, rise_on_paper
from cnnbench.cost import Cost
from cnnbench.runs.store import Exported, Measurement, PredictedRise, Run
from cnnbench.stats import Estimate, Spread, Stop

Samples = dict[int, tuple[float, ...]]
"""Seconds of every call, by launch number."""


@dataclass(frozen=True, slots=True)
class Result:
    """One case: what it costs, what was predicted of it, and what every launch of it gave."""

    case: Case
    paper: Paper
    launches: tuple[Measurement, ...]
    samples: Samples
    time: Estimate | None
    spread: Spread | None
    predicted: PredictedRise | None = None
    exported: Exported | None = None

    @property
    def cost(self) -> Cost:
        """The costs of a forward pass on paper, layer by layer."""
        return self.paper.cost

    @property
    def label(self) -> str:
        """What the suite calls the network."""
        return self.case.name

    @property
    def name(self) -> str:
        """The label and what else tells the case from others of its label."""
        return " ".join([self.label, sizes(self.case.inputs), *self.unusual])

    @property
    def unusual(self) -> list[str]:
        """Batch, data type, device, runtime, threads and mode where they are not the usual ones."""
        case = self.case
        batch = [f"batch {case.batch_size}"] if case.batch_size > 1 else []
        where = (case.dtype, case.device, *case.place, case.mode)
        return batch + [x for x in where if x not in _USUAL]

    @property
    def threads(self) -> int | None:
        """How many threads one operation could use; None before a launch."""
        known = (m.environment.get("threads") for m in self.launches)
        return self.case.threads or next(filter(None, known), None)

    @property
    def machines(self) -> list[str]:
        """Processor, cores and threads where it was measured, and the GPU of a case on one."""
        return list(dict.fromkeys(_machine(m) for m in self.launches if m.ok))

    @property
    def network(self) -> str:
        """What was built, as a call: residual_module(), vgg_block(n_filters=32)."""
        given = ", ".join(f"{key}={value}" for key, value in self.case.params.items())
        return f"{self.case.target}({given})"

    @property
    def side(self) -> float:
        """Side length of the input in pixels: of a square that has the area of the image.

        If the input is not an image, this is its first size.
        """
        sizes = self.case.input_shape
        if len(sizes) < 3:
            return float(sizes[0])  # a sequence, or a vector
        *_, height, width, _ = sizes  # a video has frames before
        return float((height * width) ** 0.5)

    @property
    def turns(self) -> dict[int, list[tuple[float, ...]]]:
        """Seconds of the calls after the first, turn by turn, by launch number."""
        good = [m for m in self.launches if m.ok]
        return {m.launch: [tuple(ns / 1e9 for ns in turn) for turn in m.turns] for m in good}

    @property
    def references(self) -> list[str]:
        """Ids of the references that took turns with every launch."""
        good = [m.references for m in self.launches if m.ok]
        return [key for key in good[0] if all(key in known for known in good)] if good else []

    def paces(self, references: Collection[str]) -> dict[int, stats.Pace]:
        """How many times as long as these references beside it a call took, by launch number."""
        found = {
            m.launch: stats.pace(m.turns, [m.references[key] for key in references])
            for m in self.launches
            if m.ok
        }
        return {number: pace for number, pace in found.items() if pace}

    @property
    def speed(self) -> float | None:
        """FLOPs on paper a second of measured time."""
        return self.flops * self.rate.value if self.rate else None

    @property
    def flops(self) -> int:
        """FLOPs on paper of what is timed: a forward pass, or a step of training."""
        return self.paper.flops

    @property
    def rate(self) -> Estimate | None:
        """Calls a second, of all clients together."""
        if self.case.clients == 1:
            return stats.inverse(self.time) if self.time else None
        return stats.geometric([median(m.rates) for m in self.launches if m.ok and m.rates])

    @property
    def intervals(self) -> dict[int, list[tuple[float, ...]]]:
        """Seconds from one finished call to the next, turn by turn, by launch number."""
        if self.case.clients == 1:
            return self.turns
        return {m.launch: [(1 / rate,) for rate in m.rates] for m in self.launches if m.ok}

    @property
    def throughput(self) -> float | None:
        """Samples a second."""
        return self.case.batch_size * self.rate.value if self.rate else None

    @property
    def first_call(self) -> float | None:
        """Seconds of the first call of a process, the median over launches."""
        return _median(ns for m in self.launches if m.ok for ns in m.samples_ns[:1])

    @property
    def build(self) -> float | None:
        """Seconds to load or build the network, the median over launches."""
        return _median(m.build_ns for m in self.launches if m.ok)

    @property
    def compile(self) -> float | None:
        """Seconds to trace or compile it before its first call, the median over launches."""
        return _median(m.compile_ns for m in self.launches if m.ok)

    @property
    def load(self) -> float | None:
        """Seconds to load or build the network and to compile it, the median over launches."""
        good = [m for m in self.launches if m.ok and m.build_ns is not None]
        return _median((m.build_ns or 0) + (m.compile_ns or 0) for m in good)

    @property
    def new_batch(self) -> float | None:
        """Seconds of the first call with one sample more, with all that this takes."""
        return _median(m.new_batch_ns for m in self.launches if m.ok)

    @property
    def growth_bytes(self) -> float | None:
        """Bytes by which memory grew a call, in the second half of a launch: the median over them.

        The first half fills pools and caches, which is no leak.
        """
        return _middle(rate for rate, _ in self._growths)

    @property
    def leak_bytes(self) -> float | None:
        """The same if it is a leak: memory grew in every launch, and typically by LEAK_BYTES."""
        found = self._growths
        every = len(found) > 1 and min(rate for rate, _ in found) > 0
        leaks = every and median(rate * calls for rate, calls in found) > LEAK_BYTES
        return self.growth_bytes if leaks else None

    @property
    def _growths(self) -> list[tuple[float, int]]:
        """Of each launch that is long enough: bytes by which memory grew a call, and its calls."""
        found = []
        for m in self.launches:
            sizes = m.resident_bytes[1:]  # after each burst
            if m.ok and len(sizes) == len(m.bursts) >= 8:
                half = len(sizes) // 2
                later = max(sum(m.bursts[half + 1 :]), 1)
                found.append(((sizes[-1] - sizes[half]) / later, sum(m.bursts)))
        return found

    @property
    def calls(self) -> int:
        """Calls in all launches, the warm-up included."""
        return sum(map(len, self.samples.values()))

    @property
    def warmup_calls(self) -> int:
        """Calls in all launches that were taken for warm-up."""
        return sum(map(stats.warmup, self.samples.values()))

    @property
    def peaks(self) -> list[int]:
        """The measured peak of every launch that has one, in bytes."""
        return [m.peak_bytes for m in self.launches if m.ok and m.peak_bytes is not None]

    @property
    def peak_bytes(self) -> float | None:
        """The median over launches of the measured peak."""
        return _middle(self.peaks)

    @property
    def load_bytes(self) -> float | None:
        """The median rise of the peak memory while the network was loaded, in bytes."""
        return _middle(m.load_bytes for m in self.launches if m.ok)

    @property
    def joint_bytes(self) -> float | None:
        """The same over the load and the first call together: what a process needs for it."""
        return _middle(m.joint_bytes for m in self.launches if m.ok)

    @property
    def difference(self) -> float | None:
        """The largest difference of an output to TensorFlow's (eager), relative to the largest."""
        known = [m.difference for m in self.launches if m.ok and m.difference is not None]
        return max(known, default=None)

    @property
    def predicted_peak_bytes(self) -> float | None:
        """What the measured peak should be on the machine; None where it was not calibrated."""
        return self.predicted.value if self.predicted else None

    @property
    def peak_on_paper_bytes(self) -> int | None:
        """The part of the measured peak that activations need; see `rise_on_paper`.

        None for a step of training: there the framework keeps about as much again between the
        passes, beyond what they read.
        """
        return None if self.case.mode == "train" else rise_on_paper(self.cost)

    @property
    def peak_error(self) -> float | None:
        """How far the prediction lies from the measurement, relative to the latter.

        Where nothing was predicted, the same of the number on paper.
        """
        expected = self.predicted_peak_bytes or self.peak_on_paper_bytes
        return expected / self.peak_bytes - 1 if self.peak_bytes and expected else None

    @property
    def outcome(self) -> str:
        """How it ended: "ok" if any launch was; else as the last one did, or "not reached"."""
        if any(m.ok for m in self.launches):
            return "ok"
        return self.launches[-1].outcome if self.launches else "not reached"

    @property
    def check(self) -> str:
        """The verdict of the comparison with Keras."""
        checks = [m.check for m in self.launches if m.check]
        if not checks:
            return "not checked"
        differences = sorted({text for check in checks for text in check.differences})
        return "; ".join(differences) or f"equal in all {checks[0].layers} layers"

    @property
    def equal(self) -> bool | None:
        """Whether Keras agrees with the paper; None where it was not asked."""
        checks = [m.check.equal for m in self.launches if m.check]
        return all(checks) if checks else None


def _machine(m: Measurement) -> str:
    known = m.environment
    counts = [f"{known[key]} {key}" for key in ("cores", "threads") if known.get(key)]
    return ", ".join([str(known.get("cpu") or "unknown processor"), *counts, *m.gpu_names])


_USUAL = ("float32", "cpu", "graph", "infer")
LEAK_BYTES = 2**20
"""Growth over a launch above which it is a leak: the pools of an allocator change by less."""


def _middle(values: Iterable[float | None]) -> float | None:
    """The median of those that are known; None where there are none."""
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _median(values: Iterable[int | None]) -> float | None:
    """Of nanoseconds, in seconds."""
    return _middle(None if value is None else value / 1e9 for value in values)


USUAL_ALLOWANCES = {"drift": stats.DRIFT, "layout": stats.LAYOUT}


def allowance(name: Literal["drift", "layout"], *sides: Result) -> float:
    """What an interval has room for beyond the launches, as a standard deviation of logarithms.

    It is the usual, or more if these ran where `doctor --calibrate` has measured more.
    """
    known = [m.environment.get(name) for side in sides for m in side.launches if m.ok]
    # A stored run is data from anybody.
    found = [value for value in known if isinstance(value, float) and 0 < value < 1]
    return max(USUAL_ALLOWANCES[name], *found) if found else USUAL_ALLOWANCES[name]


def ratio(base: Result, new: Result) -> Estimate | None:
    """How many times as long `new` takes as `base` in one run, over the launches of both.

    Turn by turn where the two took turns, else by the medians of launches of one round.
    """
    if any(m.ok and new.case.id in m.beside for m in base.launches):
        return stats.duet(base.turns, new.turns, allowance("layout", base, new))
    return stats.ratio(base.samples, new.samples, allowance("layout", base, new))


def gain(alone: Result, several: Result) -> Estimate | None:
    """How many times as many calls a second several clients finish as one, in one run.

    None where the two did not take turns.
    """
    if not any(m.ok and several.case.id in m.beside for m in alone.launches):
        return None
    return stats.duet(several.intervals, alone.intervals, allowance("layout", alone, several))


def ratio_between_runs(base: Result, new: Result) -> Estimate | None:
    """How many times as long `new` takes as `base`, measured in another run.

    If the launches of both ran beside the same references, on the same kind of machine and with
    the same versions, each counts as how many times the references' time it took. So a machine that
    became slower between the runs cancels. Otherwise the medians of the launches are compared.
    """
    if references := _shared_references(base, new):
        before, after = ([*side.paces(references).values()] for side in (base, new))
        found = stats.separate_paces(before, after, allowance("drift", base, new))
        return found and replace(found, doubts=(*found.doubts, stats.Doubt.SEPARATE))
    return stats.unpaired(base.samples, new.samples)


def ratio_in_turn(
    base: Result, new: Result, base_parts: Sequence[int], new_parts: Sequence[int]
) -> Estimate | None:
    """The same if both were measured in turn, run by run: the runs of one place are a pair.

    Then it does not matter what changes in the machine from one pair of runs to the next. The
    parts are the first launches of each run. None if no pair has both.
    """
    references = _shared_references(base, new)
    one, other = (
        _by_part(r.paces(references) if references else _medians(r), parts)
        for r, parts in ((base, base_parts), (new, new_parts))
    )
    both = [part for part in one if part in other]
    before, after = ([side[part] for part in both] for side in (one, other))
    return stats.paces_in_turn(before, after, allowance("layout", base, new))


def _shared_references(base: Result, new: Result) -> list[str]:
    """Those beside which every launch of both was timed; none if that was in unlike places."""
    keys = ("cpu", "cores", "threads", "versions")
    firsts = [next((m.environment for m in r.launches if m.ok), {}) for r in (base, new)]
    alike = all(firsts[0].get(key) == firsts[1].get(key) for key in keys)
    shared = [key for key in base.references if alike and key in new.references]
    timed = all(r.samples and r.samples.keys() <= r.paces(shared).keys() for r in (base, new))
    return shared if timed else []


def _medians(result: Result) -> dict[int, stats.Pace]:
    return {
        number: stats.Pace(value, ())
        for number, calls in result.samples.items()
        for value in stats.medians([calls])
    }


def _by_part(paces: Mapping[int, stats.Pace], starts: Sequence[int]) -> dict[int, stats.Pace]:
    """The mean of the launches of each run, on logs."""
    found: dict[int, list[stats.Pace]] = {}
    for number, pace in paces.items():
        found.setdefault(bisect_right(starts, number), []).append(pace)
    return {
        part: stats.Pace(
            geometric_mean(pace.value for pace in launches),
            tuple(map(fmean, zip(*(pace.controls for pace in launches), strict=True))),
        )
        for part, launches in found.items()
    }


def result(
    case: Case,
    paper: Paper,
    launches: Sequence[Measurement],
    predicted: PredictedRise | None = None,
    exported: Exported | None = None,
) -> Result:
    """Join a case's launches with its costs.

    A continued run may leave several records of one launch number: the last good one counts.
    """
    samples = {
        m.launch: tuple(ns / 1e9 for ns in m.samples_ns) for m in launches if m.ok and m.samples_ns
    }
    time, spread = stats.location(samples), stats.spread(samples.values())
    return Result(case, paper, tuple(launches), samples, time, spread, predicted, exported)


def results(run: Run) -> tuple[list[Result], list[str]]:
    """Every case of the plan in its order, then any other that was measured.

    Those that were too large, where memory was to be filled, are no results: that was expected.
    Returns also the cases whose costs are not known, with the reason.
    """
    launches: dict[str, list[Measurement]] = {}
    cases = {case.id: case for case in run.plan.cases}
    for m in run.measurements:
        launches.setdefault(m.case.id, []).append(m)
        cases.setdefault(m.case.id, m.case)
    known: list[Result] = []
    problems: list[str] = []
    for key, case in cases.items():
        if run.stops.get(key) == Stop.FULL and not any(m.ok for m in launches.get(key, ())):
            continue
        if paper := run.plan.papers.get(case.paper_key):
            beside = run.predicted.get(key), run.exports.get(case.export_key)
            known.append(result(case, paper, launches.get(key, ()), *beside))
        else:
            problems.append(f"{key}: {run.problems.get(case.paper_key, 'its costs are unknown')}")
    return known, problems


def timed(found: Iterable[Result]) -> list[tuple[Result, Estimate]]:
    """The cases that have a time, with it."""
    return [(r, r.time) for r in found if r.time]


def flops_rate(value: float) -> str:
    """12300000000 as 12.3 GFLOP/s."""
    return units.count(value, "FLOP/s")
