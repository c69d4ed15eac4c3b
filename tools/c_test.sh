#!/usr/bin/env bash
# Builds the tests of the C core with $CC $CFLAGS $LDFLAGS as $1/c_test; the other flags are those of the extension.
set -euo pipefail
folder=$1
cc=${CC:-gcc}
mkdir -p "$folder"
rm -f "$folder"/*.o # an earlier one's files may be gone
case $($cc --version) in *clang*) family=clang ;; *) family=gcc ;; esac
platform=linux-$($cc -dumpmachine | cut -d- -f1)

compile() { # one file into $folder, of an instruction set for one element
    name=$(basename "$1" .c) object=${1//\//_} # files of one name in two folders have an object each
    flags=$("$python" tools/build_flags.py "$family" "$platform" "$name")
    case $1 in tests/*) flags+=" -D_GNU_SOURCE" ;; esac
    if [[ -n ${2:-} ]]; then flags+=" -DCN_E=$2"; fi
    # shellcheck disable=SC2086
    $cc -Isrc_c $flags ${CFLAGS:-} -c "$1" -o "$folder/${object%.c}${2:+_$2}.o"
}
python=${PYTHON:-python}
export -f compile
export folder cc family platform python

{
    for file in src_c/isa/*.c; do
        for element in $("$python" tools/build_flags.py); do echo "$file $element"; done
    done
    printf '%s\n' src_c/*/*.c tests/c/*.c | grep -v src_c/isa/
} | xargs -P "$(nproc)" -I{} bash -euc 'compile {}'
wrapped=-Wl,--wrap=malloc,--wrap=calloc,--wrap=free,--wrap=pthread_create,--wrap=cn_cache_bytes
# shellcheck disable=SC2086
$cc -pthread ${CFLAGS:-} "$folder"/*.o $wrapped ${LDFLAGS:-} -lm -o "$folder/c_test"
