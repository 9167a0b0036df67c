"""PAGE: checks.md, from what is recorded alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from tabulate import tabulate

from benchmarks.runtimes import pairs, peers, rows, soak
from benchmarks.runtimes.peers import MARGIN, PEERS, SECONDS, Round
from benchmarks.runtimes.soak import Ended
from cnnbench import units
from cnnbench.runs.store import Measurement

PAGE = "checks.md"
HEAD = """# Are runs over several runtimes right?

Written by `python -m benchmarks.runtimes page` from what lies beside it.
"""
OF_PEERS = """## Our times beside theirs

A call as `run` measures it, beside the same network on OpenVINO in its own `benchmark_app` (the
same file), and on TensorFlow in a [loop]({loop}) written by hand: batch 1,
float32, {threads} threads, {seconds} s of calls in a new process a side and round, in turn.
{cpu}; {versions}.

{table}

All are medians over rounds, the ratio with its 95 % interval (order statistics, six rounds at
least). Equal: yes if all of the interval is within {margin:.0%} of 1, no if none of it is.
"""
OF_SOAK = """## Many launches

{planned} launches of {cases} cases on {runtimes}:
{ok} ended well and are in the store. {others}
After the first launch the parent had {first}, after half of them {middle}, after the last {last}.
"""
OF_PAIRS = """## Equals beside each other

{pairs} pairs of a small network ({network}) beside itself on each of two runtimes,
{launches} launches a pair, on {cores} cores of {cpu}: how often `compare` calls
equals different (it promises 5 % or fewer), with the 95 % interval of the rate, and how wide its
intervals are. The methods are those of [calibration](../calibration/README.md).

{table}
"""
LOOP = "../../benchmarks/runtimes/loop.py"


def write(out: Path) -> Path:
    """Write the page of what is recorded in a folder."""
    (out / PAGE).write_text(text(out), encoding="utf-8")
    return out / PAGE


def text(out: Path) -> str:
    """The page."""
    return "\n".join([HEAD, *_sections(out)])


def _sections(out: Path) -> Iterator[str]:
    if rounds := rows.read(out / peers.FILE, Round):
        yield of_peers(rounds)
    if ended := rows.read(out / soak.FILE, Ended):
        yield of_soak(ended)
    recording = pairs.recording(out)
    if recording.file.exists() and (measured := recording.read()):
        yield of_pairs(measured)


def of_peers(rounds: Sequence[Round]) -> str:
    """How many times as long a call takes with us."""
    table = []
    for runtime, network in dict.fromkeys((r.runtime, r.network) for r in rounds):
        mine = [r for r in rounds if (r.runtime, r.network) == (runtime, network)]
        ours, theirs = (median(getattr(r, side) for r in mine) for side in ("ours_s", "theirs_s"))
        found = peers.ratio(mine)
        table.append(
            (
                network,
                runtime,
                PEERS[runtime],
                len(mine),
                units.seconds(ours),
                units.seconds(theirs),
                f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]",
                peers.equal(found),
            )
        )
    head = ("network", "runtime", "beside", "rounds", "ours", "theirs", "ours / theirs", "equal")
    versions = dict.fromkeys(f"{r.runtime} {r.version}" for r in rounds)
    return OF_PEERS.format(
        loop=LOOP,
        seconds=SECONDS,
        margin=MARGIN,
        threads=rounds[0].threads,
        cpu=rounds[0].cpu,
        versions=", ".join(versions),
        table=_table(table, head),
    )


def of_soak(ended: Sequence[Ended]) -> str:
    """How many launches there were, which went wrong, and what the parent kept."""
    wrong = [e for e in ended if e.outcome != "ok"]
    launches = {(e.case, e.launch) for e in ended}
    measured = [e for e in ended if e.outcome != soak.LOST]
    first, middle, last = (
        f"{units.binary(e.parent_bytes)} and {e.parent_files} open files"
        for e in (measured[0], measured[len(measured) // 2], measured[-1])
    )
    others = "".join(f"\n- {e.case}, launch {e.launch}: {e.outcome} {e.detail}" for e in wrong)
    return OF_SOAK.format(
        planned=len(launches),
        cases=len({case for case, _ in launches}),
        runtimes=", ".join(dict.fromkeys(e.runtime for e in ended)),
        ok=len(launches - {(e.case, e.launch) for e in wrong}),
        others=f"The others:\n{others}\n" if wrong else "None was lost, none failed.",
        first=first,
        middle=middle,
        last=last,
    )


def of_pairs(measured: Sequence[Measurement]) -> str:
    """How often equals are called different."""
    table = [
        (runtime, row.method, row.different, row.alarms, f"{row.half_width:.1%}")
        for runtime, found in pairs.judged(measured).items()
        for row in found
    ]
    head = ("runtime", "method", "different", "promise", "half-width")
    case, where = pairs.CASES[0], measured[0].environment
    return OF_PAIRS.format(
        pairs=len({(m.case.runtime, m.case.label.split()[1]) for m in measured}) // 2,
        network=f"`{case.target}`, {units.shape(case.input_shape)}",
        launches=pairs.LAUNCHES,
        cores=where["cores"],
        cpu=where["cpu"],
        table=_table(table, head),
    )


def _table(found: Sequence[Sequence[object]], head: Sequence[str]) -> str:
    return tabulate(found, head, tablefmt="github", disable_numparse=True)
