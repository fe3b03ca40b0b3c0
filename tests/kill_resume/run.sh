#!/bin/bash
# Kills training runs with SIGKILL at random moments and starts them again, until they end; each result must equal, bit
# for bit, that of a run that nobody disturbed.
#
#   run.sh RNNLUA [RUNS [SEED]]
set -u
rnnlua=$1 runs=${2:-200} RANDOM=${3:-1}
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT

train() { # NAME KIND [seconds until it is killed]
  local limit=()
  [ -n "${3:-}" ] && limit=(timeout --foreground -s KILL "$3") # which waits until it is dead
  "${limit[@]}" "$rnnlua" --threads 1 "$here/train.lua" "$folder/$1" "$2" 2> "$folder/$1.err" > /dev/null
}

fail() {
  echo "kill_resume: $1"
  [ -s "$folder/$2.err" ] && tail -5 "$folder/$2.err"
  exit 1
}

declare -A milliseconds
for kind in plain stream; do
  began=$(date +%s%N)
  train "$kind" "$kind" || fail "the undisturbed run '$kind' failed" "$kind"
  milliseconds[$kind]=$((($(date +%s%N) - began) / 1000000))
done

kills=0 in_write=0 before=0

disturb() { # NAME KIND: starts it and kills it after a random time; false when it ended before
  local wait=$((1 + (RANDOM * 32768 + RANDOM) % milliseconds[$2]))
  { train "$1" "$2" "$((wait / 1000)).$(printf %03d $((wait % 1000)))"; } 2> /dev/null && return 1
  kills=$((kills + 1))
  compgen -G "$folder/$1/*.tmp-*" > /dev/null && in_write=$((in_write + 1))
  [ -e "$folder/$1/checkpoint.safetensors" ] || before=$((before + 1))
}

for ((run = 1; run <= runs; run++)); do
  kind=plain
  ((run % 2)) || kind=stream
  name=run$run
  until disturb "$name" "$kind"; do rm -rf "${folder:?}/$name"; done # each run is killed once at least
  for ((more = RANDOM % 3; more > 0; more--)); do disturb "$name" "$kind" || break; done
  train "$name" "$kind" || fail "run $run could not go on" "$name"
  compgen -G "$folder/$name/*.tmp-*" > /dev/null && fail "run $run: leftovers of killed writes" "$name"
  cmp -s "$folder/$kind.result" "$folder/$name.result" ||
    fail "run $run: $(diff "$folder/$kind.result" "$folder/$name.result" | cut -c1-200 | head -4)" "$name"
  rm -rf "${folder:?}/$name" "$folder/$name."*
done
echo "kill_resume: $runs runs, $kills kills ($in_write while a file was being written, $before before the first" \
  "checkpoint): all results equal"
