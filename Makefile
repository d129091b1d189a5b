# Everything starts from a machine with python3 (3.11 or newer), a C compiler and OpenSSL's headers.
.DEFAULT_GOAL := help
.PHONY: help setup demo run test check sim chaos mutants package lock clean

PY := .venv/bin/python
EXAMPLES ?= 150
MUTANTS ?= 0
CHANGES ?= 5000
SEED ?= 1

help:  ## what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: .local/ready  ## the environment: uv, Python 3.13, all packages, the table store

.local/ready: requirements-dev.txt package-lock.json dev/setup.sh
	@bash dev/setup.sh

demo: setup  ## a day of business on the local cloud, every claim checked
	@$(PY) -m dev.demo

run: setup  ## the local cloud, kept up, with addresses and calls to try
	@$(PY) -m dev.cloud

test: setup  ## all tests
	@$(PY) -m pytest -q -n 3 --dist loadfile

sim: setup  ## the simulation alone: make sim EXAMPLES=5000
	@EXAMPLES=$(EXAMPLES) PYTHONHASHSEED=0 $(PY) -m pytest -q tests/sim $(ARGS)

chaos: setup  ## kill, break, then compare both sides: make chaos CHANGES=300 SEED=7
	@$(PY) -m dev.chaos --changes $(CHANGES) --seed $(SEED)

check: setup  ## linters, types, contracts, mappings, current requirements
	@bash dev/check.sh

mutants: setup  ## small defects in the pure core, each has to fail a test: make mutants MUTANTS=200 ARGS=shared/core
	@MUTANTS=$(MUTANTS) SEED=$(SEED) $(PY) -m dev.mutants $(ARGS)

package: setup  ## dist/app.zip: what is deployed
	@$(PY) -m dev.package

lock: setup  ## compile requirements.txt and requirements-dev.txt from pyproject.toml
	@bash dev/lock.sh

clean:  ## remove what was installed and built
	@rm -rf .venv .tools .local node_modules dist
