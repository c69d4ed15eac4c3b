#!/usr/bin/env bash
# Installs and tests on several interpreters: those given, or every CPython from 3.11 on that is found.
# TESTS: some of the tests instead of all but those of torch, the demos and the bench; FLAGS: more for pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_QUIET=1 PIP_PREFER_BINARY=1
unset PYTHONPATH

# One interpreter for each minor version: pyenv's, uv's and PATH's.
found() {
    shopt -s nullglob
    local seen=" " candidate version
    for candidate in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin/python3 \
        "$HOME"/.local/share/uv/python/cpython-*/bin/python3 $(compgen -c python3. | grep -E '^python3\.[0-9]+t?$' | sort -u); do
        version=$("$candidate" -c 'import sys, sysconfig
if sys.version_info >= (3, 11) and sys.implementation.name == "cpython":
    print("%d.%d" % sys.version_info[:2] + ("t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""))' 2>/dev/null) || continue
        if [[ -n $version && $seen != *" $version "* ]]; then
            seen+="$version "
            echo "$candidate"
        fi
    done
}

try() {
    "$1" -m venv --clear "$work/env"
    local python=$work/env/bin/python
    "$python" -m pip install --only-binary :all: numpy pytest hypothesis threadpoolctl
    for library in ml_dtypes scipy scikit-learn pandas; do
        "$python" -m pip install --only-binary :all: "$library" || echo "no wheel of $library: its tests are skipped"
    done
    "$python" -m pip install .
    rm -rf "$work/tree"
    mkdir "$work/tree"
    cp -r pyproject.toml conftest.py tests "$work/tree" # the installed package, not the source tree
    (cd "$work/tree" && "$python" -m pytest -p no:cacheprovider ${TESTS:-tests} --ignore tests/bench --ignore tests/demo \
        -k "not torch" ${FLAGS:-})
}

if (($# == 0)); then mapfile -t interpreters < <(found); else interpreters=("$@"); fi
for interpreter in "${interpreters[@]}"; do
    echo "== $("$interpreter" -VV)"
    try "$interpreter"
done
echo "${#interpreters[@]} interpreters"
