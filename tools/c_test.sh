#!/usr/bin/env bash
# Builds the tests of the C core with $CC $CFLAGS $LDFLAGS as $1/c_test; the other flags are those of the extension.
# An object that is newer than all it was made of, by the same compiler and flags, stays.
set -euo pipefail
folder=$1
cc=${CC:-gcc}
python=${PYTHON:-python}
mkdir -p "$folder"
case $($cc --version) in *clang*) family=clang ;; *) family=gcc ;; esac
platform=linux-$($cc -dumpmachine | cut -d- -f1)
made_by=$($cc --version && echo "${CFLAGS:-}" && cat tools/build_flags.py tools/c_test.sh)
if [[ $(cat "$folder/made_by" 2>/dev/null) != "$made_by" ]]; then
    rm -f "$folder"/*.o
    echo "$made_by" >"$folder/made_by"
fi

compile() { # one file into $folder, of an instruction set for one element; says what it is called there
    local name object flags
    name=$(basename "$1" .c)
    object=$folder/$(tr / _ <<<"${1%.c}")${2:+_$2} # files of one name in two folders have an object each
    echo "$object.o"
    if [[ -f $object.o && -f $object.d ]]; then # what is gone is named as what is newer is
        # shellcheck disable=SC2046
        if [[ -z $(find $(sed 's/^[^:]*://; s/\\$//' "$object.d") -newer "$object.o" 2>&1) ]]; then return; fi
    fi
    flags=$("$python" tools/build_flags.py "$family" "$platform" "$name")
    case $1 in tests/*) flags+=" -D_GNU_SOURCE" ;; esac
    if [[ -n ${2:-} ]]; then flags+=" -DCN_E=$2"; fi
    # shellcheck disable=SC2086
    $cc -Isrc_c -Icnorm/include -MMD $flags ${CFLAGS:-} -c "$1" -o "$object.o"
}
export -f compile
export folder cc family platform python

objects=$({
    for file in src_c/isa/*.c; do
        for element in $("$python" tools/build_flags.py); do echo "$file $element"; done
    done
    printf '%s\n' src_c/*/*.c tests/c/*.c | grep -v src_c/isa/
} | xargs -P "$(nproc)" -I{} bash -euc 'compile {}')
wrapped=-Wl,--wrap=malloc,--wrap=calloc,--wrap=free,--wrap=pthread_create,--wrap=cn_cache_bytes
# shellcheck disable=SC2086
$cc -pthread ${CFLAGS:-} $(sort <<<"$objects") $wrapped ${LDFLAGS:-} -lm -o "$folder/c_test"
