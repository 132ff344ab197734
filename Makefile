# Every target sets itself up: `make demo` on a fresh machine is enough.

BIN     := .venv/bin
STAMP   := .venv/.installed
WORKERS ?= 2
FORM    ?= yaml
ARGS    ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all fuzz check format schema docs bench clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml constraints.txt .python-version .ci/setup
	@.ci/setup
	@touch $@

setup: $(STAMP)  ## .venv with the pinned packages; a second call installs nothing

demo: $(STAMP)  ## fit a published theory to its data; pages go to out/
	@$(BIN)/mechanisms demo --out out $(ARGS)

test: $(STAMP)  ## the tests, without the long suite (WORKERS=0: one process; ARGS="-k word": some of them)
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile $(ARGS)

test-all: $(STAMP)  ## the tests and the long suite (a million fuzzed texts are in it)
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile -m "slow or not slow" $(ARGS)

fuzz: $(STAMP)  ## fuzz the reader until a text breaks it (FORM=yaml or dagitty)
	@mkdir -p out
	$(BIN)/python tests/spec/fuzz.py $(FORM) -artifact_prefix=out/ $(ARGS)

check: $(STAMP)  ## lint, format, types, layers; changes nothing
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(STAMP)  ## let ruff mend what it can
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

schema: $(STAMP)  ## renew models/theory.schema.json, by which editors check a theory
	$(BIN)/python -m mechanisms.spec.schema > models/theory.schema.json

docs: $(STAMP)  ## execute the notebooks; pages go to docs/_build/
	$(BIN)/python docs/build.py $(ARGS)

bench: $(STAMP)  ## time us and the rivals in one run (benchmarks/README.md)
	benchmarks/run.sh

clean:  ## remove what the other targets made, except .venv
	rm -rf out docs/_build benchmarks/.envs benchmarks/.data dist build *.egg-info \
	    .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find mechanisms tests benchmarks docs -name __pycache__ -type d -prune -exec rm -rf {} +
