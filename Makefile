# linecolor: `make help` lists what there is. Everything runs in .venv, which `make` builds from nothing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_QUIET := --quiet --disable-pip-version-check --no-input
PYTEST = $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder
DATA := data/openmoji
PANELS := data/panels
budget := demo

# A study on the embedded pairs: some of them for a demonstration, all for the full run.
STUDY_ROOT := $(if $(filter demo,$(budget)),$(DATA),data/openmoji-all)
STUDY_DATA = $(BIN)/linecolor-data prepare openmoji --out $(STUDY_ROOT) $(if $(filter demo,$(budget)),--limit 600 --test-limit 24)

# Where Python may write no bytecode, each of the many programs that the tests start compiles everything anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo comic preview check test unit-tests all-tests soak lint format overfit table2 ablations bench release blends test-gimp clean

help:  ## this list
	@awk -F':.*## ' '/^[a-z0-9]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# One stamp for what a user needs, one for what a developer needs; each is renewed when the lock changes.
$(VENV)/.user: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "linecolor needs Python 3.11 or newer, this is %s: make PYTHON=python3.11" % sys.version.split()[0])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked dependencies (about 1.5 GB, a minute or two) ..."
	@$(BIN)/python -m pip install $(PIP_QUIET) --constraint constraints.txt --editable '.[data,export,app]'
	@touch $@

$(VENV)/.developer: $(VENV)/.user
	@echo "Installing the developers' tools ..."
	@$(BIN)/python -m pip install $(PIP_QUIET) --constraint constraints.txt --editable '.[data,export,app,sweep,s3,dev]'
	@touch $@

install: $(VENV)/.user  ## .venv with the locked dependencies and the commands

demo: $(VENV)/.user  ## data, both stages, evaluation and report on two CPU cores, from nothing
	@$(BIN)/linecolor-data prepare openmoji --out $(DATA) --limit 600 --test-limit 24
	@$(BIN)/linecolor-train experiment=demo data.root=$(DATA)

comic: $(VENV)/.user  ## comic panels without hints, one colour for one background: data, four stages, report, on two CPU cores
	@$(BIN)/linecolor-data prepare panels --out $(PANELS) --size 384
	@$(BIN)/linecolor-train experiment=comic data.root=$(PANELS)

preview: $(VENV)/.user  ## preview.png: a sheet of what training sees
	@$(BIN)/linecolor-data prepare openmoji --out $(DATA) --limit 600 --test-limit 24
	@$(BIN)/linecolor-data preview -o preview.png experiment=demo data.root=$(DATA)

# Two jobs: the types are checked beside the first tests.
check test: $(VENV)/.developer
	@$(MAKE) --no-print-directory --jobs=2 lint $(if $(filter check,$@),unit-tests,all-tests)

check:  ## lint, types, import rules and the unit tests
test:  ## lint, types, import rules and the whole test suite

unit-tests: $(VENV)/.developer
	@$(PYTEST) -m "not slow" --ignore=tests/end_to_end

all-tests: $(VENV)/.developer
	@$(PYTEST)

soak: $(VENV)/.developer  ## kill a training run a hundred times; it must end as if nothing had happened
	@LINECOLOR_KILLS=100 OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/end_to_end/test_resume.py

lint: $(VENV)/.developer  ## ruff, mypy, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/.developer  ## put the code into shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

table2: $(VENV)/.user  ## the paper's Table 2, small versions, twenty minutes on two cores; with budget=paper the full run
	@$(STUDY_DATA)
	@$(BIN)/linecolor-study study=table2 budget=$(budget) data.root=$(STUDY_ROOT)

ablations: $(VENV)/.user  ## what each part of the system is worth; budget=paper: the full run
	@$(STUDY_DATA)
	@$(BIN)/linecolor-study study=ablations budget=$(budget) data.root=$(STUDY_ROOT)

overfit: $(VENV)/.user  ## learn four drawings by heart: must reach 25 dB
	@$(BIN)/linecolor-data prepare openmoji --out $(DATA) --limit 600 --test-limit 24
	@$(BIN)/linecolor-train experiment=demo debug=overfit data.root=$(DATA)

bench: $(VENV)/.developer  ## speed and memory: prints a table, writes benchmarks/results/
	@$(BIN)/python -m benchmarks

test-gimp: $(VENV)/.user  ## the GIMP plug-in in a real GIMP 3 (root and a Debian mirror; 4 minutes the first time)
	@$(BIN)/python gimp/test_in_gimp.py

release: $(VENV)/.user  ## train the bundled weights again: two hours on two cores, stopped and begun again as one likes
	@$(BIN)/linecolor-data prepare openmoji --out data/release-openmoji --limit 800 --test-size 1024
	@$(BIN)/linecolor-data prepare characters --out data/release-characters --count 253 --test-size 512
	@$(BIN)/linecolor-train experiment=release

blends: $(VENV)/.user  ## the clean blend against the paper's, on 60 real pairs of 1,536 px, with the truth reduced and with the model
	@$(BIN)/linecolor-data prepare openmoji --out data/openmoji-blends --limit 0
	@$(BIN)/python -m benchmarks.blends data/openmoji-blends

clean:  ## remove .venv and caches; data/ and runs/ stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
