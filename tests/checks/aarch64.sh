#!/usr/bin/env bash
# aarch64.sh: builds for aarch64 beside the compiler's own libraries from Debian, runs specs under qemu-user, and compares the
# bits of --deterministic with those of build/rnnlua. It takes long and gets packages, so it is no test of ctest's:
#
#   apt install gcc-aarch64-linux-gnu qemu-user
#   tests/checks/aarch64.sh [SPEC ...]      default: every spec; bits: only the comparison
#
# What it makes stays in build-aarch64; what failed is told at the end.
set -euo pipefail
cd "$(dirname "$0")/../.."
for tool in aarch64-linux-gnu-gcc qemu-aarch64; do
  command -v $tool >/dev/null || { echo "skipped: there is no $tool"; exit 77; }
done
build=$PWD/build-aarch64 root=$PWD/build-aarch64/root

# The libraries and what they need, without a second architecture for this machine's apt.
wanted=(liblua5.4-dev libjansson-dev libcsv-dev zlib1g-dev libopenblas-pthread-dev libsndfile1-dev libsamplerate0-dev
  libcairo2-dev lua5.4 lua-filesystem lua-system lua-term) # the last three: what Busted has in C
libraries=$root/usr/lib/aarch64-linux-gnu
if [ ! -e "$libraries/libopenblas.so.0" ]; then
  mkdir -p "$root" "$build/apt/"{lists/partial,cache/archives/partial,debs}
  touch "$build/apt/status"
  options=(-o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State="$build/apt" -o Dir::State::lists=lists
    -o Dir::State::status="$build/apt/status" -o Dir::Cache="$build/apt/cache" -o APT::Sandbox::User=)
  apt-get "${options[@]}" -qq update
  mapfile -t packages < <(apt-cache "${options[@]}" depends --recurse --no-recommends --no-suggests --no-conflicts \
    --no-breaks --no-replaces --no-enhances "${wanted[@]}" | grep '^[a-z]' | grep -v -e dpkg -e perl -e debconf -e 'libc6-dev' -e 'libc-dev' | sort -u)
  (cd "$build/apt/debs" && apt-get "${options[@]}" -qq download "${packages[@]}")
  for package in "$build"/apt/debs/*.deb; do dpkg -x "$package" "$root"; done
  cp "$libraries"/openblas-pthread/pkgconfig/openblas.pc "$libraries/pkgconfig/" # as update-alternatives does
  ln -s openblas-pthread/libopenblas.so.0 "$libraries/libopenblas.so.0"
fi
mkdir -p "$build/bin"
printf '#!/bin/sh\nexec qemu-aarch64 -L %s %s/usr/bin/lua5.4 "$@"\n' "$root" "$root" > "$build/bin/lua5.4"
chmod +x "$build/bin/lua5.4"

cat > "$build/toolchain.cmake" <<CMAKE
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_C_FLAGS_INIT "-isystem $root/usr/include -isystem $root/usr/include/aarch64-linux-gnu")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-L$root/usr/lib/aarch64-linux-gnu -Wl,-rpath-link,$root/usr/lib/aarch64-linux-gnu")
set(CMAKE_FIND_ROOT_PATH $root)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L $root)
CMAKE
export PKG_CONFIG_LIBDIR=$root/usr/lib/aarch64-linux-gnu/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root
[ -e "$build/build.ninja" ] || cmake -G Ninja -S . -B "$build" -DCMAKE_TOOLCHAIN_FILE="$build/toolchain.cmake" \
  -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF >"$build/log"
cmake --build "$build" --target rnnlua rnn >"$build/log" 2>&1 || { tail -20 "$build/log"; exit 1; }

# A program for those that start it again.
printf '#!/bin/sh\nexec qemu-aarch64 -L %s %s/rnnlua.real "$@"\n' "$root" "$build" > "$build/run"
cp "$build/rnnlua" "$build/rnnlua.real"
chmod +x "$build/run"
export RNNLUA=$build/run RNNLUA_MODULE=$build/module/rnn.so PATH=$build/bin:$PATH

echo "bits"
for double in "" --double; do
  # shellcheck disable=SC2086
  build/rnnlua $double --deterministic --threads 1 tests/checks/bits.lua > "$build/bits.x86-64"
  # shellcheck disable=SC2086
  "$build/run" $double --deterministic --threads 1 tests/checks/bits.lua > "$build/bits.aarch64"
  cmp "$build/bits.x86-64" "$build/bits.aarch64"
  wc -l < "$build/bits.aarch64"
done
[ "${1:-}" != bits ] || exit 0

specs=("$@")
[ ${#specs[@]} -gt 0 ] || mapfile -t specs < <(find tests/spec -name '*_spec.lua' | LC_ALL=C sort)
failed=()
for spec in "${specs[@]}"; do
  timeout 1800 "$build/run" tests/spec/support/run.lua "$spec" > "$build/spec.log" 2>&1 || {
    [ $? = 77 ] || { failed+=("$spec"); cp "$build/spec.log" "$build/$(basename "$spec").log"; }
  }
done
echo "${#specs[@]} specs, ${#failed[@]} failed: ${failed[*]:-}"
[ ${#failed[@]} -eq 0 ]
