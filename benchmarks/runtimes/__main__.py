"""`python -m benchmarks.runtimes peers|soak|pairs|page OUT`."""

import argparse
from pathlib import Path

from benchmarks.runtimes import page, pairs, peers, soak

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.runtimes")
    parser.add_argument("what", choices=("peers", "soak", "pairs", "page"))
    parser.add_argument("out", type=Path, help="folder of what is recorded and of checks.md")
    parser.add_argument("--minutes", type=float, default=30.0, help="at most, after the exports")
    parser.add_argument("--rounds", type=int, default=peers.ROUNDS, help="of peers")
    parser.add_argument("--launches", type=int, default=soak.LAUNCHES, help="of soak, at least")
    parser.add_argument("--pairs", type=int, default=pairs.PAIRS, help="of each runtime")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    try:
        if given.what == "peers":
            peers.record(given.out, given.minutes, given.rounds)
        elif given.what == "soak":
            soak.record(given.out, given.minutes, given.launches)
        elif given.what == "pairs":
            pairs.recording(given.out, given.pairs).record(given.minutes)
    finally:
        print(f"\n{page.write(given.out)}")
