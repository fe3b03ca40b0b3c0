#!/usr/bin/env bash
# reproducible.sh [full]: two builds of the packages, from copies of the sources in folders of different names, by users of
# different habits, are the same bytes, and so is the program that needs no library. What a folder, a user or the time
# would change shows without optimisation as well, which takes a fifth of the time; with full it is built as it is shipped.
# No cache of a compiler's takes part. It compiles everything four times, so it is no test of ctest's:
#
#   tests/checks/reproducible.sh
set -euo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
place=$(mktemp -d -p "${TMPDIR:-/tmp}")
trap 'rm -rf "$place"' EXIT
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1700000000} CCACHE_DISABLE=1
options=()
[ "${1:-}" = full ] || options=(-DCMAKE_C_FLAGS_RELEASE="-O0 -g1")
build() { # PRESET TARGET, in the folder of a copy
  echo "$PWD: $1"
  cmake --preset "$1" ${options[@]+"${options[@]}"} >"$place/log" 2>&1 &&
    cmake --build "build-$1" --target "$2" >"$place/log" 2>&1 || { tail -20 "$place/log"; exit 1; }
}
for folder in one "another/with a longer name"; do
  mkdir -p "$place/$folder"
  cd "$place/$folder"
  (cd "$source" && git ls-files -z | tar --null -T - -cf -) | tar xf -
  build package all
  build portable rnnlua
  (umask 022; cpack --config build-package/CPackConfig.cmake -B packages) >"$place/log" 2>&1 || { tail -20 "$place/log"; exit 1; }
  umask 027 # of another user
  export TZ=Asia/Tokyo LC_ALL=C
done
cd "$place"
for path in one/packages/*.deb one/build-portable/rnnlua; do
  cmp "$path" "another/with a longer name/${path#one/}"
  echo "the same: ${path#one/}"
done
