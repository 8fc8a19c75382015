# Two commands matter: `make up` starts Inalign, `make test` runs everything that can be run here.

PYTHON ?= python3
BIN = .venv/bin
SOURCES = src tests bench

.PHONY: up test test-long check lint docs bench soak differ fuzz format clean

# With settings of your own these, else a made-up set of reports to look at.
up: .venv/for-use
	@if [ -e inalign.toml ] || [ -e /etc/inalign/inalign.toml ]; then exec $(BIN)/inalign up; fi; \
	[ -e .sample/inalign.toml ] || $(BIN)/inalign sample .sample; exec $(BIN)/inalign up --config .sample/inalign.toml

test: .venv/for-tests
	@packaging/test-parts
	@$(MAKE) --no-print-directory check

check: .venv/for-tests lint
	$(BIN)/python -m tests.house.documents --check
	@failed=0; \
	$(BIN)/python -m pytest -n 2 --dist loadfile -q --durations 15 -m "not interop and not long" || failed=1; \
	$(BIN)/python -m pytest -n 2 --dist loadfile -q --durations 15 -m "interop and not long" || failed=1; \
	exit $$failed

# What `make test` leaves out for its length: tests marked long, and ten times the examples of each property.
test-long: .venv/for-tests
	@packaging/test-parts
	@failed=0; \
	$(BIN)/python -m pytest -n 2 --dist loadfile -q --durations 15 -m long || failed=1; \
	HYPOTHESIS_PROFILE=more $(BIN)/python -m pytest -n 2 -q -m "not interop" tests/properties || failed=1; \
	exit $$failed

lint: .venv/for-tests
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: .venv/for-tests
	$(BIN)/python -m tests.house.documents

format: .venv/for-tests
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

# ARGUMENTS=--help says what can be chosen.
bench: .venv/for-tests
	@packaging/bench-parts
	$(BIN)/python bench/run.py $(ARGUMENTS)

soak: .venv/for-tests
	$(BIN)/python bench/soak.py $(ARGUMENTS)

# Asks the other implementations of docs/differences.md about thousands of cases; `make test` asks about hundreds.
CASES ?= 20000
SEED ?= 1
differ: .venv/for-tests
	@packaging/test-parts
	INALIGN_DIFFERENTIAL_CASES=$(CASES) INALIGN_DIFFERENTIAL_SEED=$(SEED) $(BIN)/python -m pytest -q tests/differential

# Fuzzes every parser for so many seconds, or those that TARGETS names; what is found is kept in tests/vectors/fuzz.
SECONDS ?= 60
TARGETS ?=
fuzz: .venv/for-fuzz
	PYTHONPATH=src $(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(TARGETS)

.venv/for-use: requirements.txt requirements-build.txt pyproject.toml
	@PYTHON=$(PYTHON) packaging/venv requirements.txt
	@touch $@

.venv/for-tests: requirements-dev.txt requirements-build.txt pyproject.toml
	@PYTHON=$(PYTHON) packaging/venv requirements-dev.txt
	@touch $@ .venv/for-use

.venv/for-fuzz: requirements-fuzz.txt .venv/for-tests
	@PYTHON=$(PYTHON) packaging/venv requirements-fuzz.txt
	@touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .fuzz
