# Two commands set a fresh machine up: `make demo` and `make test`. Each installs what it needs into .venv by itself.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
BASE := $(VENV)/.installed-base
DEV := $(VENV)/.installed-dev
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
UV := $(shell command -v uv 2>/dev/null)
export OMP_WAIT_POLICY := PASSIVE

.PHONY: help demo test check real ui lock format clean

help:
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(BASE)  ## everything, end to end, on a small simulated company
	$(BIN)/churn demo

test: $(DEV)  ## the tests
	$(BIN)/python -m pytest -n 2

check: $(DEV)  ## format, lint, types, layers, then the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 2

real: $(BASE)  ## validate to score on the four real data sets; prints one table
	$(BIN)/python benchmarks/real.py

ui: $(BASE)  ## MLflow in a browser, on this machine only
	MLFLOW_DISABLE_TELEMETRY=true $(BIN)/mlflow ui --host 127.0.0.1 --port 5000 --backend-store-uri "$${MLFLOW_TRACKING_URI:-sqlite:///$${CHURN_HOME:-$(CURDIR)}/models/mlflow.db}"

format: $(DEV)  ## put the code in order
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock:  ## pin every version with its hashes (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet \
		--extra build --output-file requirements.lock
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet \
		--extra build --extra dev --extra postgres --constraint requirements.lock --output-file requirements-dev.lock

clean:  ## remove what runs have made: data, runs, local MLflow store
	rm -rf data runs models/mlflow.db models/artifacts models/.mlflow-setup.lock

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 or newer is needed and was not found"; exit 2; }
ifdef UV
	uv venv --quiet --python "$(PYTHON)" $(VENV)
else
	$(PYTHON) -m venv $(VENV)
endif

$(BASE): requirements.lock pyproject.toml | $(BIN)/python
	@echo "installing the pinned packages ..."
ifdef UV
	uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
else
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
endif
	@touch $@

$(DEV): $(BASE) requirements-dev.lock
	@echo "installing the pinned development packages ..."
ifdef UV
	uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.lock
else
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
endif
	@touch $@
