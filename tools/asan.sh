#!/usr/bin/env bash
# Address and undefined-behaviour sanitizers: the C tests, by gcc or COMPILERS, and the suite on a build in a copy.
set -euo pipefail
export CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g -O1"
for cc in ${COMPILERS:-gcc}; do # clang takes minutes for each instruction set
    CC=$cc bash tools/c_test.sh "build/c_test_asan_$cc"
    echo "C tests, $cc"
    "build/c_test_asan_$cc/c_test" tests/c/bits.txt
done
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
tar --exclude=./build --exclude=./.git -cf - . | tar -xf - -C "$copy"
cd "$copy"
find cnorm -name '*.so' -delete
export CNORM_OUTPUT_CACHE=0 # a freed result is freed: its use after that is found
CNORM_DEBUG=1 python setup.py build_ext --inplace >/dev/null
LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)" \
    ASAN_OPTIONS=detect_leaks=0 python -m pytest -p no:cacheprovider -x -k "not torch and not demo" "$@"
