"""`python -m cnnbench` is `cnnbench`."""

from cnnbench.cli import entry

if __name__ == "__main__":
    entry()
