# Two commands matter: `make up` starts Inalign, `make test` runs everything that can be run here.

PYTHON ?= python3
BIN = .venv/bin
SOURCES = src tests bench

.PHONY: up test check lint docs bench soak format clean

up: .venv/for-use
	@$(BIN)/inalign up

test: .venv/for-tests
	@packaging/test-parts
	@$(MAKE) --no-print-directory check

check: .venv/for-tests lint
	$(BIN)/python -m tests.house.documents --check
	$(BIN)/python -m pytest -n 2 --dist loadgroup -q -m "not interop"
	$(BIN)/python -m pytest -q -m interop

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

.venv/for-use: requirements.txt requirements-build.txt pyproject.toml
	@PYTHON=$(PYTHON) packaging/venv requirements.txt
	@touch $@

.venv/for-tests: requirements-dev.txt requirements-build.txt pyproject.toml
	@PYTHON=$(PYTHON) packaging/venv requirements-dev.txt
	@touch $@ .venv/for-use

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
