# Everything runs in .venv, so .venv/bin/synthdata is the command after any of the targets below.
PYTHON ?= python3
# Extra arguments for installing torch, such as an index that serves CPU builds: see docs/install.md.
TORCH_ARGS ?=
# Runs that each round of `make demo` reads.
DEMO_RUNS ?= 60
# Test files that run at a time; 0 is one after another in one process.
TEST_WORKERS ?= 2
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup weights docs demo night test test-slow test-all check format-check lint types imports bench clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

setup: weights ## create .venv, install everything, fetch the embedded model's weights

# uv for all but torch: it picks the versions of 260 packages and unpacks them in a fifth of the time that pip takes.
# The stamp is made last and is older than its inputs after any change of them: an interrupted install is done again.
.venv/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "synthdata needs Python 3.11 or newer; set PYTHON=")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet $(TORCH_ARGS) "$$(grep '^torch==' constraints.txt)"
	$(BIN)/python -m pip install --quiet "$$(grep '^uv==' constraints.txt)"
	$(BIN)/uv pip install --quiet --python $(BIN)/python -e '.[dev]' -c constraints.txt
	touch $@

# Not a stamp: the weights live in the user's cache, which may be emptied, and the check of their hash takes a moment.
weights: .venv/.installed
	$(BIN)/python -m synthdata.generation.weights

demo: weights ## two rounds over data/sample with the embedded model, and an export
	rm -rf demo-corpus demo-export
	$(BIN)/synthdata init demo-corpus --reference data/sample --config configs/demo.toml
	$(BIN)/synthdata run demo-corpus --trajectories data/sample --limit $(DEMO_RUNS)
	$(BIN)/synthdata run demo-corpus --trajectories data/sample --limit $(DEMO_RUNS)
	$(BIN)/synthdata status demo-corpus
	$(BIN)/synthdata export demo-corpus demo-export
	$(BIN)/synthdata verify demo-corpus
	@echo 'The training set is in demo-export. Next: $(BIN)/synthdata dashboard demo-corpus shows the same as pages,'
	@echo '$(BIN)/synthdata inspect FILE looks at a file of your own.'

# An environment of its own, so that nobody who only runs or tests the code waits for the site's generator.
.docs-env/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .docs-env
	.docs-env/bin/python -m pip install --quiet $$($(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["docs"])') -c constraints.txt
	touch $@

docs: .docs-env/.installed ## the documentation as a site in site/; broken links fail
	.docs-env/bin/zensical build --strict --clean

night: weights ## three nights on text games with the embedded model: does it get better?
	rm -rf night-corpus
	$(BIN)/synthdata init night-corpus --reference data/sample --config configs/night.toml
	$(BIN)/synthdata run night-corpus --trajectories data/sample --limit 60
	$(BIN)/synthdata night night-corpus --nights 3
	cat night-corpus/nights/report.md

test: weights ## the default tests
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile

test-slow: weights ## the slow tests that CI runs; the long ones are left to test-all
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder -m 'slow and not long' --durations 20

test-all: weights ## all tests, the slow ones too
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder -m 'slow or not slow'

check: format-check lint types imports test-all ## everything that must be green: format, lint, types, imports, all tests

format-check: .venv/.installed
	$(BIN)/ruff format --check .

lint: .venv/.installed
	$(BIN)/ruff check .

types: .venv/.installed
	$(BIN)/mypy

imports: .venv/.installed
	$(BIN)/lint-imports

bench: weights ## rerun the benchmarks; each writes its section of docs/benchmarks.md
	for script in $$(grep -l __main__ bench/*.py); do echo "== $$script"; $(BIN)/python "$$script" || exit 1; done

clean: ## remove what the targets above made, except .venv
	rm -rf demo-corpus demo-export night-corpus site dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
