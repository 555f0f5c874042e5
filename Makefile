# make quickstart   see a blurred page become readable; trains and scores for a few minutes
# make test         run the tests (not those marked slow), JOBS=2 at a time
# make test-slow    run those marked slow: kills, crashes, several processes, the whole README
# make lint         ruff and mypy
#
# Each makes .venv and installs what is missing first. Needs git, make and Python 3.10 or 3.11;
# PYTHON=/path/to/python names one that is not on the PATH.

VENV := .venv
STAMP := $(VENV)/.installed
EXTRAS := train,beam,faces,dev
JOBS := 2
PYTHON := python3.11 python3.10 python3 python

.DEFAULT_GOAL := help
.PHONY: help quickstart test test-slow lint clean

help:
	@sed -n '/^$$/q; s/^# \{0,1\}//p' Makefile

quickstart: $(STAMP)
	$(VENV)/bin/python -m tfdeblur_tools.quickstart

test: $(STAMP)
	$(VENV)/bin/pytest -n $(JOBS) --dist worksteal -m "not slow and not browser" $(TESTS)

test-slow: $(STAMP)
	$(VENV)/bin/pytest -n $(JOBS) --dist worksteal -m "slow and not browser" $(TESTS)

lint: $(STAMP)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

clean:
	rm -rf $(VENV) build dist tfdeblur.egg-info

# A Python fits if it runs at all (a version manager's placeholder may not), has the right version
# and can make virtual environments.
FITS := import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 11))

$(STAMP): setup.py constraints.txt
	@if ! $(VENV)/bin/python -c '$(FITS)' >/dev/null 2>&1; then \
	  for python in $(PYTHON) none; do \
	    if "$$python" -c '$(FITS)' >/dev/null 2>&1; then break; fi; \
	  done; \
	  if [ "$$python" = none ]; then \
	    echo "tfdeblur needs Python 3.10 or 3.11 with its venv module; none of these is one:" \
	      "$(PYTHON) (make $(or $(MAKECMDGOALS),test) PYTHON=/path/to/python names another)." >&2; \
	    exit 1; \
	  fi; \
	  echo "$$python -m venv $(VENV)"; \
	  "$$python" -m venv --clear $(VENV); \
	fi
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
	  --constraint constraints.txt --editable '.[$(EXTRAS)]'
	@touch $(STAMP)
