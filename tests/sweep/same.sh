#!/usr/bin/env bash
# same.sh PROGRAM [SCRIPT WORDS ...]: kept; some minutes. The table of a sweep with --jobs 1, with --jobs 2, after it was killed
# in the middle, with kill -9 of the sweep and of a training, and by the ranks of mpirun, must be the same, byte for byte.
#   tests/sweep/same.sh build/rnnlua
#   tests/sweep/same.sh build/rnnlua scripts/forecast.lua --model linear,rnn1,deep --epochs 3 --seeds 2
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
program=$1
shift
[ $# -gt 0 ] || set -- "$here/toy.lua" --lr 1e-4..1e-1 --hidden 8,16,32 --cell RNN,GRU --trials 30 --seeds 3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
begun=$(date +%s)
"$program" sweep "$@" --jobs 1 --run "$folder/one" >"$folder/one.txt" 2>/dev/null
one=$(date +%s)
"$program" sweep "$@" --jobs 2 --run "$folder/two" >"$folder/two.txt" 2>/dev/null
two=$(date +%s)
kills=0
while :; do # until it is done before the knife comes
  "$program" sweep "$@" --jobs 2 --run "$folder/three" >"$folder/three.txt" 2>/dev/null &
  sweep=$!
  sleep "0.$((RANDOM % 9 + 1))"
  sleep $(((two - one) / 5))
  child=$(pgrep -P $sweep | head -1) || true
  [ $((RANDOM % 2)) = 0 ] || kill -9 ${child:-0} 2>/dev/null || true
  kill -9 $sweep 2>/dev/null || true
  if wait $sweep 2>/dev/null; then break; fi
  kills=$((kills + 1))
done
if command -v mpirun >/dev/null; then
  OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 \
    mpirun -n 3 "$program" sweep "$@" --run "$folder/ranks" >"$folder/ranks.txt" 2>/dev/null
  cmp "$folder/one.txt" "$folder/ranks.txt"
fi
cmp "$folder/one.txt" "$folder/two.txt"
cmp "$folder/one.txt" "$folder/three.txt"
cat "$folder/one.txt"
echo "the same with --jobs 1 ($((one - begun)) s), with --jobs 2 ($((two - one)) s), and after $kills times kill -9"
