# Everyday habits, one word each.
PYTHON ?= python

.PHONY: help build quick quick-python test lint format bench bench-report bench-compare bench-guard cliffs adopters adopters-test accuracy fuzz c-test pandas-windows asan tsan
.PHONY: emulate avx512 wheel compilers pythons freethreaded docs release-check clean

help:            ## this list
	@grep -E '^[a-z0-9-]+:.*##' Makefile | sed 's/:[^#]*##/\t/'

build:           ## compile the extension in place
	$(PYTHON) -m pip install -e ".[test]"

# The C tests run when the C core has changed: built with -O1, by the best instruction set, one way of seven, one
# case of five.
build/quick/passed: $(wildcard src_c/*.* src_c/*/*.* tests/c/*)
	CFLAGS=-O1 PYTHON=$(PYTHON) bash tools/c_test.sh build/quick
	C_TEST_SET=best C_TEST_WAYS=1 C_TEST_EVERY=5 build/quick/c_test -
	touch $@

quick-python:
	CNORM_SWEEP=thin $(PYTHON) -m pytest -n 2 --dist worksteal -m "not thorough" tests cnorm \
		--ignore=tests/interop --ignore=tests/demo --ignore=tests/bench --ignore=cnorm/interop

quick:           ## half a minute: Python with thin sweeps, beside it the C tests thinly if src_c has changed
	@$(MAKE) --no-print-directory -j2 quick-python build/quick/passed

test:            ## the whole suite, doctests included
	$(PYTHON) -m pytest

lint:            ## ruff, mypy, clang-format
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	clang-format --dry-run --Werror src_c/*.h src_c/*/*.* tests/c/*.[ch]

format:          ## rewrite Python and C in the house style
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .
	clang-format -i src_c/*.h src_c/*/*.* tests/c/*.[ch]

bench:           ## every case against the peers installed, interleaved; JSON in .benchmarks (FLAGS="--match rms")
	mkdir -p .benchmarks
	$(PYTHON) -m pytest bench/test_bench.py -W ignore --benchmark-only --benchmark-quiet \
		--benchmark-json=.benchmarks/results.json $(FLAGS)

bench-report:    ## tables and charts from that JSON: docs/benchmarks.md, docs/img, README.md
	$(PYTHON) -m bench.report $(FILES)

bench-compare:   ## two builds in one run, the working tree against BASE=<commit>
	$(PYTHON) -W ignore -m bench.compare $(BASE) $(FLAGS)

bench-guard:     ## fails if a ratio to a peer or to the copy limit is under its floor (FLAGS=--record writes floors)
	$(PYTHON) -W ignore -m bench.guard $(FLAGS)

cliffs:          ## each function by length, dtype, layout, option in copies: docs/cliffs.md; bounds (FLAGS=--quick)
	$(PYTHON) -W ignore -m bench.cliffs $(FLAGS)

adopters:        ## other packages' calls with and without cnorm: docs/adopters.md (FLAGS="--match keras", --page)
	$(PYTHON) -W ignore -m bench.adopters --save $(FLAGS)

adopters-test:   ## their own tests, layers and models with cnorm in the place of theirs (the extra adopters)
	CNORM_ADOPTERS=1 $(PYTHON) -m pytest -q tests/adopters

fuzz:            ## any call of any function, EXAMPLES=2000 for each
	CNORM_FUZZ=$(or $(EXAMPLES),2000) $(PYTHON) -m pytest tests/test_fuzz.py

accuracy:        ## errors against exact values, cnorm and its peers: docs/accuracy.md and its charts
	$(PYTHON) -W ignore -m bench.accuracy

c-test:          ## the C core without Python: guarded arrays, instruction sets, failing malloc, fork; the recorded hash
	PYTHON=$(PYTHON) bash tools/c_test.sh build/c_test
	build/c_test/c_test tests/c/bits.txt

pandas-windows:  ## pandas' own tests of rolling windows, run on ours
	CNORM_PANDAS_TESTS=1 $(PYTHON) -m pytest -q tests/stats/test_pandas_suite.py

asan:            ## the C tests and the suite with address and undefined-behaviour sanitizers
	bash tools/asan.sh

tsan:            ## the C tests of callers and forks with the thread sanitizer
	bash tools/tsan.sh

emulate:         ## the C tests on an emulated x86-64 without AVX and on aarch64, Python on Nehalem (qemu-user)
	bash tools/emulate.sh

avx512:          ## some of the C tests with x86-64-v4 on bochs, for machines without AVX-512
	PYTHON=$(PYTHON) bash tools/avx512.sh

wheel:           ## dist/: sdist and manylinux wheel, at most 3 MB, tried without a compiler
	PYTHON=$(PYTHON) bash tools/wheel.sh

compilers:       ## installs from the sdist with gcc and clang, with the own threads and OpenMP
	PYTHON=$(PYTHON) bash tools/compilers.sh

pythons:         ## the suite on every CPython from 3.11 on that is found (PYTHONS="python3.12 ...")
	bash tools/pythons.sh $(PYTHONS)

freethreaded:    ## the suite on a CPython without the GIL (PYTHON_FT=...)
	bash tools/freethreaded.sh

docs:            ## build/docs: the pages of docs/ and the API reference; a warning is an error
	$(PYTHON) -m sphinx -q -E -W --keep-going -b html docs build/docs
	@echo "build/docs/index.html"

release-check:   ## distributions in empty environments, metadata, links, workflows, version: RELEASING.md (FLAGS=--online)
	$(PYTHON) tools/release_check.py $(FLAGS)

clean:
	rm -rf build dist docs/api/generated *.egg-info cnorm/_native/*.c cnorm/_native/*.so cnorm/_native/short/*.c cnorm/_native/short/*.so
