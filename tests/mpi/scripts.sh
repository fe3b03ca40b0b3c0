#!/usr/bin/env bash
# scripts.sh PROGRAM [SCRIPT ...]: real scripts, unchanged, in one process with 8 shards and under mpirun: the models that
# they save have the same bits. Some minutes; needs RNNLUA_DATA. Of ridership also the table of results, but for times.
set -euo pipefail
program=$(realpath "$1")
shift
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 RNNLUA_THREADS=1 RNNLUA_SHARDS=8
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
declare -A options=([ridership]="--model lstm --epochs 5" [char_lm]="--units 32 --epochs 1"
  [translate]="--epochs 1 --units 32")
weights='local t = require("rnn.core").archive_read(arg[1]) local sums = {}
  for name, x in pairs(t) do sums[#sums + 1] = name .. " " .. require("rnn.core").checksum(x) end
  table.sort(sums) print(table.concat(sums, "\n"))'
echo "$weights" >"$work/weights.lua"
status=0
for name in "${@:-ridership char_lm translate}"; do
  for name in $name; do
    one() { "$@" scripts/$name.lua ${options[$name]} --save "$work/model.safetensors" >"$work/out" 2>"$work/err" ||
      { tail "$work/err"; status=1; }
      "$program" "$work/weights.lua" "$work/model.safetensors"; }
    one "$program" >"$work/one"
    for run in "mpich 1" "mpich 2" "mpich 3" "openmpi 2"; do
      set -- $run
      one mpirun.$1 -n $2 "$program" >"$work/many"
      if cmp -s "$work/one" "$work/many"; then echo "$name, $run ranks: same bits"
      else echo "$name, $run ranks: other bits"; status=1; fi
      grep 'of the time' "$work/err" || true
    done
  done
done
exit $status
