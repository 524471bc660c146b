# make demo: a video from one command. make test: everything that must hold. Nothing else is needed but Python 3.11 and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip --disable-pip-version-check install -q

# One thread a core without busy waiting: other work on the machine then costs time, not a standstill.
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: help demo test lint types imports unit test-slow bench docs miniworld miniworld-dit miniworld-upscale pictures clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# torch first and by itself: a range, asked for by another package, would take a build of several gigabytes.
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) torch==2.13.0
	$(PIP) -e .
	@touch $@

# Our own plugins are installed beside the package, as a stranger's would be.
$(VENV)/installed-dev: $(VENV)/installed $(wildcard plugins/*/pyproject.toml)
	$(PIP) -e '.[dev,docs,local,lora,mcp,pictures]'
	$(PIP) --no-deps $(addprefix -e ./,$(dir $(wildcard plugins/*/pyproject.toml)))
	@touch $@

demo: $(VENV)/installed  ## Make a 64-frame video of a landscape from winter to autumn
	@$(BIN)/vstar run specs/demo.yaml --out runs/demo

test: lint types imports unit docs  ## Run everything: lint, types, import rules, tests, documentation

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/installed-dev
	$(BIN)/pyright

imports: $(VENV)/installed-dev
	$(BIN)/lint-imports

unit: $(VENV)/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2

test-slow: $(VENV)/installed-dev  ## Run the tests that take minutes
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 -m slow

bench: $(VENV)/installed  ## Measure speed and memory
	$(BIN)/python -m benchmarks

# Warnings are errors; nothing is fetched while the site is built.
docs: $(VENV)/installed-docs  ## Build the documentation into build/docs
	$(BIN)/sphinx-build -q -W --keep-going -b html docs build/docs
	@echo build/docs/index.html

$(VENV)/installed-docs: $(VENV)/installed
	$(PIP) -e '.[docs]'
	@touch $@

miniworld: $(VENV)/installed  ## Train the embedded model from nothing (hours on two cores; resumes where it stopped)
	$(BIN)/python -m training.miniworld --out training/runs/miniworld --resume

miniworld-dit: $(VENV)/installed  ## Train its joint sibling (hours on two cores; resumes where it stopped)
	$(BIN)/python -m training.miniworld_dit --out training/runs/miniworld-dit --resume
	$(BIN)/python -m training.export_dit training/runs/miniworld-dit vstar_sdk/miniworld/joint/weights

miniworld-upscale: $(VENV)/installed  ## Train its upscaler (half an hour; resumes where it stopped)
	$(BIN)/python -m training.upscale --out training/runs/miniworld-upscale --resume
	cp training/runs/miniworld-upscale/model.safetensors vstar_sdk/miniworld/upscaling/weights/

pictures: $(VENV)/installed  ## Make the pictures of README and docs anew
	$(PIP) -e '.[pictures]'
	$(BIN)/python -m docs.moving
	$(BIN)/python -m docs.plots
	$(BIN)/python -m docs.beginnings

clean:  ## Remove the environment and what runs have left
	rm -rf $(VENV) runs training/runs
