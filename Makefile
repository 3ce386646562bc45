# make demo | test | test-slow | fuzz | bench | lint | docs : each makes the environment it needs in .venv
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready
export OMP_NUM_THREADS ?= 1
TEST_PROCESSES ?= 2
FUZZ_SECONDS ?= 120
FUZZ_TARGETS ?= expressions systems experiments tables arrays runs folders commands
export MPLBACKEND = Agg

.PHONY: demo test test-slow fuzz bench lint docs clean

demo: $(READY)
	$(BIN)/dysyr run examples/lorenz63.toml -o out/lorenz63
	@echo "open out/lorenz63/report.html"

test: $(READY) lint
	$(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile

test-slow: $(READY)
	$(BIN)/python -m pytest -m slow

fuzz: $(READY)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[fuzz]"
	code=0; for target in $(FUZZ_TARGETS); do \
		$(BIN)/python tests/fuzz/fuzz.py $$target --seconds $(FUZZ_SECONDS) || code=1; done; exit $$code

bench: $(READY)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[bench]"
	$(BIN)/dysyr bench --write docs/results/kernels.md

lint: $(READY)
	$(BIN)/ruff check dysyr tests examples systems data docs
	$(BIN)/mypy

docs: $(READY)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[docs]"
	$(BIN)/python docs/write_reference.py
	$(BIN)/python -m sphinx -W --keep-going -b html -d out/docs/doctrees docs out/docs/html
	$(BIN)/python docs/check_site.py out/docs/html
	@echo "open out/docs/html/index.html"

# torch first and alone: the constraint names a build that pip then keeps for all that depends on it
$(READY): setup.cfg pyproject.toml constraints.txt
	rm -rf build
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip "setuptools>=77"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[test]"
	touch $(READY)

clean:
	rm -rf $(VENV) build out docs/generated
