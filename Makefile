# Everyday habits, one word each.
PYTHON ?= python

.PHONY: help build test lint format bench asan docs clean

help:            ## this list
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:[^#]*##/\t/'

build:           ## compile the extension in place
	$(PYTHON) -m pip install -e ".[test]"

test:            ## the whole suite, doctests included
	$(PYTHON) -m pytest

lint:            ## ruff, mypy, clang-format
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	clang-format --dry-run --Werror src_c/*.c src_c/*.h

format:          ## rewrite Python and C in the house style
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .
	clang-format -i src_c/*.c src_c/*.h

bench:           ## all cases against the peers installed; JSON in .benchmarks
	$(PYTHON) -m pytest bench --benchmark-only --benchmark-autosave

asan:            ## the suite on a build with address and undefined-behaviour sanitizers
	bash tools/asan.sh

docs:            ## every example in every docstring
	$(PYTHON) -m pytest --doctest-modules cnorm

clean:
	rm -rf build dist *.egg-info cnorm/_core.c cnorm/*.so
