# Every target sets up what it needs first; what is up to date is not done again.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.ONESHELL:
.PHONY: help setup check test bench clean

UV_VERSION := 0.13.9
UV := .uv/bin/uv
BIN := .venv/bin
PACKAGES := schemas online_models templates flink_jobs connectors foresend

# The machine's own Python and the package index are all that uv may use.
export UV_PYTHON_DOWNLOADS := never
export UV_PYTHON_PREFERENCE := only-system
export UV_PROJECT_ENVIRONMENT := .venv
unexport VIRTUAL_ENV

help: ## show the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile

setup: .venv/.ready .jars/.ready ## environment (uv, locked) and the jars of Kafka and Flink (Maven)

check: setup ## format, lint, strict types, import rule, all tests that need no other program, doctests
	@$(BIN)/ruff format --check --quiet . || { echo "run: .venv/bin/ruff format"; exit 1; }
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest --quiet -m "not stack"
	$(BIN)/pytest --quiet --doctest-modules $(PACKAGES)

test: setup ## all tests, with real Kafka and Flink
	@$(BIN)/pytest --quiet --durations=10
	$(BIN)/pytest --quiet --doctest-modules $(PACKAGES)

bench: setup ## measure this machine at full size, and write docs/benchmarks.md: an hour, and nothing else should run
	@$(BIN)/foresend bench all

clean: ## remove everything that setup and the tools have made
	rm -rf .venv .uv .jars .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.uv/.ready-$(UV_VERSION):
	@python=$$(deploy/local/find-python)
	"$$python" -m foresend.local.java
	echo "Setting up uv $(UV_VERSION) in .uv ..."
	rm -rf .uv
	"$$python" -m venv .uv
	.uv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	touch $@

.venv/.ready: .uv/.ready-$(UV_VERSION) pyproject.toml uv.lock
	@echo "Setting up the locked environment in .venv (the first time some 700 MB) ..."
	$(UV) sync --quiet --locked --extra flink
	touch $@

.jars/.ready: $(wildcard foresend/local/resources/*/pom.xml) | .venv/.ready
	@$(BIN)/foresend local jars
	touch $@
