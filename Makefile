# `make` alone lists the targets. Everything installs what it needs first, once.

PSA = connectwise
PORT = 7071
ONCE =
UPGRADE =

# What `make bench` measures: all parts, or some of cycles sync-now hosts cold-start storage pages.
PARTS =

# Which seeds make chaos plays.
SEED =
SEEDS = 20
FIRST = 1

# How many made-up requests of each kind make fuzz sends to each address.
REQUESTS = 50

# How many examples the properties try: quick or full.
EFFORT = quick

# Another environment beside the usual one: make test BASE_PYTHON=python3.11 VENV=.venv-3.11
BASE_PYTHON =
VENV = .venv
PYTHON = $(VENV)/bin/python
# Each stamp is younger than what it was installed from, and lives with what it stands for.
PACKAGES = $(VENV)/.installed
NODE_MODULES = node_modules/.installed

PYTEST = $(PYTHON) -m pytest -q
# Two at a time: check's tests are bound by the processor, and a small machine has two. Files stay
# together, as their fixtures are shared, until one of the two has nothing left to do.
PARALLEL = -n 2 --dist worksteal
# Three where they wait: for leases that end, messages that come back, and each other's processes.
WAITING = -n 3 --dist worksteal

# Keeps the pins that stand, and the header line that says where the file comes from. With the hashes
# of every file of a release: pip then takes no other, wherever it gets it from.
compile = $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --no-header \
	--generate-hashes $(if $(UPGRADE),--upgrade) $(2) --output-file $(1) pyproject.toml >/dev/null && \
	{ echo '\# Compiled from pyproject.toml by `make lock`; edit that and run it again.'; \
	cat $(1); } > $(1).new && mv $(1).new $(1)

.DEFAULT_GOAL := help
.PHONY: help setup demo start azurite simulators test check format lint types imports fast unit \
	integration browser chaos fuzz assets pictures bench package audit licenses bom fixtures lock clean

help: ## List these targets.
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: $(PACKAGES) $(NODE_MODULES) ## Install what is missing: .venv and node_modules.

demo: setup ## Run it all with a made-up MSP; PSA=autotask|halopsa|syncro, ONCE=1 stops after the check.
	@exec $(PYTHON) -m local demo --psa $(PSA) $(if $(ONCE),--once,--port $(PORT))

start: setup local.settings.json ## Run the app with local.settings.json: `func start`, else the local host.
	@if command -v func >/dev/null 2>&1; then \
		VIRTUAL_ENV="$(CURDIR)/$(VENV)" PATH="$(CURDIR)/$(VENV)/bin:$$PATH" exec func start --port $(PORT); \
	else \
		exec $(PYTHON) -m local host --port $(PORT); \
	fi

azurite: setup ## Run the storage emulator that the sample settings name.
	@exec $(PYTHON) -m local azurite

simulators: setup ## Run Microsoft and the PSA, simulated, with the made-up MSP in them; PSA=….
	@$(PYTHON) -m local sample .local --psa $(PSA)
	@exec $(PYTHON) -m local simulators microsoft $(PSA) \
		--microsoft-state .local/microsoft.json --$(PSA)-state .local/$(PSA).json

test: ## Run everything: check with every example, then the tests on real storage and processes.
	@$(MAKE) --no-print-directory setup
	@$(MAKE) --no-print-directory check EFFORT=full
	@$(MAKE) --no-print-directory integration
	@$(MAKE) --no-print-directory browser

check: format lint types imports fast ## Formatting, lint, types, import rules and the fast tests.

format: $(PACKAGES)
	@$(VENV)/bin/ruff format --check --quiet . || { echo "run: $(VENV)/bin/ruff format ."; exit 1; }

lint: $(PACKAGES)
	@$(VENV)/bin/ruff check --quiet .

types: $(PACKAGES)
	@$(VENV)/bin/mypy

imports: $(PACKAGES)
	@$(VENV)/bin/lint-imports --no-logo

