#!/usr/bin/env bash
# kill.sh PROGRAM [TIMES]: a training of which a random rank is killed with SIGKILL at a random moment, 50 times, each time
# taken up by another number of ranks, ends with the bits of one that nothing disturbed. Some minutes.
set -euo pipefail
program=$(realpath "$1")
times=${2:-50}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 RNNLUA_THREADS=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
RANDOM=${SEED:-1}
"$program" "$here/long.lua" "$work/whole" >"$work/one" 2>/dev/null
check() {
  diff "$work/one" "$work/many"
  cmp "$work/whole/checkpoint.safetensors" "$work/run/checkpoint.safetensors"
  finished=$((finished + 1))
}
killed=0 named=0 finished=0 began=$SECONDS
while [ "$killed" -lt "$times" ]; do
  mpi=mpich n=$((2 + RANDOM % 3))
  if [ $((RANDOM % 3)) -eq 0 ]; then mpi=openmpi; fi
  mpirun.$mpi -n $n "$program" "$here/long.lua" "$work/run" >"$work/many" 2>"$work/err" &
  job=$!
  victim=$((RANDOM % n)) at=$(((RANDOM % 150) + 30))
  # The process of the rank, which it has written down.
  for _ in $(seq 100); do
    if [ -s "$work/run.pid$victim" ]; then break; fi
    sleep 0.05
  done
  sleep "$((at / 100)).$(printf %02d $((at % 100)))"
  pid=$(cat "$work/run.pid$victim" 2>/dev/null || true)
  rm -f "$work"/run.pid*
  if [ -z "$pid" ] || ! kill -KILL "$pid" 2>/dev/null; then # it has ended before
    wait $job
    check
    rm -rf "$work/run"
    continue
  fi
  if wait $job; then echo "killed, but mpirun says that all is well"; exit 1; fi
  killed=$((killed + 1))
  if grep -qE "rank $victim with PID|PID $pid |rank $victim " "$work/err" "$work/many"; then named=$((named + 1)); fi
done
mpirun.mpich -n 3 "$program" "$here/long.lua" "$work/run" >"$work/many" 2>"$work/err"
check
echo "killed $killed times, finished $finished times, in $((SECONDS - began)) s ($named times the rank or its process was named), taken up by 2 to 4 ranks" \
  "of both MPIs: the same bits as undisturbed"
