#!/usr/bin/env bash
# halve.sh PROGRAM: kept; some minutes. Does halving find the winner of the whole sweep, on three examples, and with what part of the
# epochs? RNNLUA_DATA is needed for the second; without it, it is left out. It says where not, and by how much.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
program=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
example() { # name, halve, words ...
  local name=$1 by=$2
  shift 2
  "$program" sweep "$@" --jobs 2 --run "$folder/$name-all" >"$folder/all.txt" 2>/dev/null
  "$program" sweep "$@" --jobs 2 --halve "$by" --run "$folder/$name-half" >"$folder/half.txt" 2>/dev/null
  "$program" "$here/compare.lua" "$name" "$folder/$name-all" "$folder/$name-half"
}
example toy 3 "$here/toy.lua" --lr 1e-4..1e-1 --hidden 8,16,32 --cell RNN,GRU --epochs 27 --trials 27 --seeds 2
if [ -d "${RNNLUA_DATA:-}/cta-ridership" ]; then
  example ridership 3 "$here/../../scripts/ridership.lua" --model rnn1,rnn32,deep,multivariate,multitask,ahead14,ln_rnn,lstm,gru --epochs 27 \
    --minimise val_last_mae
else
  echo "ridership: left out: no cta-ridership below RNNLUA_DATA"
fi
example clipped 2 "$here/toy.lua" --lr 3e-4..3e-1 --hidden 4,8,16,32,64 --cell GRU --clip on,off --epochs 16 --trials 16 --seeds 3
