#!/usr/bin/env bash
# Installs from the source distribution with every compiler found, with the own threads and with OpenMP.
# PYTHON: the interpreter; COMPILERS: instead of gcc and clang. clang's OpenMP is a package of its own (libomp).
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(command -v "${PYTHON:-python3}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_QUIET=1

"$python" -m venv "$work/tools"
"$work/tools/bin/python" -m pip install build
"$work/tools/bin/python" -m build --sdist --outdir "$work" . >"$work/log" 2>&1 || { cat "$work/log" && exit 1; }
cp tools/smoke.py "$work/"
cd "$work"
for compiler in ${COMPILERS:-gcc clang}; do
    if ! command -v "$compiler" >/dev/null; then
        echo "== $compiler: not found"
        continue
    fi
    for openmp in 0 1; do
        echo "== $compiler, CNORM_OPENMP=$openmp"
        "$python" -m venv --clear env
        CC=$compiler CNORM_OPENMP=$openmp env/bin/python -m pip install ./cnorm_cpu-*.tar.gz
        env/bin/python smoke.py
    done
done
