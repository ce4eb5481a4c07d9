# The door of the house. It needs make, a POSIX shell and a Python >= 3.11 with venv; pip installs
# the rest from the package registry, hash-checked. Only `make lock` needs uv.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet
PYTHONS := python3.14 python3.13 python3.12 python3.11 python3 python
WORKERS := 2
UV := uv
EXPORT = $(UV) export --no-config --frozen --quiet --no-header --no-annotate --no-emit-project

.DEFAULT_GOAL := help
.PHONY: help venv demo test soak check bench lock clean
.DELETE_ON_ERROR:

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(VENV)/.run ## install Tieout into .venv, with what it needs to run

demo: $(VENV)/.run ## reconcile the bundled trading day and write its report
	@$(BIN)/tieout demo

test: $(VENV)/.dev ## run the tests, with at least 90 % of the code covered
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --cov --cov-report=term $(ARGS)

soak: $(VENV)/.dev ## watch 40 busy simulated markets for five minutes each: hours of computing
	$(BIN)/python tests/simulation/soak.py $(ARGS)

check: $(VENV)/.dev ## lint, format, types and layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# Tieout runs in what a plain install gives; what its peers bring along would slow its start.
bench: ## measure Tieout beside its peers, each in an environment of its own
	@$(MAKE) --no-print-directory VENV=$(VENV)/plain $(VENV)/plain/.run
	@$(MAKE) --no-print-directory VENV=$(VENV)/bench $(VENV)/bench/.bench
	@$(MAKE) --no-print-directory $(VENV)/.dev
	@$(VENV)/plain/bin/python -m compileall -q src
	$(VENV)/bench/bin/python benchmarks/run.py --python $(CURDIR)/$(VENV)/plain/bin/python \
	    --live $(CURDIR)/$(BIN)/python $(ARGS)

lock: ## resolve the dependencies again: uv.lock and requirements/ (needs uv)
	env -u UV_INDEX_URL -u UV_DEFAULT_INDEX -u UV_INDEX -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS \
	    $(UV) lock --no-config $(ARGS)
	@! grep -Eo '(https?|file)://[^/" ]*' uv.lock \
	    | grep -Evx 'https://(pypi\.org|files\.pythonhosted\.org)' \
	    || { echo 'uv.lock names another index than the public one' >&2; exit 1; }
	@mkdir -p requirements
	$(EXPORT) --no-default-groups --group build --output-file requirements/run.txt
	$(EXPORT) --all-extras --group dev --output-file requirements/dev.txt
	$(EXPORT) --no-default-groups --group bench --output-file requirements/bench.txt

clean: ## remove .venv, caches and what the demo wrote
	rm -rf $(VENV) tieout-demo dist build htmlcov .coverage .coverage.* .import_linter_cache \
	    .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp stands for a finished install; its absence means that pip makes sure again.
$(VENV)/.%: requirements/%.txt pyproject.toml $(VENV)/.made
	@echo 'Installing what $< pins into $(VENV) ...'
	@$(PIP) install --require-hashes -r $<
	@$(PIP) install --no-deps --no-build-isolation --no-index --editable .
	@touch $@

# The first Python on the PATH that runs and is new enough: a version manager's shim may do neither.
$(VENV)/.made:
	@for python in $(PYTHONS); do \
	    version=$$("$$python" -c 'import sys; v = sys.version_info; v < (3, 11) and sys.exit(1); \
	        print("%d.%d" % v[:2])' 2>/dev/null) || continue; \
	    if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
	        echo "Python $$version is there ($$(command -v "$$python")), but its venv module is not." >&2; \
	        echo "  Debian, Ubuntu: sudo apt-get install python$$version-venv" >&2; \
	        echo "  or take another Python: make $(MAKECMDGOALS) PYTHONS=/path/to/python3" >&2; \
	        exit 1; \
	    fi; \
	    echo "Creating $(VENV) with Python $$version ..."; \
	    "$$python" -m venv $(VENV) && touch $@; exit; \
	done; \
	echo 'Tieout needs Python 3.11 or newer, and there is none on the PATH.' >&2; \
	echo '  Debian, Ubuntu: sudo apt-get install python3 python3-venv' >&2; \
	echo '  macOS: brew install python@3.13' >&2; \
	echo '  or name it: make $(MAKECMDGOALS) PYTHONS=/path/to/python3' >&2; \
	exit 1
