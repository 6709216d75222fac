# `make` alone lists the targets. Everything lives in .venv; delete it to start afresh.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# On a machine without a GPU: make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
PORT ?= 8501
HOME_DIR ?= $(CURDIR)/.gilbreth

.PHONY: help demo test lint system crosscheck methods accuracy quality endurance benchmark fuzz clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "python3-venv is missing; installing it" >&2; \
	  if [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq python3-venv; else sudo apt-get update -qq && sudo apt-get install -y -qq python3-venv; fi && \
	  $(PYTHON) -m venv $(VENV); }

$(VENV)/.torch: constraints.txt | $(BIN)/python
	@echo "Installing torch" >&2
	@$(PIP) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) "torch==$$(sed -n 's/^torch==//p' constraints.txt)"
	@touch $@

$(VENV)/.demo: pyproject.toml constraints.txt $(VENV)/.torch
	@echo "Installing gilbreth and what the demo needs" >&2
	@$(PIP) --editable '.[infer,dicom,report]'
	@touch $@

$(VENV)/.dev: $(VENV)/.demo
	@echo "Installing what the tests need" >&2
	@$(if $(TORCH_INDEX),$(PIP) --index-url $(TORCH_INDEX) "torchvision==$$(sed -n 's/^torchvision==//p' constraints.txt)")
	@$(PIP) --editable '.[infer,dicom,report,postgres,cluster,agent,nnunet,dev]'
	@touch $@

demo: $(VENV)/.demo ## Make .venv, install, make a phantom case and a demo study, open the dashboard
	@$(BIN)/gilbreth demo --home $(HOME_DIR) --port $(PORT)

test: $(VENV)/.dev lint ## Install and run every check that needs no server: ruff, mypy, layers, pytest with doctests
	@$(BIN)/python -m pytest -m "not system and not slow and not gpu" -n 2 --dist loadfile -q

lint: $(VENV)/.dev ## Ruff, mypy and the import layers
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

system: $(VENV)/.dev ## Browser, PACS, PostgreSQL and kill tests (needs the apt packages that .ci/run installs)
	@$(BIN)/python -m pytest -m "system and not slow" -q tests/system

crosscheck: $(VENV)/.dev ## Hold the statistics against R over random data (needs r-base-core, r-cran-lme4, r-cran-lmertest, r-cran-mass)
	@$(BIN)/python benchmarks/crosscheck_times.py && $(BIN)/python benchmarks/crosscheck_readers.py

methods: $(VENV)/.dev ## Simulate whole studies: type I error, power and coverage of every default method (long)
	@$(BIN)/python benchmarks/methods.py

accuracy: $(VENV)/.dev ## Score the methods on unseen phantoms and real crops (long)
	@$(BIN)/python benchmarks/accuracy.py

endurance: $(VENV)/.dev ## The full kill, load, race, tamper and disk-full runs (long; in parts with GILBRETH_KILLS=300 and the like)
	@$(BIN)/python -m pytest -m slow -q -s tests; status=$$?; $(BIN)/python -m tests.system.endurance; exit $$status

quality: $(VENV)/.dev ## Plant faults on unseen phantoms and count what the verdict finds (long)
	@$(BIN)/python -m benchmarks.quality --seeds 401 402 403 404 405 406 407 408 409 410 --rows out/quality.csv --table

benchmark: $(VENV)/.demo ## The speed table on a full-size case (long)
	@$(BIN)/gilbreth benchmark --write docs/speed.md

fuzz: $(VENV)/.dev ## 100,000 mutated scans against the reader; goes on where the last run ended (FUZZ_COUNT, out/fuzz.jsonl)
	@mkdir -p out && $(BIN)/python -W ignore -m tests.inference.scans.fuzz --count $(or $(FUZZ_COUNT),100000) --journal out/fuzz.jsonl

clean: ## Remove .venv and the demo home
	rm -rf $(VENV) $(HOME_DIR)
