"""What tests share: where data lie, stored runs, runtimes that go wrong, random input."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
