# Everything a fresh machine needs is set up by the targets themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
SECONDS ?= 600
MEMBERS := $(wildcard plugins/*/pyproject.toml)
EDITABLE := -e . $(patsubst %/pyproject.toml,-e ./%,$(MEMBERS))

.DEFAULT_GOAL := help
.PHONY: help demo setup test test-containers soak faults fuzz mutants sbom audit check bench docs format lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.setup ## run the gateway in front of a simulated verusd
	@$(BIN)/verus-gateway demo

setup: $(VENV)/.setup ## make .venv with locked dependencies and all workspace members

test: $(VENV)/.setup-dev ## run the test suite with branch coverage
	@.ci/system-packages
	$(BIN)/python -m pytest --cov --cov-report=term-missing:skip-covered $(ARGS)

test-containers: $(VENV)/.setup-dev ## build the images, start the stacks on an engine of our own, prove them
	@.ci/system-packages
	$(BIN)/python -m pytest tests/containers --no-cov -q -s $(ARGS)

check: $(VENV)/.setup-dev ## formatter, linter, types, layers, docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check
	$(BIN)/mkdocs build --strict -f .mkdocs.yml --site-dir .site

.PHONY: show
show: $(VENV)/.setup-dev ## 200 callers and a block every second for a minute: what is fresh, what verusd is asked
	VERUS_GATEWAY_SHOW_MINUTE=1 $(BIN)/python -m pytest --no-cov -q -s tests/shows/test_a_block_every_second.py

bench: $(VENV)/.setup-bench ## measure the gateway beside its peers: make bench ARGS="--only hit miss --rounds 5"
	@.ci/bench-packages
	PYTHONPATH=tests $(BIN)/python -m bench $(ARGS)

soak: $(VENV)/.setup-dev ## run a random history of faults for SECONDS (600) and check its invariants
	SOAK_SECONDS=$(SECONDS) $(BIN)/python -m pytest tests/histories --no-cov -q -s

faults: $(VENV)/.setup-dev ## inject every fault and write what came of it into docs/reliability.md
	FAULT_TABLE=docs/reliability.md $(BIN)/python -m pytest tests -m fault --no-cov -q

fuzz: $(VENV)/.setup-dev ## damage bodies and requests for SECONDS (600), led by coverage, beside slow readers
	PYTHONPATH=tests $(BIN)/python -m fuzz.by_coverage --seconds $(SECONDS)

mutants: $(VENV)/.setup-dev ## change one small thing at a time, see whether a test notices; ONLY="breaker rpc"
	PYTHONPATH=tests $(BIN)/python -m mutants $(ONLY) $(ARGS)

sbom: $(VENV)/.setup-dev ## list what a release consists of in dist/verus-gateway.cdx.json
	@mkdir -p dist
	$(BIN)/cyclonedx-py requirements --of JSON --pyproject pyproject.toml -o dist/verus-gateway.cdx.json requirements.lock

audit: $(VENV)/.setup-dev ## ask a vulnerability service about every locked dependency; needs its network
	$(BIN)/uv tool run pip-audit --strict --require-hashes --disable-pip -r requirements.lock

docs: $(VENV)/.setup-dev ## write the generated pages and build the documentation into .site
	$(BIN)/python docs/generate.py
	$(BIN)/mkdocs build --strict -f .mkdocs.yml --site-dir .site

format: $(VENV)/.setup-dev ## let the formatter and the linter mend what they can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(VENV)/.setup-dev ## resolve the dependencies anew and pin them with hashes
	$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header \
	  --no-annotate --upgrade --group build -o requirements.lock pyproject.toml
	$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header \
	  --no-annotate -c requirements.lock --group dev -o requirements-dev.lock pyproject.toml
	$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header \
	  --no-annotate -c requirements-dev.lock --group bench -o requirements-bench.lock pyproject.toml

clean: ## remove what was made
	rm -rf $(VENV) .site .coverage .coverage.* .*_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The lock is complete: --no-deps keeps pip from choosing anything else, such as a newer release of a
# package that is asked for with an extra. flit_core, which builds the members, is in the lock: no build reaches for anything else.
$(VENV)/.setup: $(BIN)/python requirements.lock pyproject.toml $(MEMBERS)
	$(PIP) install --quiet --require-hashes --no-deps -r requirements.lock
	$(PIP) install --quiet --no-deps --no-build-isolation $(EDITABLE)
	@touch $@

$(VENV)/.setup-dev: $(VENV)/.setup requirements-dev.lock
	$(PIP) install --quiet --require-hashes --no-deps -r requirements-dev.lock
	@touch $@

$(VENV)/.setup-bench: $(VENV)/.setup-dev requirements-bench.lock
	$(PIP) install --quiet --require-hashes --no-deps -r requirements-bench.lock
	@touch $@
