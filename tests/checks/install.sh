#!/usr/bin/env bash
# install.sh BUILD: what is installed from the build folder BUILD works where it was put, and only from there: the program,
# the module for lua5.4, and a program in C that finds the library by pkg-config (shared and static) and by CMake.
set -euo pipefail
build=$1
source=$(cd "$(dirname "$0")/../.." && pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cmake --install "$build" --prefix "$place/usr" >/dev/null
if grep -vE "^$place/usr/(bin|include|lib|share)/" "$build/install_manifest.txt"; then echo "installed elsewhere"; exit 1; fi
cd "$place"
[ "$(find usr -name 'rnn*.so' -path '*/lua/*' -printf '%h\n' | sort -u | wc -l)" -eq 1 ]
libraries=$(dirname "$(find usr -name librnn.so)")
run=(env -i PATH=/usr/bin:/bin HOME="$place" LD_LIBRARY_PATH="$place/$libraries")

echo "program"
cat > first.lua <<'LUA'
local rnn = require "rnn"
local x = rnn.tensor({ 1, 2, 3 }):requires_grad(true);
(x * x):sum():backward()
print(table.concat(x.grad:totable(), " "))
LUA
[ "$("${run[@]}" usr/bin/rnnlua first.lua)" = "2.0 4.0 6.0" ]
"${run[@]}" usr/bin/rnnlua --version | grep -q "^rnnlua "

echo "man page and completions: every word of the table in each"
mapfile -t words < <(sed -n 's/^\(COMMAND\|OPTION\)("\(-*[a-zA-Z-]\{1,\}\)".*/\2/p' "$source/bindings/host/options.def" | grep -v '^-*$')
[ ${#words[@]} -ge 20 ]
share=usr/share
for file in $share/man/man1/rnnlua.1.gz $share/bash-completion/completions/rnnlua $share/zsh/vendor-completions/_rnnlua \
    $share/fish/vendor_completions.d/rnnlua.fish; do
  for word in "${words[@]}"; do
    zcat -f $file | sed 's/\\-/-/g' | grep -qwe "${word##*-}" || { echo "$file lacks $word"; exit 1; }
  done
done
bash -n $share/bash-completion/completions/rnnlua
if command -v mandoc >/dev/null; then for page in $share/man/man1/*.1.gz; do zcat "$page" | mandoc -Tlint -W warning; done; fi
source $share/bash-completion/completions/rnnlua
completed() { # the last word of the line, as bash would complete it
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
  _rnnlua
  echo "${COMPREPLY[*]}"
}
[ "$(completed rnnlua --det)" = "--deterministic" ]
[ "$(completed rnnlua --blas o)" = "own openblas" ]
[[ " $(completed rnnlua caps) " = *" capsule "* ]]

echo "module"
[ "$("${run[@]}" LUA_CPATH="$place/$libraries/lua/5.4/?.so" lua5.4 first.lua)" = "2.0 4.0 6.0" ]

echo "kernel"
[ ! -e usr/bin/rnnlua-kernel ] || grep -q '"rnnlua-kernel"' $share/jupyter/kernels/rnnlua/kernel.json

echo "library"
export PKG_CONFIG_PATH="$place/$libraries/pkgconfig"
flags() { pkg-config --define-variable=prefix="$place/usr" "$@"; }
for name in rnn rnn_double; do
  # shellcheck disable=SC2046
  cc "$source/tests/c/test_example.c" $(flags --cflags --libs $name) -lm -o shared
  # shellcheck disable=SC2046
  cc "$source/tests/c/test_example.c" $(flags --cflags $name) "$libraries/lib$name.a" \
    $(flags --static --libs $name | sed "s/-l$name //") -o static
  "${run[@]}" ./shared > shared.out
  env -i ./static | cmp - shared.out
done
cat > CMakeLists.txt <<CMAKE
cmake_minimum_required(VERSION 3.25)
project(example C)
find_package(rnn REQUIRED)
add_executable(example $source/tests/c/test_example.c)
target_link_libraries(example PRIVATE rnn::rnn_double m)
CMAKE
cmake -G Ninja -S . -B made -DCMAKE_PREFIX_PATH="$place/usr" >/dev/null
cmake --build made >/dev/null
"${run[@]}" made/example | cmp - shared.out
