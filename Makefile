# `make run` needs nothing but Python 3.11 or newer. Everything lives in .venv and var/.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.made-from-the-lock
RUN_STAMP := .venv/.made-to-run

.DEFAULT_GOAL := help
.PHONY: help setup run test crashes sabotage check format bench bench-incident chaos lock clean clean-data

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

setup: $(STAMP) ## .venv for development and tests, exactly as locked
	@:

define environment
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "setup: Python 3.11 or newer is needed; '$(PYTHON)' is $$($(PYTHON) --version 2>&1 | head -n 1)."; \
	  echo "       Install one and name it: make PYTHON=python3.12 $(or $(MAKECMDGOALS),setup)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "setup: this Python cannot make virtual environments: its 'venv' and 'ensurepip' modules are missing."; \
	  echo "       On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
	  echo "setup: making .venv"; $(PYTHON) -m venv --clear .venv; }
endef

# What is needed to run, and on top of it what is needed to develop: the pins of both are the same.
$(RUN_STAMP): requirements.lock pyproject.toml
	$(environment)
	@$(BIN)/python .ci/install.py requirements.lock
	@touch $@

$(STAMP): requirements-dev.lock pyproject.toml
	$(environment)
	@$(BIN)/python .ci/install.py requirements-dev.lock
	@touch $(RUN_STAMP) $@

run: $(RUN_STAMP) ## everything on this machine, with the shipped examples posted: the quickest look
	@exec $(BIN)/receiver up --demo

# Three at a time: most of them wait for processes. WORKERS=0 runs them one after the other.
WORKERS ?= 3
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder
test: setup ## all tests; real Valkey and PostgreSQL come out of wheels (PROPERTIES=long tries harder)
	@$(PYTEST)

crashes: setup ## the process killed at every point of the code, on both databases (some minutes)
	@CRASHES=all $(BIN)/python -m pytest tests/crashes

sabotage: setup ## the code broken on purpose, line by line: the tests must notice (some minutes)
	@$(BIN)/python -m tests.sabotage

check: setup ## formatting, lint, types, architecture, mappings
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py
	$(BIN)/receiver check --offline

format: setup ## make the formatter and the safe lint fixes happy
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup ## what durability costs, as ratios to a bare echo
	@$(BIN)/python -W 'ignore:XDG_RUNTIME_DIR' -m benchmarks

CHAOS_SECONDS ?= 600
CHAOS_DATABASE ?= postgres
chaos: setup ## kill, stop, wipe and cut everything for CHAOS_SECONDS (600): is anything lost or doubled?
	@$(BIN)/python -W 'ignore:XDG_RUNTIME_DIR' -m tests.chaos --seconds $(CHAOS_SECONDS) \
	  --database $(CHAOS_DATABASE) $(if $(CHAOS_SEED),--seed $(CHAOS_SEED))

FUZZ_SECONDS ?= 60
.PHONY: audit fuzz sbom
fuzz: setup ## turn bits of what senders send, guided by coverage, for FUZZ_SECONDS (60) a target
	@$(BIN)/python -W 'ignore:XDG_RUNTIME_DIR' -m tests.fuzz --seconds $(FUZZ_SECONDS)

audit: setup ## ask for known vulnerabilities of all that is locked
	@$(BIN)/python .ci/audit.py

sbom: setup ## write sbom.cdx.json, the list of parts that goes with the image
	@$(BIN)/python .ci/sbom.py

bench-incident: setup ## a replay of 100,000 beside live traffic: latency, memory, time
	@$(BIN)/python -W 'ignore:XDG_RUNTIME_DIR' -m benchmarks.incident

man: setup ## write the manual page receiver(1) again, from the parser
	@$(BIN)/python -m tests.support.man_page

LOCK = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate

lock: setup ## write both locks again from pyproject.toml (UPGRADE=--upgrade moves the pins)
	$(LOCK) $(UPGRADE) pyproject.toml --group build -o requirements.lock
	$(LOCK) $(UPGRADE) pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
	@$(BIN)/python .ci/sbom.py

clean: ## forget .venv and caches; what was billed, secrets and settings stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info

clean-data: ## delete var/: ledger, generated secrets, logs (asks first; YES=1 does not)
	@YES='$(YES)' $(PYTHON) .ci/clean_data.py
