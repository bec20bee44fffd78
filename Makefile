# make demo   the main job on the two example clips      make test   the tests      make quick   the fast tests
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS := -n 2 --dist loadfile --max-worker-restart 0

.PHONY: demo docs examples test quick lint mutation install study-web studio studio-web clean

# Editable, so that the code you read is the code that runs. No download besides pip's.
$(VENV)/.installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

install: $(VENV)/.installed

demo: $(VENV)/.installed
	$(BIN)/condfoley demo --out out/demo --force

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Training apart, in new processes, since each keeps some of the memory that it has used.
test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest $(WORKERS) --ignore tests/training
	$(BIN)/python -m pytest $(WORKERS) tests/training

# The inner loop: lint, types and unit tests; no browser, Ray, killed process, training or whole systems.
quick: lint
	$(BIN)/python -m pytest $(WORKERS) -m 'not slow and not heavy' tests/test_*.py

# Whether the tests of the pure modules notice changes of them ([tool.mutmut]), half an hour on one core. What it found
# is kept in mutants/, and `.venv/bin/mutmut show NAME` prints a change; without mutants/ all are tried anew.
mutation: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check mutmut==3.8.1
	CI=true OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/mutmut run --max-children 1
	$(BIN)/mutmut results

# The documents and the API reference as a site, out/site/index.html.
docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	$(BIN)/python -m mkdocs build --strict

# A page with players for the example clips, out/examples/index.html.
examples: $(VENV)/.installed
	$(BIN)/python -m benchmarks.examples --out out/examples --force

# The browser library of the listening study (jsPsych), at the versions that package-lock.json pins.
study-web:
	cd condfoley/study/web && npm ci --ignore-scripts --no-audit --no-fund
	sed -i '/@font-face/,/}/d' condfoley/study/web/node_modules/jspsych/css/jspsych.css  # the page brings no font

# The browser library of `condfoley studio` (wavesurfer.js), at the version that package-lock.json pins.
studio-web:
	cd condfoley/studio/web && npm ci --ignore-scripts --no-audit --no-fund

# The page on which soundtracks are made and edited, with all that it needs.
studio: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[studio]'
	test -d condfoley/studio/web/node_modules || $(MAKE) studio-web
	$(BIN)/condfoley studio

clean:
	rm -rf $(VENV) out build *.egg-info
