#!/usr/bin/env bash
# Builds the extension with address and undefined-behaviour sanitizers in a copy, and runs the suite on it.
set -euo pipefail
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r setup.py pyproject.toml README.md LICENSE src_c tools cnorm tests "$copy"
cd "$copy"
rm -f cnorm/*.so
export CNORM_OUTPUT_CACHE=0 # a freed result is freed: its use after that is found
export CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g -O1"
python setup.py build_ext --inplace >/dev/null
LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)" \
    ASAN_OPTIONS=detect_leaks=0 python -m pytest -p no:cacheprovider -x -k "not torch and not demo" "$@"
