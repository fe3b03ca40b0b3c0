#!/usr/bin/env bash
# run.sh PROGRAM BUILD_FOLDER: what PROGRAM writes for TensorBoard, TensorBoard reads. It is a package of PyPI and is
# installed once, into BUILD_FOLDER/tensorboard; where that cannot be done the test is skipped (77) and says so.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
program=$1 venv=$2/tensorboard
package=tensorboard==2.21.0
if [ ! -e "$venv/installed" ]; then
  rm -rf "$venv"
  if ! python3 -m venv "$venv" || ! timeout 300 "$venv/bin/pip" install -q --retries 1 "$package" pillow 2>"$venv.log"; then
    tail -3 "$venv.log" 2>/dev/null || true
    echo "skipped: $package cannot be installed here (no python3-venv, or PyPI is not reached)"
    exit 77
  fi
  touch "$venv/installed"
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$program" "$here/write.lua" "$folder"
"$venv/bin/python" "$here/read.py" "$folder"
