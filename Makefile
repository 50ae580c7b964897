# What people want, one target each; `make help` lists them.
SHELL := /bin/bash
PYTHON ?= $(shell for p in python3.13 python3.12 python3.14 python3.11 python3; do command -v $$p >/dev/null && $$p -c 'import venv, ensurepip' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
TREE := .collections/ansible_collections/originlock/aop
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.collections
export PYTHONPATH := $(CURDIR)/.collections
ARGS ?=

.PHONY: help
help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(VENV)/.ready: requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -r requirements-dev.txt
	touch $@

.PHONY: tree
tree: ## Lay the checkout out as an importable collection in .collections
	@mkdir -p $(TREE)
	@for name in galaxy.yml README.md LICENSE plugins roles playbooks meta tests docs changelogs extensions; do \
	  test -e $$name && ln -sfn $(CURDIR)/$$name $(TREE)/$$name; done; true

.PHONY: units
units: $(VENV)/.ready tree ## Unit tests (ARGS="path -k name" narrows)
	$(BIN)/python -m pytest $(or $(ARGS),tests/unit)
