# make demo    set up .venv and run three rounds of real training
# make test    set up .venv and run the tests
# make quick   under a minute: lint, types, import rules, and the fast tests of what changed
# make renew   write the pages, tables, recorded decisions and messages that are made from the code
# make check   lint, types, import rules, docs, tests
PYTHON ?= python3
# The tests start hundreds of interpreters: each would compile the package again.
export PYTHONDONTWRITEBYTECODE :=
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
HYDRA14 := .venv-hydra14
SUITES14 := launcher launcher_conformance program show_config sweeper_suites
SITE := .venv-site
LEROBOT := .venv-lerobot
LEROBOT_NEXT := .venv-lerobot-next
PYTHON312 ?= python3.12
RAY := .venv-ray

.PHONY: demo quick renew test test-matrix test-smoke test-slow test-chaos test-slurm test-ray test-lerobot test-lerobot-next test-hydra14 check lint docs site setup clean

demo: $(READY)
	$(BIN)/python -m autoloop.train -m hydra/sweeper=autoloop rounds=3

quick: $(READY)
	$(BIN)/python -m tests.quick

renew: $(READY)
	$(BIN)/python -m tests.renew

test: $(READY)
	$(BIN)/python -m pytest -n 3

test-slow: $(READY)
	$(BIN)/python -m pytest -n 3 -m slow

# Studies killed at every line of the journal and at a hundred random moments, with the figures; `test-slow` has them too.
test-chaos: $(READY)
	$(BIN)/python -m pytest -n 0 tests/runner/test_chaos.py -m slow -s

# A real SLURM of three nodes on this machine, from Debian's packages: needs root, says so where it skips.
test-slurm: $(READY)
	$(BIN)/python -m pytest tests/engine/slurm -m slurm -n 0 -s -rs --durations=0

# A real Ray of two nodes on this machine, in an environment of its own: its launcher wants an old cloudpickle.
test-ray: $(READY)
	PYTHON=$(PYTHON) tests/engine/launchers/ray.sh $(RAY)

# The real LeRobot, in an environment of its own; takes minutes, needs no GPU.
test-lerobot: $(READY) $(LEROBOT)/.ready
	AUTOLOOP_LEROBOT=$(CURDIR)/$(LEROBOT)/bin/python $(BIN)/python -m pytest tests/tasks/lerobot -m lerobot --durations=0

# The same with LeRobot 0.6, which wants Python 3.12 and gigabytes.
test-lerobot-next: $(READY) $(LEROBOT_NEXT)/.ready
	AUTOLOOP_LEROBOT=$(CURDIR)/$(LEROBOT_NEXT)/bin/python $(BIN)/python -m pytest tests/tasks/lerobot -m lerobot --durations=0

# The same suites on the next Hydra.
test-hydra14: $(READY) $(HYDRA14)/.ready
	$(HYDRA14)/bin/python -m pytest -n 2 tests/edits tests/config/test_templates.py $(addprefix tests/plugins/test_,$(addsuffix .py,$(SUITES14)))

# The suites on every Python that is here x the lowest, the newest and the next versions, and their table.
test-matrix: $(READY)
	$(BIN)/python -m tests.product.matrix --write

# The smoke test of each of these cells.
test-smoke: $(READY)
	$(BIN)/python -m tests.product.matrix --smoke

check: lint docs test

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(READY)
	$(BIN)/python docs/generate.py --check

# The pages as a web site in build/site, with a reference of the Python API; a dead link is an error.
site: $(SITE)/.ready
	NO_MKDOCS_2_WARNING=1 $(SITE)/bin/python docs/build_site.py

setup: $(READY)

$(READY): pyproject.toml constraints.txt autoloop/history/_walk.c
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[act-ot,dev]'
	touch $@

# uv is quicker, where `make setup` has brought it.
$(SITE)/.ready: constraints.txt
	$(PYTHON) -m venv $(SITE)
	if [ -x $(BIN)/uv ]; then install="$(BIN)/uv pip install --quiet --python $(SITE)/bin/python"; \
	else install="$(SITE)/bin/pip install --quiet --disable-pip-version-check"; fi; \
	$$install -c constraints.txt mkdocs-material 'mkdocstrings[python]'
	touch $@

$(HYDRA14)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(HYDRA14)
	grep -v -i -E '^(hydra-core|omegaconf|antlr4)' constraints.txt > $(HYDRA14)/constraints.txt
	$(HYDRA14)/bin/pip install --quiet --disable-pip-version-check -c $(HYDRA14)/constraints.txt \
		'hydra-core==1.4.0rc3' 'omegaconf==2.4.1rc1' -e '.[act-ot,dev]'
	touch $@

$(LEROBOT)/.ready: tests/tasks/lerobot/install.sh
	PYTHON=$(PYTHON) tests/tasks/lerobot/install.sh $(LEROBOT)

$(LEROBOT_NEXT)/.ready: tests/tasks/lerobot/install.sh
	PYTHON=$(PYTHON312) UV=$(BIN)/uv tests/tasks/lerobot/install.sh $(LEROBOT_NEXT)

clean:
	rm -rf $(VENV) $(SITE) $(HYDRA14) $(LEROBOT) $(LEROBOT_NEXT) $(RAY) .venv-matrix build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
