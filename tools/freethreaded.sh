#!/usr/bin/env bash
# Installs and tests on a free-threaded CPython: PYTHON_FT, or the first of python3.15t ... python3.13t on PATH.
# From source: ./configure --disable-gil --prefix=DIR && make && make install
set -euo pipefail
for name in "${PYTHON_FT:-}" python3.15t python3.14t python3.13t; do
    if [[ -n $name ]] && command -v "$name" >/dev/null; then break; fi
    name=
done
if [[ -z ${name:-} ]]; then
    echo "no free-threaded CPython: PYTHON_FT=..." >&2
    exit 1
fi
"$name" -c 'import sysconfig, sys; sys.exit(not sysconfig.get_config_var("Py_GIL_DISABLED"))' || {
    echo "$name is not free-threaded" >&2
    exit 1
}
exec env -u PYTHON_GIL bash "$(dirname "$0")/pythons.sh" "$(command -v "$name")"
