#!/usr/bin/env bash
# The C tests on an emulated x86-64 without AVX and on aarch64, to the recorded hash; Python with the extension in
# build/ on Nehalem. x86-64-v3 is left to real CPUs: qemu 7.2 reads what a masked load must not touch. Without fork():
# it fails in a forked child that starts threads.
set -euo pipefail
what="tests/c/bits.txt sweep int8 far_apart memory callers"
bash tools/c_test.sh build/c_test
echo "x86-64, qemu64"
# shellcheck disable=SC2086
qemu-x86_64 -cpu qemu64 build/c_test/c_test $what 2> >(grep -v "TCG doesn" >&2)
echo "aarch64"
CC=aarch64-linux-gnu-gcc bash tools/c_test.sh build/c_test_aarch64
# shellcheck disable=SC2086
qemu-aarch64 -L /usr/aarch64-linux-gnu build/c_test_aarch64/c_test $what
echo "Python, Nehalem"
qemu-x86_64 -cpu Nehalem "$(command -v "${PYTHON:-python}")" -c '
import numpy as np, cnorm
from cnorm._native import core
x = np.random.default_rng(0).normal(3, 1, (64, 4100)).astype(np.float32)
y = cnorm.functional.layer_norm(x, (4100,))
wide = x.astype(np.float64)
expected = (wide - wide.mean(1, keepdims=True)) / np.sqrt(wide.var(1, keepdims=True) + 1e-5)
assert core.info()["isa"] == "x86-64", core.info()
assert abs(y - expected).max() < 2e-6
cnorm.set_num_threads(2)
assert np.array_equal(y, cnorm.functional.layer_norm(x, (4100,)))
print("right, with", core.info()["isa"])'
