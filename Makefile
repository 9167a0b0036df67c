# Each target does all its own set-up; needs python3 (3.11 or newer) with venv and pip.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

TORCH := $(shell grep '^torch==' constraints.txt)+cpu

.PHONY: run test test-jax test-runtimes check docs bench clean

run: $(READY)  ## measure the default suite; prints where the report is
	$(BIN)/cnnbench run $(ARGS)

test: $(READY)  ## the whole test suite, in two processes; ARGS=-n0 for one
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

test-jax: $(READY)  ## the counts of XLA, with Keras on JAX
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[jax]"
	KERAS_BACKEND=jax $(BIN)/python -m pytest tests/crosscheck/xla tests/layers/test_xla.py $(ARGS)

test-runtimes: $(READY)  ## every runtime on real models; installs them, torch if there is its build for the CPU
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[runtimes]"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt $(TORCH) || echo "no $(TORCH) to install: torch is left out"
	$(BIN)/python -m pytest -n 2 --dist loadfile -rs tests/runtimes $(ARGS)

check: $(READY)  ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

docs: $(READY)  ## the pages of docs/ as HTML in build/docs; a warning is an error
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[docs]"
	$(BIN)/python -m sphinx -q -W --keep-going -c docs . build/docs $(ARGS)
	@echo build/docs/docs/index.html

bench: $(READY)  ## pytest-benchmark: forward passes, analysis, harness overhead
	$(BIN)/python -m pytest benchmarks $(ARGS)

clean:
	rm -rf .venv build *.egg-info

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "cnnbench needs Python 3.11 or newer; say make PYTHON=python3.x")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@
