# What people want, one target each; `make help` lists them.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
TREE := .collections/ansible_collections/originlock/aop
READY := $(VENV)/.ready
# As given by the user: narrows a test target, e.g. make units ARGS="tests/unit/plugins/filter -k name"
ARGS ?=
PYTEST := $(BIN)/python -m pytest
# Tests import the collection from the laid-out tree, and call the tools of the virtual environment.
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.collections
export PYTHONPATH := $(CURDIR)/.collections
export PATH := $(CURDIR)/$(BIN):$(PATH):/usr/sbin:/sbin
export ANSIBLE_HOME := $(CURDIR)/.ansible
# Ansible wants UTF-8, which a bare machine may not be set to.
export LC_ALL := C.UTF-8

.DEFAULT_GOAL := help
.PHONY: help
help: ## List the targets
	@grep -E '^[a-z0-9-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 20

$(READY): requirements-dev.txt
	@python=$$(tests/tools/setup.sh python) && echo "setup: $$python makes $(VENV), pip downloads the packages of $<" >&2 \
	  && { $(BIN)/python -c '' 2>/dev/null || $$python -m venv --clear $(VENV); } \
	  && $(BIN)/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

.PHONY: setup
setup: $(READY) tree ## Install the Python tools into .venv (other targets do it when needed)

.PHONY: system
system: ## Install the programs that a Debian or Ubuntu machine lacks for the tests (podman, ...)
	@tests/tools/setup.sh system

.PHONY: tree
tree: # lay the checkout out as an importable collection in .collections
	@mkdir -p $(TREE) && for name in galaxy.yml README.md LICENSE plugins roles playbooks meta tests docs changelogs extensions; do \
	  if test -e $$name -a "$$(readlink $(TREE)/$$name)" != "$(CURDIR)/$$name"; then ln -sfn $(CURDIR)/$$name $(TREE)/$$name; fi; done

.PHONY: demo
demo: setup system ## Tell the whole story on real NGINX and Apache, without an account (KEEP=1 leaves it running)
	@$(BIN)/python -m tests.demo $(ARGS)

.PHONY: test
test: setup system ## Everything below, with times and a summary
	@$(BIN)/python -m tests.hosts images
	@$(BIN)/python tests/tools/run_layers.py $(ARGS)

.PHONY: quick
quick: setup system ## What says in a few minutes whether a change is worth `make test`: lint, units, one story
	@$(BIN)/python tests/tools/run_layers.py --quick

.PHONY: roles
roles: setup ## Write the server roles from tests/tools/server_roles.yml
	@$(BIN)/python tests/tools/server_roles.py

.PHONY: lint
lint: setup system ## ansible-lint, ruff, mypy, direction of imports, changelog
	@tests/tools/lint.sh

.PHONY: units
units: setup ## Unit tests, and the promises of all servers on the echo double
	@$(PYTEST) $(or $(ARGS),tests/unit tests/contract)

.PHONY: api
api: setup ## The sandbox, and the Cloudflare modules against it
	@$(PYTEST) $(or $(ARGS),$(wildcard tests/sandbox_tests tests/integration_sandbox))

.PHONY: tarball
tarball: setup ## Build the collection, install it in an empty place and use it
	@$(PYTEST) tests/tarball $(ARGS)

.PHONY: sanity
sanity: setup system ## ansible-test sanity, without ignore files
	@tests/tools/ansible_test.sh sanity $(ARGS)

.PHONY: units-ansible-test
units-ansible-test: setup ## The unit tests under ansible-test
	@tests/tools/ansible_test.sh units $(ARGS)

.PHONY: oldest
oldest: setup system ## Unit tests and a story under the oldest supported ansible-core, Python and libraries
	@$(BIN)/python -m tests.hosts images
	@tests/tools/oldest.sh $(ARGS)

.PHONY: molecule
molecule: setup system ## Each server role on real hosts (ARGS="-s nginx" for one)
	@$(BIN)/python -m tests.hosts images
	@$(BIN)/molecule test $(or $(ARGS),--all)

.PHONY: origins
origins: setup system ## Server drivers and probe against real servers (ARGS="tests/origins/nginx" for some)
	@$(BIN)/python -m tests.hosts images
	@if test -z "$$ORIGINLOCK_RELEASES"; then \
	  echo "NOT RUN: server drivers for nginx on bookworm and Apache on trixie (ORIGINLOCK_RELEASES=bookworm,trixie runs both)"; fi
	@echo "NOT RUN: the prover against Apache on trixie"
	@$(PYTEST) $(or $(ARGS),tests/origins)

.PHONY: e2e
e2e: setup system ## From nothing to enforced, with traffic, on real hosts
	@$(PYTEST) $(or $(ARGS),tests/e2e)

.PHONY: story
story: setup system ## The main story of the end-to-end tests, on one origin of two servers each
	@ORIGINLOCK_STORY_HOSTS=nginx-trixie,apache-bookworm $(PYTEST) tests/e2e/test_story.py $(ARGS)

.PHONY: bench
bench: setup ## All benchmarks: what they measure depends on the machine, so they are not part of the tests
	@set -e; for bench in tests/bench/bench_*.py; do $(BIN)/python -m tests.bench.$$(basename $$bench .py) $(ARGS); done

.PHONY: calls
calls: setup ## How many API calls 1,000 hostnames cost the modules (tests/e2e/test_api_budget.py: the playbook)
	@$(BIN)/python -m tests.bench.bench_onboarding_calls $(ARGS)

.PHONY: clean
clean: ## Remove test hosts and everything that was generated here (images stay)
	@for run in .cache/hosts/runs/*/; do \
	  if test -d "$$run"; then python3 -m tests.hosts down --prefix "$$(basename "$$run")"; fi; done
	@rm -rf $(VENV) .cache .collections collections .ansible .mypy_cache .pytest_cache .ruff_cache .hypothesis tests/output *.tar.gz
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
