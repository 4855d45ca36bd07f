# Two commands do everything on a machine that has Python 3.11 to 3.13, git and make:
#   make fit     train a network on the digits data and write a report
#   make test    run the tests
# The first of them sets up .venv; run again they take no set-up time.

.DEFAULT_GOAL := help
.PHONY: help fit test slow lint format install bench faults docs clean

VENV := .venv
BIN := $(VENV)/bin
# The first Python that will do, unless PYTHON says which; a name may be there and not start.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python; do \
	$$name -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1 \
	&& echo $$name && break; done)
# More words for pip, such as: make install PIP="--extra-index-url https://download.pytorch.org/whl/cpu"
PIP ?=
SOURCE ?= digits
TESTS ?=
WORKERS ?= 2

help:  ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

fit: $(VENV)/.run  ## train on the digits data (SOURCE=... for other data) and write a report
	$(BIN)/ravine fit $(SOURCE)

test: $(VENV)/.test  ## run the tests (TESTS=tests/core for some of them)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(TESTS)

slow: $(VENV)/.test $(VENV)/.bench  ## run the long proofs, those beside other frameworks among them
	$(BIN)/python -m pytest -m slow --timeout 3600 $(TESTS)

lint: $(VENV)/.lint  ## check form, types and floors
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.lint  ## put the code into form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

install: $(VENV)/.run $(VENV)/.test $(VENV)/.lint $(VENV)/.docs  ## everything a developer needs, and the commit hooks
	$(BIN)/pre-commit install

bench: $(VENV)/.test $(VENV)/.bench  ## measure the trainer beside a bare loop, Lightning and skorch
	$(BIN)/python benchmarks/trainer.py

faults: $(VENV)/.test $(VENV)/.bench  ## plant faults in small trainings and score what is named (hours; goes on where it was left)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.faults --jobs $(WORKERS)

docs: $(VENV)/.docs  ## build the pages into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "open site/index.html, or with search: $(BIN)/mkdocs serve"

clean:  ## remove what was built, .venv and all caches; runs stay
	rm -rf $(VENV) site dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# --- set-up: one stamp for each group of packages, renewed when the lists of packages change ---

$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 to 3.13 found. Name one: make PYTHON=/path/to/python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { \
		echo "No virtual environment could be made. On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	@touch $@

$(VENV)/.run: pyproject.toml constraints.txt | $(VENV)/.made
	$(BIN)/python -m pip install --quiet $(PIP) --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.test $(VENV)/.lint $(VENV)/.docs $(VENV)/.bench: $(VENV)/.%: $(VENV)/.run
	$(BIN)/python -m pip install --quiet $(PIP) --constraint constraints.txt --group $*
	@touch $@
