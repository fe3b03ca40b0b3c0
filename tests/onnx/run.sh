#!/usr/bin/env bash
# run.sh PROGRAM FOLDER [MODELS [SEED]]: what rnn.onnx writes, other programs read, and the reverse. MODELS (200) random
# models are checked by onnx.checker and run by onnxruntime, and come back with the same bits; ONNX's own tests of
# operators go through rnn.onnx.load. It takes a minute. onnx and onnxruntime are packages of PyPI, which are installed
# once, into FOLDER/onnx; where that cannot be done the test is skipped (77) and says so.
#
#   tests/onnx/run.sh build/rnnlua build
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
program=$1 venv=$2/onnx models=${3:-200} seed=${4:-1}
packages="onnx==1.23.2 onnxruntime==1.31.1"
if [ ! -e "$venv/installed" ]; then
  rm -rf "$venv"
  # shellcheck disable=SC2086
  if ! python3 -m venv "$venv" || ! timeout 300 "$venv/bin/pip" install -q --retries 1 $packages 2>"$venv.log"; then
    tail -3 "$venv.log" 2>/dev/null || true
    echo "skipped: $packages cannot be installed here (no python3-venv, or PyPI is not reached)"
    exit 77
  fi
  touch "$venv/installed"
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/models" "$folder/nodes"
"$program" "$here/models.lua" "$folder/models" "$models" "$seed"
"$venv/bin/python" "$here/compare.py" "$folder/models"
"$venv/bin/python" "$here/nodes.py" "$folder/nodes"
"$program" "$here/nodes.lua" "$folder/nodes"
