# `make run` and `make test` are all a newcomer needs; both build the virtual environment they use.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Two workers: the suite waits for servers more than it computes.
WORKERS ?= 2

.PHONY: run test test-slow gates bench train clean venv node

run: venv ## Start everything and play the demo; Ctrl-C stops it
	@exec $(BIN)/aicore up --demo

test: gates node ## The gates, then the whole suite
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m "not slow"

test-slow: venv node ## The long runs: 200 kill rounds, a million appends
	$(BIN)/python -m pytest -m slow --timeout 3600

gates: venv ## Format, lint, types, layers: what must hold before anything runs
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: venv ## All benchmarks, short; `python -m benchmarks NAME` for one in full
	$(BIN)/python -m benchmarks all --quick

# An environment of its own: torch has no place in the one that runs and tests.
train: ## Train the demo model anew, into out/model (about ten minutes)
	$(PYTHON) -m venv .venv-train
	.venv-train/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train]'
	nice .venv-train/bin/python -m aicore.training.train --out out/model --minutes 10

clean: ## Remove what the tools left; the state directory stays
	rm -rf $(VENV) .venv-train .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build out
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,bench]'
	touch $@

venv: $(VENV)/ready

# The test that another language can follow SPEC.md needs Node; locally it is skipped without it, never in CI.
node:
	@if [ "$$CI" = true ] && ! command -v npm >/dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; \
	then apt-get update -qq && apt-get install -y -qq --no-install-recommends nodejs npm; fi
