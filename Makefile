# Every target sets up what it needs first; what is up to date is not done again.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.ONESHELL:
.PHONY: help setup demo lint check test bench images clean

UV_VERSION := 0.13.9
UV := .uv/bin/uv
BIN := .venv/bin
PACKAGES := schemas online_models templates flink_jobs connectors training foresend

# The machine's own Python and the package index are all that uv may use.
export UV_PYTHON_DOWNLOADS := never
export UV_PYTHON_PREFERENCE := only-system
export UV_PROJECT_ENVIRONMENT := .venv
unexport VIRTUAL_ENV

help: ## show the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile

setup: .venv/.ready .jars/.ready .venv-train/.ready ## environment (uv, locked) and the jars of Kafka and Flink (Maven)

demo: .venv/.ready .jars/.ready ## live: simulated people and their messages (WORKSPACE=dir: your own; Ctrl-C ends it)
	@exec $(BIN)/foresend demo $(if $(WORKSPACE),--workspace "$(WORKSPACE)")

lint: setup ## format, lint, strict types, import rule, alert rules
	@$(BIN)/ruff format --check --quiet . || { echo "run: .venv/bin/ruff format"; exit 1; }
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports
	deploy/prometheus/check

check: lint ## what `make lint` does, all tests that need no other program, doctests
	@$(BIN)/pytest --quiet -m "not stack"
	$(BIN)/pytest --quiet --doctest-modules $(PACKAGES)

test: setup ## all tests, with real Kafka and Flink
	@$(BIN)/pytest --quiet --durations=10
	.venv-train/bin/pytest --quiet tests/unit/training
	$(BIN)/pytest --quiet --doctest-modules $(PACKAGES)

bench: setup ## measure this machine at full size, and write docs/benchmarks.md: an hour, and nothing else should run
	@$(BIN)/foresend bench all

images: ## build the three images: needs docker (with BuildKit) or podman; see docs/deploy/images.md
	@engine=$$(command -v docker || command -v podman) || {
		echo "make images: expected docker or podman on the PATH, found neither; install one of them" >&2
		exit 1
	}
	version=$$(sed -n 's/^version = "\(.*\)"$$/\1/p' pyproject.toml)
	"$$engine" build --file deploy/docker/python.Dockerfile --target programs --tag "foresend:$$version" .
	"$$engine" build --file deploy/docker/python.Dockerfile --target train --tag "foresend-train:$$version" .
	"$$engine" build --file deploy/docker/flink.Dockerfile --target flink --tag "foresend-flink:$$version" .

clean: ## remove everything that setup and the tools have made
	rm -rf .venv .venv-train .uv .jars .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# Each step of the setup leaves its seconds, as the shell counts them, in setup_s: the demo tells their sum.
.uv/.ready-$(UV_VERSION):
	@python=$$(deploy/local/find-python)
	"$$python" -m foresend.local.java
	echo "Setting up uv $(UV_VERSION) in .uv ..."
	rm -rf .uv
	"$$python" -m venv .uv
	.uv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	echo $$SECONDS > .uv/setup_s
	touch $@

.venv/.ready: .uv/.ready-$(UV_VERSION) pyproject.toml uv.lock
	@echo "Setting up the locked environment in .venv (the first time some 700 MB) ..."
	$(UV) sync --quiet --locked --extra flink
	echo $$SECONDS > .venv/setup_s
	touch $@

# What trains is kept apart from what runs: see docs/adr/0022-training-environment.md.
.venv-train/.ready: .uv/.ready-$(UV_VERSION) pyproject.toml uv.lock
	@echo "Setting up the locked environment of foresend train in .venv-train (the first time some 300 MB) ..."
	UV_PROJECT_ENVIRONMENT=.venv-train $(UV) sync --quiet --locked --extra train
	touch $@

.jars/.ready: $(wildcard foresend/local/resources/*/pom.xml) | .venv/.ready
	@$(BIN)/foresend local jars
	echo $$SECONDS > .jars/setup_s
	touch $@
