# make studio   set up .venv and open the app        make test   set up and run the tests
# make demo     train the embedded digits and draw samples, without a screen
# make pictures the pictures of the documentation, from a real run; needs chromium

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# Said once: a name that is made again for each line would be two names where a second passes between them.
DEMO := $(or $(DEMO),digits-$(shell date +%Y%m%d-%H%M%S))

.PHONY: studio demo test lint pictures clean

studio: $(VENV)/.studio
	@$(BIN)/ddpm-studio

demo: $(VENV)/.studio
	@$(BIN)/ddpm-studio train digits --home demo --name $(DEMO)
	@$(BIN)/ddpm-studio sample $(DEMO) --home demo --sampler ddpm --steps 250

test: $(VENV)/.test
	$(BIN)/python -m pytest -n 3 --dist worksteal

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

pictures: $(VENV)/.studio
	$(BIN)/python docs/make_pictures.py

clean:
	rm -rf $(VENV) build dist

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "ddpm-studio needs Python 3.11 or later; point PYTHON at one: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

# One stamp for each set of extras, so that a later `make studio` does not install again.
$(VENV)/.studio: pyproject.toml | $(VENV)/bin/python
	@echo "Installing PyTorch and the rest into $(VENV): some minutes and 5 GB the first time ..."
	@$(BIN)/python -m pip install --quiet --editable .
	@touch $@
	@echo "Done. The command is $(BIN)/ddpm-studio; for ddpm-studio alone: . $(BIN)/activate"

$(VENV)/.test: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@ $(VENV)/.studio

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.test $(VENV)/.studio
