# The index of habits: one target for each thing done here often. `make help` lists them.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed
LOCK := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help setup format format-check lint types imports test functional core-tests coverage bench bench-node bench-mempool bench-wallet check run lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-13s %s\n", $$1, $$2 }' Makefile

setup: $(INSTALLED) ## Install everything needed into .venv

$(INSTALLED): pyproject.toml requirements/dev.txt .ci/libraries
	.ci/libraries
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	test -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

format: setup ## Rewrite the code in the house format
	$(BIN)/ruff format
	$(BIN)/ruff check --select I --fix

format-check: setup ## Check the format, changing nothing
	$(BIN)/ruff format --check

lint: setup ## Check the code against every rule of ruff
	$(BIN)/ruff check

types: setup ## Check the types strictly
	$(BIN)/mypy

imports: setup ## Check that the layers import downward only
	$(BIN)/lint-imports

test: setup ## Run all tests
	$(BIN)/pytest

functional: setup ## Run only the tests of the real programs
	$(BIN)/pytest tests/functional

core-tests: setup ## Run Bitcoin Core's functional tests: CORE=<its source> [TESTS="rpc_help.py 'rpc_bind.py --ipv4'"]
	$(BIN)/python tests/core/run.py $(CORE) $(TESTS)

coverage: setup ## Run all tests, counting branches in spawned programs too
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

bench: setup ## Measure calls between processes, ours beside others
	$(BIN)/python -m benchmarks

bench-node: setup ## Measure what a node costs: blocks, start, answers, subscribers
	$(BIN)/python -m benchmarks.node

bench-mempool: setup ## Measure what a mempool costs: admissions, blocks, memory, templates
	$(BIN)/python -m benchmarks.mempool

bench-wallet: setup ## Measure what a wallet of 10,000 transactions costs: load, answers, blocks, scans
	$(BIN)/python -m benchmarks.wallet

check: format-check lint types imports coverage ## Everything that must pass before a commit

run: setup ## Start a node, ask it for its tip from another process, stop it
	.ci/demo

lock: setup ## Remake requirements/ from pyproject.toml
	$(LOCK) --upgrade --output-file requirements/run.txt
	$(LOCK) --upgrade --extra gui --group dev --output-file requirements/dev.txt

clean: ## Remove what the other targets made
	rm -rf .venv build dist htmlcov .coverage* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
