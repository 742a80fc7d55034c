# One word for everything: run, test, lint, bench, docs. Each sets up by itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MARK := $(VENV)/.made
PEERS := .venv-bench
CHECKER := .venv-contract
CONTRACTS := share sending status risk files
export DO_NOT_TRACK = 1
export PREFECT_SERVER_ANALYTICS_ENABLED = false

.PHONY: setup run test checked lint types imports docs docs-check contract test-slow bench clean

setup: $(MARK)

$(MARK): constraints.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	# pip compiles what it installs; what lies here is compiled as well, for where Python writes no byte code of its own
	$(BIN)/python -m compileall -q expectations flows transforms
	@touch $(MARK)

run: setup
	$(BIN)/tally demo data

# the contracts' checker is installed while everything else is checked; a file of tests stays in one process: what its
# tests begin from is made once, and one follows the other. Files come by name: by number of tests, as is usual, the
# longest tests would come last, and one process would wait for the other. A process that dies is not replaced: its test is
# named, the other goes on alone, and the run ends; one that takes its place may wait for ever
test: setup
	@$(MAKE) --no-print-directory -j 2 --output-sync=target checked $(CHECKER)/.made
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 0 -m 'not slow' --durations 20

checked: lint types imports docs-check

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports

docs: setup
	$(BIN)/tally dictionary > docs/data-dictionary.md
	$(BIN)/tally share layout > docs/metro2-layout.md
	$(BIN)/tally share equivalents > docs/equivalents.md
	@for name in $(CONTRACTS); do $(BIN)/tally share contract $$name -o docs/contract/$$name.odcs.yaml || exit 1; done

docs-check: setup
	@$(BIN)/tally dictionary | diff -q - docs/data-dictionary.md > /dev/null || \
		{ echo "docs/data-dictionary.md is out of date: run make docs"; exit 1; }
	@$(BIN)/tally share layout | diff -q - docs/metro2-layout.md > /dev/null || \
		{ echo "docs/metro2-layout.md is out of date: run make docs"; exit 1; }
	@$(BIN)/tally share equivalents | diff -q - docs/equivalents.md > /dev/null || \
		{ echo "docs/equivalents.md is out of date: run make docs"; exit 1; }
	@for name in $(CONTRACTS); do \
		$(BIN)/tally share contract $$name | diff -q - docs/contract/$$name.odcs.yaml > /dev/null || \
		{ echo "docs/contract/$$name.odcs.yaml is out of date: run make docs"; exit 1; }; done

# The contracts against the standard's schema, and against a published file. The checker wants an older DuckDB and Typer
# than ours, hence an environment of its own.
contract: setup $(CHECKER)/.made
	@for name in $(CONTRACTS); do $(CHECKER)/bin/datacontract lint --all-errors docs/contract/$$name.odcs.yaml || exit 1; done
	$(BIN)/python -m pytest tests/flows/test_contract.py

$(CHECKER)/.made: constraints-contract.txt
	$(PYTHON) -m venv $(CHECKER)
	$(CHECKER)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints-contract.txt \
		'datacontract-cli[duckdb]'
	@touch $(CHECKER)/.made

test-slow: setup
	HYPOTHESIS_PROFILE=thorough $(BIN)/python -m pytest -n 2 --dist loadfile --max-worker-restart 0 -m slow

bench: setup $(PEERS)/.made
	$(BIN)/python -m bench.startup
	$(BIN)/python -m bench --sizes 100000 250000 --peers duckdb pandas spark --peer-python $(PEERS)/bin/python --write-docs

$(PEERS)/.made: constraints.txt pyproject.toml
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	@touch $(PEERS)/.made

clean:
	rm -rf $(VENV) $(PEERS) $(CHECKER) .mypy_cache .pytest_cache .ruff_cache .hypothesis
