#!/usr/bin/env bash
# Builds the tests of the C core with $CC $CFLAGS $LDFLAGS as $1/c_test; the other flags are those of setup.py.
set -euo pipefail
folder=$1
cc=${CC:-gcc}
mkdir -p "$folder"
setup_flags() { # setup_flags NAME [FILE]: a list of setup.py's, or what its dictionary has for FILE
    ${PYTHON:-python} - "$@" <<'EOF'
import ast, sys
for node in ast.parse(open("setup.py").read()).body:
    if isinstance(node, ast.Assign) and node.targets[0].id == sys.argv[1]:
        value = ast.literal_eval(node.value)
        print(*(value.get(sys.argv[2], []) if sys.argv[2:] else value))
EOF
}
common=$(setup_flags C_FLAGS)
case $($cc --version) in *clang*) common=${common/-fno-tree-loop-distribute-patterns/} ;; esac # gcc's own
objects=()
for file in src_c/*.c tests/c/*.c; do
    name=$(basename "$file" .c)
    isa=$(setup_flags ISA_FLAGS "$name")
    case $isa:$($cc -dumpmachine) in ?*:x86_64-* | :*) ;; *) continue ;; esac
    case $file in tests/*) isa=-D_GNU_SOURCE ;; esac
    $cc $common -pthread $isa ${CFLAGS:-} -c "$file" -o "$folder/$name.o"
    objects+=("$folder/$name.o")
done
wrapped=-Wl,--wrap=malloc,--wrap=free,--wrap=pthread_create,--wrap=cn_cache_bytes
$cc -pthread ${CFLAGS:-} "${objects[@]}" $wrapped ${LDFLAGS:-} -lm -o "$folder/c_test"
