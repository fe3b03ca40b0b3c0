#!/usr/bin/env bash
# run.sh PROGRAM [SAVED.safetensors ...]: models as C, by every compiler, under sanitizers, on other processors and on
# boards. It trains some small models itself (models.lua) and takes what is given as well, and prints what each program
# says of itself: bits are compared where a b + c is rounded once. What is not installed is skipped and said:
#
#   apt-get install gcc g++ clang gcc-aarch64-linux-gnu qemu-user gcc-arm-none-eabi libnewlib-arm-none-eabi \
#     qemu-system-arm gcc-avr avr-libc simavr
#   tests/export/run.sh build/rnnlua ridership.safetensors
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
program=$1
shift
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$program" "$here/models.lua" "$folder" "$@"
cd "$folder"
strict="-Wall -Wextra -Wpedantic -Werror"
failures=0 count=0
fma="-mfma -mavx2"
grep -q '\bfma\b' /proc/cpuinfo 2>/dev/null || fma=""

there() { # is all of that installed?
  local name
  for name in "$@"; do
    command -v "$name" >/dev/null 2>&1 || { echo "skipped: no $name"; return 1; }
  done
}

run() { # WAY NAME EXPECTED COMMAND...: its last line
  local way=$1 name=$2 expected=$3 out
  shift 3
  count=$((count + 1))
  if out=$("$@" 2>&1) && grep -q "$expected" <<<"$out"; then return 0; fi
  failures=$((failures + 1))
  echo "FAILED: $name, $way: $(tail -3 <<<"$out")"
}

each() { # WAY EXPECTED COMPILER...: every model, compiled and run here
  local way=$1 expected=$2 before=$failures file name
  shift 2
  for file in *.c; do
    name=${file%.c}
    run "$way" "$name" "$expected" sh -c "$* -D${name}_MAIN $file -o $name.out && ./$name.out"
  done
  echo "$way: $((failures - before)) failures"
}

bits="bits are compared.*: ok"
[ -n "$fma" ] || bits=": ok"
if there gcc; then
  each "gcc c99" "$bits" gcc -std=c99 -O2 "$fma" "$strict"
  each "gcc, contract=off" "$bits" gcc -std=c99 -O3 "$fma" -ffp-contract=off "$strict"
  each "gcc, contract=fast" "$bits" gcc -std=gnu99 -O2 "$fma" -ffp-contract=fast "$strict"
  each "gcc, no fma" ": ok" gcc -std=c99 -O2 "$strict"
  each "gcc, sanitizers" "$bits" gcc -std=c99 -O1 "$fma" -fsanitize=address,undefined -fno-sanitize-recover "$strict"
fi
if there g++; then each "g++" "$bits" g++ -x c++ -std=c++11 -O2 "$fma" "$strict"; fi
if there clang; then
  each "clang c99" "$bits" clang -std=c99 -O2 "$fma" "$strict"
  each "clang, contract=off" "$bits" clang -std=c99 -O2 "$fma" -ffp-contract=off "$strict"
  each "clang, contract=fast" ": ok" clang -std=c99 -O2 "$fma" -ffp-contract=fast "$strict"
fi
if there aarch64-linux-gnu-gcc qemu-aarch64; then
  for file in *.c; do
    name=${file%.c}
    run aarch64 "$name" "bits are compared.*: ok" sh -c "aarch64-linux-gnu-gcc -static -std=c99 -O2 $strict \
      -D${name}_MAIN $file -o $name.arm && qemu-aarch64 ./$name.arm"
  done
  echo "aarch64: the same bits as here, unless said otherwise above"
fi

# ---- boards ----

cortex() { # MACHINE CODE DATA EXPECTED FLAGS...
  local machine=$1 code=$2 data=$3 expected=$4 before=$failures file name
  shift 4
  for file in *.c; do
    name=${file%.c}
    run "$machine" "$name" "$expected" sh -c "arm-none-eabi-gcc $* -mthumb -std=c99 -O2 -ffunction-sections \
      --specs=rdimon.specs -include $here/board.h -T $here/board.ld -Wl,--defsym=CODE=$code,--defsym=DATA=$data \
      -Wl,--no-warn-rwx-segments -u _printf_float -D${name}_MAIN $file -o $name.elf && timeout 120 qemu-system-arm \
      -M $machine -nographic -monitor none -serial none -semihosting-config enable=on,target=native \
      -kernel $name.elf </dev/null"
  done
  echo "$machine: $((failures - before)) failures"
}
if there arm-none-eabi-gcc qemu-system-arm; then
  cortex mps2-an386 0x0 0x20000000 "bits are compared.*: ok" -mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16
  cortex mps2-an505 0x10000000 0x38000000 "bits are compared.*: ok" -mcpu=cortex-m33 -mfloat-abi=hard -mfpu=fpv5-sp-d16
  cortex mps2-an385 0x0 0x20000000 ": ok" -mcpu=cortex-m3
fi
if there avr-gcc simavr; then
  for file in *.c; do
    name=${file%.c}
    if ! avr-gcc -mmcu=atmega1284p -std=gnu99 -Os -include "$here/board.h" "-D${name}_MAIN" "$file" -o "$name.avr" \
      -Wl,-u,vfprintf -lprintf_flt -lm 2>"$name.err" || [ "$(avr-size -A "$name.avr" |
      awk '/^\.(data|bss)/ { n += $2 } END { print n }')" -gt 15000 ]; then
      echo "atmega1284p: $name does not fit: $(grep -om1 'overflowed by.*' "$name.err" || echo "16 kB of RAM")"
      continue
    fi
    run atmega1284p "$name" ": ok" timeout 120 simavr -m atmega1284p -f 16000000 "$name.avr"
  done
fi
echo "$count programs, $failures failures"
[ "$failures" -eq 0 ]
