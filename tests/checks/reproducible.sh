#!/usr/bin/env bash
# reproducible.sh: two builds of the packages, from copies of the sources in folders of different names, are the same bytes,
# and so is the program that needs no library. It compiles everything four times, so it is no test of ctest's.
#
#   tests/checks/reproducible.sh
set -euo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
place=$(mktemp -d -p "${TMPDIR:-/tmp}")
trap 'rm -rf "$place"' EXIT
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1700000000}
for folder in one "another/with a longer name"; do
  mkdir -p "$place/$folder"
  cd "$place/$folder"
  (cd "$source" && git ls-files -z | tar --null -T - -cf -) | tar xf -
  for preset in package:all portable:rnnlua; do
    cmake --preset "${preset%:*}" >/dev/null
    cmake --build "build-${preset%:*}" --target "${preset#*:}" >"$place/log" 2>&1 || { tail -20 "$place/log"; exit 1; }
  done
  cpack --config build-package/CPackConfig.cmake -B "$place/$folder/packages" >/dev/null 2>&1
  umask 027 # of another user
done
cd "$place"
for path in one/packages/*.deb one/build-portable/rnnlua; do
  cmp "$path" "another/with a longer name/${path#one/}"
  echo "the same: ${path#one/}"
done
