# Two commands to begin with: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO_DATA := .demo-data

.PHONY: demo test check compiled fetched soak services bench bench-large lock reference clean

# uv installs in seconds what takes pip a minute. pip does it where its settings name an index, which uv would go past, and where uv can't.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
UV := UV_SYSTEM_CERTS=1 $(BIN)/uv
install = @! $(BIN)/python -m pip config list | grep --quiet index && $(PIP) "$$(grep --only-matching '^uv==[^ ]*' requirements-dev.lock)" \
	&& $(UV) pip install --quiet --compile-bytecode --python $(BIN)/python $(1) 2>/dev/null || $(PIP) $(1)

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv $(VENV)

# What a user needs; made anew when the project's requirements change.
$(VENV)/.installed: pyproject.toml | $(BIN)/pip
	$(call install,--editable .)
	@touch $@

# What a developer needs, a user's included, and CI: exactly what is locked, and nothing fetched that is not.
$(VENV)/.installed-dev: pyproject.toml requirements-dev.lock | $(BIN)/pip
	$(call install,--require-hashes --requirement requirements-dev.lock)
	$(call install,--no-deps --no-build-isolation --editable .)
	@touch $(VENV)/.installed $@

# The exact versions of everything, for the image and for us; after a change of what pyproject.toml requires. UPGRADE=--upgrade takes the newest.
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml --group build
lock: $(VENV)/.installed
	$(COMPILE) $(UPGRADE) --extra analysis --extra distributed --extra query --extra telemetry --extra dev --output-file requirements-dev.lock
	$(COMPILE) --extra analysis --extra distributed --extra query --extra telemetry --constraint requirements-dev.lock --upgrade --output-file requirements.lock

demo: $(VENV)/.installed
	@$(BIN)/journey demo --data $(DEMO_DATA)

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Everything, on a Kafka and a PostgreSQL that this starts and ends.
test: $(VENV)/.installed-dev
	@$(MAKE) --no-print-directory --jobs=3 check compiled fetched
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

# While one core checks types, the other compiles the tests, once for all processes that run them. What is wrong with them they say themselves.
compiled: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest --collect-only --quiet >/dev/null 2>&1 || true

# And what is fetched or made once, for which they would all wait.
fetched: $(VENV)/.installed-dev
	@$(BIN)/python -m tests.services.ahead

# Further than there is time for every day, each part with its seed: real processes that are killed, the simulator, random histories.
MINUTES ?= 20
SEEDS ?= 1000
SEED := $(or $(SEED),$(shell date +%s))
soak: $(VENV)/.installed-dev
	$(BIN)/python -m tests.faults.soak --minutes $(MINUTES) --seed $(SEED)
	$(BIN)/python -m tests.faults.simulator --first $(SEED) --seeds $(SEEDS)
	$(BIN)/python -m pytest -n 2 --timeout=0 --hypothesis-profile=soak --hypothesis-seed=$(SEED) tests/streams/test_any_order.py tests/streams/test_stateful.py
	$(BIN)/python -m pytest tests/app/server/test_clients.py
	$(BIN)/python -m pytest --timeout=0 --hypothesis-profile=soak --hypothesis-seed=$(SEED) tests/app/server/test_openapi.py

# A Kafka and a PostgreSQL for a person: prints their addresses, and runs until Ctrl-C.
services: $(VENV)/.installed-dev
	@$(BIN)/python -m tests.services

# Our speed beside our peers', as ratios, in one run; then every figure, and the server.
bench: $(VENV)/.installed-dev
	@$(BIN)/python -m benchmarks.compare
	@$(BIN)/python -m benchmarks.figures
	@$(BIN)/python -m benchmarks.server

# Every figure, page and route at ten times the customers.
bench-large: $(VENV)/.installed-dev
	@$(BIN)/python -m benchmarks.figures --copies 10
	@$(BIN)/python -m benchmarks.server --copies 10

# The pages of docs/ that are made from the code.
reference: $(VENV)/.installed-dev
	@$(BIN)/python -m app.reference
	@$(BIN)/python -m projections.reference --write
	@$(BIN)/python -m schemas.json_schema --write

clean:
	rm -rf $(VENV) $(DEMO_DATA) .bench .services build *.egg-info
