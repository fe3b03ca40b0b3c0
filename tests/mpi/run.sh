#!/usr/bin/env bash
# run.sh PROGRAM: one process with 8 shards, and 1, 2 and 3 ranks under MPICH and 2 under Open MPI, give the same bits; a
# failure in one rank ends all; a signal to one stops all, and any other number of ranks goes on.
set -euo pipefail
program=$(realpath "$1")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
modules=$(dirname "$program")/module
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 RNNLUA_THREADS=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1
export UCX_LOG_LEVEL=fatal # MPICH's transport speaks of network devices that a container does not show, among our lines
for mpi in mpich openmpi; do
  if [ -e "$modules/rnnlua_$mpi.so" ] && command -v mpirun.$mpi >/dev/null; then eval "has_$mpi=yes"
  else echo "skipped: $mpi is not installed here (packages mpich libmpich-dev, openmpi-bin libopenmpi-dev)"; fi
done
[ -n "${has_mpich:-}${has_openmpi:-}" ] || exit 77
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "$1" >&2; tail -n 20 "$work"/err* >&2 || true; exit 1; }
ranks() { # MPI N ARGUMENTS: what N ranks print
  local mpi=$1 n=$2
  shift 2
  timeout 120 mpirun.$mpi -n "$n" "$program" "$@" 2>"$work/err"
}

"$program" "$here/train.lua" >"$work/one" 2>"$work/err"
[ "$(grep -c weights "$work/one")" -eq 6 ] || fail "one process has not trained"
runs=()
[ -z "${has_mpich:-}" ] || runs+=("mpich 1" "mpich 2" "mpich 3")
[ -z "${has_openmpi:-}" ] || runs+=("openmpi 2")
for run in "${runs[@]}"; do
  ranks $run "$here/train.lua" >"$work/many" || fail "$run: failed"
  diff "$work/one" "$work/many" || fail "$run: other bits than one process"
  echo "$run ranks: the bits of one process"
done

# Stopped by a signal to the last rank, and taken up again by others.
"$program" "$here/train.lua" layers "$work/whole" >"$work/one" 2>"$work/err"
mpi=${has_mpich:+mpich}
mpi=${mpi:-openmpi}
status=0
RANK_TO_STOP=1 ranks $mpi 2 "$here/stop.lua" layers "$work/run" >/dev/null || status=$?
[ "$status" -eq 75 ] || fail "stopped by SIGUSR1 with exit code $status, not 75"
grep -q 'SIGUSR1.*The same command goes on' "$work/err" || fail "nothing says how it goes on"
ranks $mpi 3 "$here/train.lua" layers "$work/run" >"$work/many" || fail "it does not go on"
diff "$work/one" "$work/many" || fail "other bits after a stop"
cmp "$work/whole/checkpoint.safetensors" "$work/run/checkpoint.safetensors" || fail "another checkpoint after a stop"
echo "stopped and taken up by other ranks: the same bits"

# What goes wrong is said once, by its rank, and ends all.
wrong() { # EXPECTED LUA
  status=0
  ranks $mpi 2 -e "local rnn = require 'rnn' $2 rnn.dist.gather(1)" >"$work/out" || status=$?
  [ "$status" -ne 0 ] || fail "$2: no error"
  grep -q "$1" "$work/err" || fail "$2: expected $1"
  [ "$(grep -c "$1" "$work/err")" -eq 1 ] || fail "$2: said more than once"
}
wrong 'rank 1 of 2 (.*unwell' 'if rnn.dist.rank == 1 then error "unwell" end'
wrong 'both unwell' 'error "both unwell"'
wrong 'different ways: rank 0 at dist.gather, rank 1 at rnn.predict' \
  'if rnn.dist.rank == 1 then rnn.predict(rnn.nn.Linear(1, 1), rnn.zeros(3, 1)) end'
wrong 'rank 1 has other weights than rank 0' 'rnn.seed(rnn.dist.rank) local m = rnn.nn.Linear(1, 1)
  rnn.fit(m, { data = rnn.data.arrays(rnn.zeros(4, 1), rnn.zeros(4, 1)):batches(), loss = "mse",
  optimizer = rnn.optim.SGD(m:parameters(), { lr = 1 }), progress = false })'
echo "failures are told by their rank and end all"
