# Every target makes its own environment in .venv: a fresh machine needs make and Python 3.11 or newer, nothing else.
# Paths are relative on purpose: make cannot hold a space in the name of a file, the shell can.

SHELL := /bin/sh
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
unexport PYTHONHOME PYTHONPATH VIRTUAL_ENV
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONNOUSERSITE := 1

PY := .venv/bin/python
UV := build/lock/bin/uv
UV_VERSION := 0.13.9
COMPILE := pip compile --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11 --quiet
SEEDS ?= 20
MINUTES ?= 10
ARGS ?=

.PHONY: help demo test check check-install frameworks triton native bench sim fuzz docs lock format clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' Makefile

demo: .venv/installed ## see it work: everything on this machine, no key, under a minute
	.venv/bin/poise demo $(ARGS)

test: check ## make check, then every test, then those of compiled modules once more, compiled
	$(PY) -m pytest $(ARGS)
	$(PY) -m checks.native --test

check: .venv/installed ## style, types, floors, sizes, habits, documents; all are run, one failure fails it
	$(PY) -m checks

check-install: .venv/installed ## the size of the base install, in a fresh environment of its own
	$(PY) -m checks.size_install

frameworks: .venv/installed build/frameworks/installed ## LangChain, LlamaIndex and pydantic-ai through a gateway to every emulator
	$(PY) -m checks.frameworks build/frameworks/bin/python

triton: .venv/installed build/triton/installed ## Triton's own client through a gateway to emulated servers of tensors
	$(PY) -m checks.triton build/triton/bin/python

native: .venv/installed ## compile the hot path into build/native; needs a C compiler
	$(PY) -m checks.native

bench: .venv/installed ## the side-by-side measurements of README.md
	.venv/bin/poise bench $(ARGS)

sim: .venv/installed ## rehearsals on virtual time: SEEDS=20
	$(PY) -m poise.sim --seeds $(SEEDS) $(ARGS)

fuzz: .venv/installed ## feed every parser what nobody would send: MINUTES=10, ARGS="--seed 1"
	$(PY) -m tests.fuzz --minutes $(MINUTES) $(ARGS)

docs: .venv/installed ## write the generated parts of the documents anew, then check them
	$(PY) -m checks.docs --write

format: .venv/installed ## lay the code out as make check wants it
	$(PY) -m ruff check --fix --exit-zero --quiet
	$(PY) -m ruff format

lock: $(UV) ## compile requirements/*.txt anew, with hashes
	$(UV) $(COMPILE) pyproject.toml -o requirements/base.txt
	$(UV) $(COMPILE) pyproject.toml --group dev -o requirements/dev.txt
	$(UV) $(COMPILE) requirements/frameworks.in -o requirements/frameworks.txt
	$(UV) $(COMPILE) requirements/triton.in -o requirements/triton.txt

clean: ## remove everything that was made, the environment too
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find poise tests checks -name __pycache__ -type d -prune -exec rm -rf {} +

# A Python that is new enough and whole: Debian ships one without ensurepip, in which no environment can be made.
find_python = for python in python3.11 python3.12 python3.13 python3.14 python3; do \
	  if "$$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then break; fi; \
	  python=; \
	done; \
	if test -z "$$python"; then \
	  echo 'error: no Python of version 3.11 or newer with the module venv on the PATH' >&2; \
	  echo '  hint: install one, on Debian and Ubuntu: python3 python3-venv' >&2; exit 1; \
	fi

# Stamps, so that nothing is installed twice: the first follows the lock, the second also the project's metadata.
.venv/locked: requirements/dev.txt
	@$(find_python); "$$python" -m venv .venv
	$(PY) -m pip install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

.venv/installed: .venv/locked pyproject.toml
	$(PY) -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

build/frameworks/installed: requirements/frameworks.txt
	@$(find_python); "$$python" -m venv build/frameworks
	build/frameworks/bin/python -m pip install --quiet --require-hashes -r requirements/frameworks.txt
	@touch $@

build/triton/installed: requirements/triton.txt
	@$(find_python); "$$python" -m venv build/triton
	build/triton/bin/python -m pip install --quiet --require-hashes -r requirements/triton.txt
	@touch $@

$(UV):
	@$(find_python); "$$python" -m venv build/lock
	build/lock/bin/python -m pip install --quiet uv==$(UV_VERSION)
