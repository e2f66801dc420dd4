# Everything sets itself up: a .venv beside this file, our package in it, its extras.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Bytecode is kept: each process of the tests would compile all of it anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-long lint format screenshots snapshots bench clean

help:
	@echo "make demo         the app on an embedded Flow server with sample data"
	@echo "make test         all tests but the long ones"
	@echo "make test-long    the long ones too"
	@echo "make lint         ruff, mypy --strict, import contracts, licences"
	@echo "make format       ruff format"
	@echo "make screenshots  screenshots/ from the running app"
	@echo "make snapshots    accept how the screens look now as what tests compare with"
	@echo "make bench        measurements, into docs/benchmarks.md"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "flowtui needs Python 3.11 or newer; name one: make PYTHON=python3.12 …" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "no virtual environment could be made; on Debian: apt install python3-venv" >&2; \
	       rm -rf $(VENV); exit 1; }

$(VENV)/.demo: $(BIN)/python pyproject.toml
	@echo "installing flowtui and its demo server into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo]'
	@touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml
	@echo "installing flowtui and what its tests need into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.demo

demo: $(VENV)/.demo
	@$(BIN)/flowtui demo

# Four at a time also on two cores: half of the time they wait.
test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 4 --dist worksteal -m "not long"

test-long: $(VENV)/.dev
	$(BIN)/python -m pytest -n 4 --dist worksteal

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/licences.py

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

screenshots: $(VENV)/.dev
	$(BIN)/python screenshots/make.py

snapshots: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 tests/tui --snapshot-update

bench: $(VENV)/.dev
	$(BIN)/python bench/run.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
