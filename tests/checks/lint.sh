#!/usr/bin/env bash
# Lua: luacheck finds nothing. C: clang, with the warnings of the build, finds nothing in either precision.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
if command -v luacheck >/dev/null; then
  luacheck -q --codes stdlib scripts tests
else
  echo "luacheck is not installed: Lua not checked"
fi
if ! command -v clang >/dev/null; then
  echo "clang is not installed: C not checked"
  exit 0
fi
flags="-std=gnu11 -D_GNU_SOURCE -fsyntax-only -Werror -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes
  -Icore -Ibindings $(pkg-config --cflags lua5.4 jansson)"
sources=$(git ls-files 'core/*.c' 'bindings/*.c' 2>/dev/null || find core bindings -name '*.c')
sources=$(grep -v '^bindings/mpi/' <<<"$sources") # the header is one of MPI's, which warns when it compiles
for real in -URNN_DOUBLE -DRNN_DOUBLE; do
  for file in $sources; do
    clang $flags $real -DRNNI_TABLE=t -DRNNI_ISA='"x"' "$file"
  done
done
