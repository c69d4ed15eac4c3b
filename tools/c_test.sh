#!/usr/bin/env bash
# Builds the tests of the C core with $CC $CFLAGS $LDFLAGS as $1/c_test; the other flags are those of the extension.
set -euo pipefail
folder=$1
cc=${CC:-gcc}
mkdir -p "$folder"
rm -f "$folder"/*.o # an earlier one's files may be gone
case $($cc --version) in *clang*) family=clang ;; *) family=gcc ;; esac
platform=linux-$($cc -dumpmachine | cut -d- -f1)

compile() { # one file into $folder
    name=$(basename "$1" .c) object=${1//\//_} # files of one name in two folders have an object each
    flags=$("${PYTHON:-python}" tools/build_flags.py "$family" "$platform" "$name")
    case $1 in tests/*) flags+=" -D_GNU_SOURCE" ;; esac
    # shellcheck disable=SC2086
    $cc -Isrc_c $flags ${CFLAGS:-} -c "$1" -o "$folder/${object%.c}.o"
}
export -f compile
export folder cc family platform

printf '%s\n' src_c/*/*.c tests/c/*.c | xargs -P "$(nproc)" -I{} bash -euc 'compile {}'
wrapped=-Wl,--wrap=malloc,--wrap=calloc,--wrap=free,--wrap=pthread_create,--wrap=cn_cache_bytes
# shellcheck disable=SC2086
$cc -pthread ${CFLAGS:-} "$folder"/*.o $wrapped ${LDFLAGS:-} -lm -o "$folder/c_test"