fast: $(PACKAGES)
	@PROPERTY_EFFORT=$(EFFORT) $(PYTEST) $(PARALLEL) --ignore=tests/integration --ignore=tests/model \
		--ignore=tests/browser --ignore=tests/chaos

unit: $(PACKAGES) ## The unit tests alone.
	@$(PYTEST) $(PARALLEL) tests/unit

integration: setup ## The tests on real storage and real processes alone.
	@$(PYTEST) $(WAITING) tests/model tests/integration tests/chaos

browser: setup ## The tests of the pages in a real Chromium alone.
	@$(PYTHON) -m local.install browser
	@$(PYTEST) $(PARALLEL) tests/browser

assets: setup ## Copy the pages' styles and scripts from node_modules into functions/pages/static/vendor.
	@$(PYTHON) -m local.assets

pictures: setup ## Make the README's pictures of the pages, from the made-up MSP.
	@$(PYTHON) -m local.install browser
	@$(PYTHON) -m local demo --once --pictures docs/images

chaos: setup ## Play random faults on the real stack: SEEDS=200 FIRST=1, or SEED=123; PSA=….
	@$(PYTHON) -m tests.chaos --logs .local/chaos \
		$(if $(filter command line,$(origin PSA)),--psa $(PSA)) \
		$(if $(SEED),--seed $(SEED),--seeds $(SEEDS) --first $(FIRST))

fuzz: setup ## Send the API on the real stack made-up requests: REQUESTS=50 of each kind to each address.
	@FUZZ_EXAMPLES=$(REQUESTS) $(PYTEST) $(PARALLEL) tests/integration/test_api_fuzz.py

bench: setup ## Measure cycles, Sync Now, start and pages; QUICK=1 PSA=… JSON=file; RECORD=1 writes docs.
	@$(PYTHON) -m bench $(PARTS) $(if $(QUICK),--quick) $(if $(LARGEST_ONCE),--largest-once) $(if $(filter command line,$(origin PSA)),--psa $(PSA)) \
		$(if $(JSON),--json $(JSON)) $(if $(RECORD),--record)

package: $(PACKAGES) ## Build dist/seatsync.zip, which is what gets deployed.
	@$(PYTHON) -m local package

fixtures: $(PACKAGES) ## Write what this release stores to tests/data/releases, once a release.
	@$(PYTHON) -m tests.releases

audit: setup ## Look the pinned packages up among the known faults.
	@$(VENV)/bin/pip-audit --disable-pip --no-deps -r requirements-dev.txt
	@npm audit

licenses: $(PACKAGES) ## List the licences of what is deployed.
	@$(VENV)/bin/pip-licenses --packages $$(sed -nE 's/^([A-Za-z0-9._-]+)==.*/\1/p' requirements.txt)

bom: $(PACKAGES) ## Write dist/bom.json: the bill of materials of what is deployed (CycloneDX).
	@mkdir -p dist && $(VENV)/bin/cyclonedx-py requirements requirements.txt --of JSON -o dist/bom.json

lock: $(PACKAGES) ## Compile requirements*.txt from pyproject.toml; UPGRADE=1 takes newer versions.
	@$(call compile,requirements.txt,)
	@$(call compile,requirements-dev.txt,--extra dev)

clean: ## Remove what was installed, cached and logged; local.settings.json stays.
	rm -rf $(VENV) node_modules .local .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(PYTHON):
	@python=$(if $(BASE_PYTHON),$(BASE_PYTHON),$$(sh local/newest-python.sh)) && \
		echo "Making $(VENV) with $$("$$python" --version)" && \
		"$$python" -m venv $(VENV)

$(PACKAGES): requirements-dev.txt | $(PYTHON)
	@$(PYTHON) -m local.install packages

$(NODE_MODULES): package-lock.json | $(PACKAGES)
	@$(PYTHON) -m local.install node

local.settings.json:
	@cp local.settings.sample.json local.settings.json
	@echo "Made local.settings.json from the sample: put your own connections in, or leave it as it"
	@echo "is and run 'make azurite' and 'make simulators' in two other terminals. docs/settings.md"
	@echo "explains each setting."
