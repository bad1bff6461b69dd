# The two commands of the README: `make demo` and `make test`. Each sets up what it needs.
PYTHON ?= python3
BIN := .venv/bin
SETUP := .venv/.made

.PHONY: setup demo test test-slow lint wheel-check clean

setup: $(SETUP)

$(SETUP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@

demo: $(SETUP)
	$(BIN)/nmn demo

test: $(SETUP)
	$(BIN)/python -m pytest -m "not slow"

test-slow: $(SETUP)
	$(BIN)/python -m pytest -m slow

lint: $(SETUP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Build the wheel, install it into an empty environment away from the source, ask it a question.
wheel-check: $(SETUP)
	sh .ci/wheel-check $(BIN)/python

clean:
	rm -rf .venv dist .pytest_cache .mypy_cache .ruff_cache
