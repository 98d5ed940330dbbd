# Every target sets up what it needs first; `make` alone lists them.
.DEFAULT_GOAL := help

# The Python that .venv is made with, and what `gui` and `bench` are to run.
PYTHON ?= python3
SCENARIO ?= morning-shuttle
BENCH ?= overhead anchors

# Prerequisites are relative, so that the checkout may lie in a folder with spaces.
VENV := .venv
READY := $(VENV)/.ready
KERNELS := $(VENV)/.kernels
KERNEL_SOURCES := $(shell grep -rlE '^(from|import) numba' --include='*.py' sim)

# Kernels are compiled once, here, and found again by every run, wherever it is started.
export NUMBA_CACHE_DIR := $(CURDIR)/$(VENV)/numba_cache
export PIP_DISABLE_PIP_VERSION_CHECK := 1
MAKEFLAGS += --no-print-directory

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: run
run: $(KERNELS) ## Set up and do the main job: three services on one morning, KPIs and a report
	@$(VENV)/bin/bitgreen morning

.PHONY: test
test: $(KERNELS) ## Set up and pass the tests
	@$(VENV)/bin/python -m pytest -q -n auto --dist loadfile

.PHONY: chaos
chaos: $(KERNELS) ## Kill runs, drivers and cluster nodes at bad moments, and look what is left
	@$(VENV)/bin/python -m pytest -q -m chaos

.PHONY: lint
lint: $(READY) ## Check style, types and the direction of imports
	@$(VENV)/bin/ruff check
	@$(VENV)/bin/ruff format --check
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-logo

.PHONY: format
format: $(READY) ## Put imports and layout in order
	@$(VENV)/bin/ruff check --select I --fix
	@$(VENV)/bin/ruff format

.PHONY: serve
serve: $(KERNELS) ## Serve the HTTP API on 127.0.0.1:8000
	@$(VENV)/bin/bitgreen serve

.PHONY: gui
gui: $(KERNELS) ## Open SCENARIO in sumo-gui with its controllers attached
	@$(PYTHON) -I sim/system.py check --install --gui
	@$(VENV)/bin/bitgreen gui $(SCENARIO)

.PHONY: network
network: $(READY) ## Rebuild the networks from their tables
	@$(VENV)/bin/bitgreen network build

.PHONY: check
check: $(KERNELS) ## Check the network: shape, access, signals, and the traffic of a standard morning
	@$(VENV)/bin/bitgreen network check --traffic

.PHONY: bench
bench: $(KERNELS) ## Run the benchmarks, or those named in BENCH, one JSON line each
	@for name in $(BENCH); do $(VENV)/bin/python -m "benchmarks.$$name" --json || exit 1; done

# uv resolves for all Pythons at once, one version each. It is on no path that users take: `pip install uv` brings it.
LOCK := uv pip compile pyproject.toml --quiet --universal --fork-strategy fewest --generate-hashes \
	--no-emit-index-url --no-header --no-config --upgrade

.PHONY: lock
lock: ## Pin all dependencies anew (needs uv)
	@$(LOCK) --extra build --extra dev --output-file requirements.lock
	@$(LOCK) --extra build --constraints requirements.lock --output-file requirements-service.lock

.PHONY: clean
clean: ## Remove .venv and all caches; runs stay
	rm -rf $(VENV) build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: system
system:
	@$(PYTHON) -I sim/system.py check --install

# The stamp holds the folder it was made in, since a venv does not survive a move; it is written last, so that whatever
# was interrupted is made from scratch.
ifneq ($(shell cat $(READY) 2>/dev/null),$(CURDIR))
.PHONY: $(READY)
endif
$(READY): requirements.lock pyproject.toml | system
	@echo "Setting up .venv: about 330 MB to fetch, then a minute or two"
	@[ "$$(cat $@ 2>/dev/null)" = "$(CURDIR)" ] || $(PYTHON) -m venv --clear $(VENV)
	@rm -f $@
	@$(VENV)/bin/python -m pip install --quiet --require-hashes -r requirements.lock
	@$(VENV)/bin/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@echo "$(CURDIR)" > $@

# numba sees that a kernel's own file has changed, but not that a file has whose kernels it calls
$(KERNELS): $(KERNEL_SOURCES) $(READY)
	@rm -rf $(NUMBA_CACHE_DIR)
	@$(VENV)/bin/bitgreen doctor
	@touch $@
