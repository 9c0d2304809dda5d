# sepme from a checkout. `make serve` and `make test` set up what is missing and are instant the second time.
#
#   make serve        the service on http://127.0.0.1:8000, its state in .state
#   make test         the fast tests: minutes on two cores
#   make check        everything: style, types, the doors between the rooms, the documentation, the slow tests
#   make lint         the first three of these
#   make docs         the documentation as a site, in site/; a broken link is an error
#   make docs-serve   the same on http://127.0.0.1:8001, anew at every change of a page
#   make chaos        a hundred kills and other faults under load, in both forms of the service: most of an hour
#   make explore      the tests of properties, on examples nobody has tried yet
#   make demo-model   train the shipped model again (hours; resumes where it was interrupted)
#   make constraints  resolve again what constraints.txt pins; UV_OPTIONS=--upgrade takes newer releases
#   make release VERSION=1.2.3   check, build and tag a release; nothing is pushed
#
# PIP_OPTIONS goes to pip: an index with a CPU build of torch spares gigabytes where there is no GPU.

PYTHON ?= python3
PIP_OPTIONS ?=
UV_OPTIONS ?=
VERSION ?=
VENV := .venv
INSTALLED := $(VENV)/.installed-for

.PHONY: serve test check lint docs docs-serve chaos explore demo-model constraints release
.DEFAULT_GOAL := serve

serve: export SEPME_HOME ?= $(CURDIR)/.state
serve: $(INSTALLED)-worker
	@exec $(VENV)/bin/sepme serve

# Two processes with a thread each keep two cores busier than one process with two.
test: export OMP_NUM_THREADS ?= 1
test: $(INSTALLED)-test
	$(VENV)/bin/python -m pytest -n 2 --dist loadfile -m "not slow"

check: lint docs
	$(VENV)/bin/python -m pytest -m slow
	$(VENV)/bin/python -m benchmarks.chaos --short

chaos: $(INSTALLED)-test
	$(VENV)/bin/python -m benchmarks.chaos

lint: $(INSTALLED)-test $(INSTALLED)-lint
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/lint-imports
	$(VENV)/bin/mypy

docs docs-serve: export NO_MKDOCS_2_WARNING := 1
docs: $(INSTALLED)-docs
	$(VENV)/bin/python -m mkdocs --quiet build --strict --clean

docs-serve: $(INSTALLED)-docs
	$(VENV)/bin/python -m mkdocs serve --dev-addr 127.0.0.1:8001

explore: export OMP_NUM_THREADS ?= 1
explore: $(INSTALLED)-test
	$(VENV)/bin/python -m pytest --hypothesis-profile=explore $$(grep -rl "^from hypothesis import" tests)

demo-model: $(INSTALLED)-train
	$(VENV)/bin/python -m sepme_core.demo.training

# What is pinned stays as it is where it still fits. For every platform, so that a lock made here holds elsewhere.
constraints: $(INSTALLED)-release
	$(VENV)/bin/uv pip compile pyproject.toml --quiet --all-extras --universal --python-version 3.11 \
	    --generate-hashes --no-annotate --no-emit-index-url --custom-compile-command "make constraints" \
	    $(UV_OPTIONS) --output-file constraints.txt

release: $(INSTALLED)-release
	$(VENV)/bin/python deploy/release.py "$(VERSION)"

# One stamp for each set of extras; a change of what is required sets up again.
$(INSTALLED)-%: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Setting up $(VENV) (once, a few minutes) …"
	@$(VENV)/bin/python deploy/install.py --editable $*
	@touch $@

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("sepme needs Python 3.11 or newer. Name one: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv $(VENV)
