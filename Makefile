# make quickstart   see a blurred page become readable; trains and scores for a few minutes
# make test         run the tests (not those marked slow), JOBS=2 at a time
# make test-slow    run those marked slow: kills, crashes, several processes, the whole README
# make lint         ruff and mypy
#
# Each makes a virtual environment in .venv/ and installs what is missing first. Needs git, make and
# Python 3.10 to 3.13, of which the newest is taken; PYTHON=python3.11, or a path, takes another.
# LIGHT=1 runs the quickstart without TensorFlow and training; so does Python 3.14.

TRAINING := 3.13 3.12 3.11 3.10
LIGHT_ONLY := 3.14
PYTHON := $(TRAINING) $(LIGHT_ONLY)
JOBS := 2
EXTRAS := train,beam,faces,ocr,dev

.DEFAULT_GOAL := help
.PHONY: help quickstart test test-slow lint clean

help:
	@sed -n '/^$$/q; s/^# \{0,1\}//p' Makefile

clean:
	rm -rf .venv build dist tfdeblur.egg-info

ifneq ($(filter quickstart test test-slow lint,$(MAKECMDGOALS)),)
FOUND := $(shell .ci/find_python $(PYTHON))
VERSION := $(shell $(or $(FOUND),false) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
ifeq ($(filter $(VERSION),$(TRAINING) $(LIGHT_ONLY)),)
$(error tfdeblur needs a Python that can make virtual environments, one of $(TRAINING) \
  $(LIGHT_ONLY). Got: $(or $(FOUND),none for PYTHON=$(PYTHON)))
endif
ifeq ($(filter $(VERSION),$(TRAINING)),)
$(info Training needs Python 3.10 to 3.13; with $(VERSION) only the restoring part runs.)
LIGHT := 1
endif
ifneq ($(and $(LIGHT),$(filter test test-slow lint,$(MAKECMDGOALS))),)
$(error The tests need what training needs, Python 3.10 to 3.13 and not LIGHT. Got: $(FOUND))
endif
endif

VENV := .venv/$(VERSION)$(if $(LIGHT),-light)
STAMP := $(VENV)/.installed
CONSTRAINTS := constraints/$(VERSION).txt

quickstart: $(STAMP)
	$(VENV)/bin/python -m tfdeblur_tools.quickstart $(if $(LIGHT),--light)

test: $(STAMP)
	$(VENV)/bin/pytest -n $(JOBS) --dist worksteal -m "not slow and not browser" $(TESTS)

test-slow: $(STAMP)
	$(VENV)/bin/pytest -n $(JOBS) --dist worksteal -m "slow and not browser" $(TESTS)

lint: $(STAMP)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

$(STAMP): setup.py $(CONSTRAINTS)
	$(FOUND) -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
	  --constraint $(CONSTRAINTS) --editable '.$(if $(LIGHT),,[$(EXTRAS)])'
	@touch $(STAMP)
