"""`python -m cnnbench` is `cnnbench`."""

from cnnbench.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
