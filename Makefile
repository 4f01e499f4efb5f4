# Set-up, and calls into it. Everything here can be done by hand: README.md lists the steps.

PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export NO_MKDOCS_2_WARNING := 1
export PYTHONDONTWRITEBYTECODE :=  # some shells forbid it; to compile all tests anew takes 7 s each time
INSTALLED := .venv/.installed
NEWEST := .venv-newest
# Tests of snippets that rest on the engine, with which a record would go stale.
WITH_ENGINE := tests/snippets/test_form.py tests/snippets/test_scripts.py tests/snippets/test_uses.py

.PHONY: serve test test-more torch-newest integrations integration-record site bench mutants fuzz

serve: $(INSTALLED)  ## check the claims, build the site, serve it and rebuild as notes change
	litmus check
	mkdocs serve

test: $(INSTALLED)   ## lint, types, and all tests that need no more than this checkout
	pip check
	ruff check .
	ruff format --check .
	mypy
	pytest -rs -n logical --dist loadfile --no-loadscope-reorder
	mkdocs build --strict

test-more: $(INSTALLED)     ## the tests that need more; says what they skip, as it is not installed
	pytest -rs -n logical --dist loadfile tests/more tests/integration

torch-newest:  ## run the tests of the snippets on the newest torch, and leave a record of it
	$(PYTHON) -m venv $(NEWEST)
	grep -v '^torch==' requirements.txt > $(NEWEST)/others.txt
	$(NEWEST)/bin/pip install --disable-pip-version-check --upgrade torch -r $(NEWEST)/others.txt
	$(NEWEST)/bin/pip install --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(NEWEST)/bin/pytest $(WITH_ENGINE)
	$(NEWEST)/bin/pytest tests/snippets $(WITH_ENGINE:%=--ignore=%) --litmus-record tests/recorded/torch-newest.record.json

integrations: $(INSTALLED)  ## install what `test-more` needs and nothing else does
	pip install --disable-pip-version-check -c requirements.txt -r requirements-integration.txt

integration-record: $(INSTALLED)  ## write anew what the tests of integrations find, for the site
	pytest tests/integration --litmus-record tests/integration/integrations.record.json

site: $(INSTALLED)   ## run the checks whose evidence is missing or stale, then build into site/
	litmus build

bench: $(INSTALLED)  ## print the numbers that the design promises
	python -m tests.bench

mutants: $(INSTALLED)  ## change every formula, and 200 places of the engine: does a test notice?
	python -m tests.mutants.snippets
	python -m tests.mutants.engine

fuzz: $(INSTALLED)   ## render 100,000 notes that nobody would write, and look for what goes wrong
	python -m tests.fuzz

# Installs once; again only when the pins change. The stamp comes last, so that an installation that
# was interrupted is taken up again.
$(INSTALLED): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11, 5) and "Litmus needs Python 3.11.5 or newer; $(PYTHON) is %d.%d.%d. Say which to use: make PYTHON=python3.12 …" % sys.version_info[:3])'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo 'Python lacks its venv module. On Debian and Ubuntu: apt install python3-venv' >&2; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --disable-pip-version-check -r requirements.txt
	.venv/bin/pip uninstall --quiet --quiet --yes litmus  # as litmus-notes was called once
	.venv/bin/pip install --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
