#!/bin/sh
# share.sh: A makes an experiment, B repeats it, each in a clone of their own, as two people would. What they type and see
# is printed; docs/howto/capsules.md has it, shortened. Fails when a command does not end as it should.
#
#   tests/share.sh [PROGRAM]     default: build/rnnlua; with RNNLUA_DATA the ridership of Chicago too
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
program=$(realpath "${1:-$root/build/rnnlua}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"
ln -s "$program" "$work/bin/rnnlua"
PATH=$work/bin:$PATH
unset RNNLUA_PATH RNNLUA_ISA

for who in a b; do git clone -q "$root" "$work/$who"; done

# says WHO FOLDER CODE COMMAND: WHO types COMMAND in FOLDER of the clone, and it ends with that exit code.
says() {
  who=$1 folder=$2 expected=$3 code=0
  shift 3
  printf '%s$ %s\n' "$who" "$*"
  (cd "$work/$who/$folder" && eval "$@") > "$work/out" 2>&1 || code=$?
  sed "s|$work/*|.../|g" "$work/out"
  [ "$code" -eq "$expected" ] || { echo "share.sh: exit code $code, expected $expected" >&2; exit 1; }
}
# has WORDS: the last command said so.
has() { grep -q -e "$1" "$work/out" || { echo "share.sh: nothing says '$1'" >&2; exit 1; }; }

says a . 0 rnnlua new riders
says a riders 0 rnnlua run
says a riders 0 rnnlua run --units 16
says a riders 2 rnnlua diff runs/1.capsule.zip runs/2.capsule.zip
has 'option units: 8 | 16'
says a riders 0 rnnlua rerun runs/2.capsule.zip
has 'reproduced: 20 of 20 epochs'

echo '# A sends runs/2.capsule.zip and data/series.csv to B.'
mkdir -p "$work/b/mail/data"
cp "$work/a/riders/runs/2.capsule.zip" "$work/b/mail/"
cp "$work/a/riders/data/series.csv" "$work/b/mail/data/"

says b mail 0 rnnlua show 2.capsule.zip
has 'everything in it is as it was written'
says b mail 0 rnnlua rerun --epochs 3 2.capsule.zip
has 'reproduced: 3 of 20 epochs'
says b mail 0 rnnlua rerun 2.capsule.zip
has 'same bits'
says b mail 0 "sed -i 2s/./9/ data/series.csv"
says b mail 3 rnnlua rerun 2.capsule.zip
has 'data/series.csv is not the file that was read'
says b mail 0 "cp 2.capsule.zip spoiled.zip && printf x | dd of=spoiled.zip bs=1 seek=9000 conv=notrunc status=none"
says b mail 1 rnnlua show spoiled.zip
says a riders 0 rnnlua train.lua --save model.safetensors
says a riders 0 rnnlua show model.safetensors
has 'input: 14 values of the series'

if [ -d "${RNNLUA_DATA:-}/cta-ridership" ]; then
  says a . 0 rnnlua capsule -o riders.capsule.zip scripts/ridership.lua --model rnn32 --epochs 20
  cp "$work/a/riders.capsule.zip" "$work/b/mail/"
  says b mail 0 rnnlua rerun riders.capsule.zip
  has 'reproduced: 20 of 20 epochs'
else
  echo 'skipped: the ridership of Chicago, as RNNLUA_DATA is not set'
fi
echo ok
