# `make run` starts the site, `make test` checks it, `make soak` runs the long tests. `make help` lists the rest.

# The first Python found that TensorFlow supports.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
  $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
HOST ?= 127.0.0.1
PORT ?= 8000
export HOST PORT
# Networks allocate and free large blocks of memory. Huge pages make that several times faster.
HUGE_PAGES := glibc.malloc.hugetlb=1
PYTEST := TF_NUM_INTRAOP_THREADS=1 $(BIN)/python -m pytest -n 3 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help venv run test lint types js unit soak bench lock translations

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

venv: $(VENV)/.native ## Create the virtual environment with the pinned requirements

run: venv ## Migrate the database and serve the site on http://HOST:PORT
	@$(BIN)/flask db upgrade
	@exec env GLIBC_TUNABLES=$(HUGE_PAGES) $(BIN)/gunicorn wsgi:app

test: lint types js unit ## Linters, types, and all tests but the long ones (the browser's included)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/djlint --lint --quiet templates
	$(BIN)/codespell
	$(BIN)/lint-imports

types: $(VENV)/.installed-dev
	$(BIN)/mypy

unit: $(VENV)/.installed-dev $(VENV)/.native
	@scripts/ensure-chromium
	$(PYTEST) -m "not soak"

soak: $(VENV)/.installed-dev $(VENV)/.native ## The long tests: training on other backends, films, kill loops
	@scripts/ensure-chromium
	$(PYTEST) -m soak

js: ## Test the scripts' logic with Node's own test runner
	@if node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null; then node --test tests/js/*.test.mjs; \
	else echo "Skipped tests/js: these tests need Node.js 20 or newer, and it is not installed."; fi

bench: $(VENV)/.installed-dev $(VENV)/.native .venv-bench/.installed ## Measure speed and memory, also of other engines (takes an hour)
	@scripts/ensure-chromium
	$(BIN)/python -m bench peers --output docs/benchmarks
	GLIBC_TUNABLES=$(HUGE_PAGES) $(BIN)/python -m bench

translations: $(VENV)/.installed-dev ## Update the translation catalogues and compile them
	$(BIN)/python scripts/translations.py

lock: $(VENV)/.installed-dev ## Pin the newest versions of the requirements
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate --upgrade requirements.in -o requirements.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate --upgrade requirements-dev.in -o requirements-dev.txt

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed: apt-get install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "Python's venv module is missing: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

.venv-bench/.installed: bench/requirements-peers.txt | $(VENV)/bin/python
	$(BIN)/python -m venv .venv-bench
	.venv-bench/bin/python -m pip install -q --disable-pip-version-check -r $<
	@.venv-bench/bin/python -m pip install -q --disable-pip-version-check torch==2.13.0 \
	  || echo "PyTorch cannot be installed here. The comparison continues without it." >&2
	@touch $@

$(VENV)/.installed: requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements.txt
	@touch $@

# The engine's native operations. Where they do not compile, the engine works without them.
$(VENV)/.native: $(wildcard app/engine/native/*.cc app/engine/native/*.h) app/engine/native/build.py $(VENV)/.installed
	$(BIN)/python app/engine/native/build.py
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements-dev.txt
	@touch $@
