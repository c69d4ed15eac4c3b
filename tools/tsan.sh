#!/usr/bin/env bash
# The thread sanitizer on the C tests of the pool, by gcc or COMPILERS.
set -euo pipefail
export CFLAGS="-fsanitize=thread -g -O1 -DSERIAL_CHILDREN" LDFLAGS=-fsanitize=thread
for cc in ${COMPILERS:-gcc}; do # clang takes minutes for each instruction set
    CC=$cc bash tools/c_test.sh "build/c_test_tsan_$cc"
    echo "C tests, $cc"
    TSAN_OPTIONS="die_after_fork=0 halt_on_error=1" \
        timeout 600 "build/c_test_tsan_$cc/c_test" tests/c/bits.txt callers forks
done
