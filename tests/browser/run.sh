#!/usr/bin/env bash
# run.sh PROGRAM BUILD_FOLDER: the report.html of a run, in headless Chromium (Debian's package chromium). Pictures of
# what was seen stay in BUILD_FOLDER/report*.png. Skipped (77) where there is no browser.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
browser=$(command -v chromium chromium-browser google-chrome | head -1) || true
if [ -z "$browser" ] || ! command -v python3 >/dev/null; then
  echo "skipped: this test needs chromium and python3"
  exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$1" "$here/write.lua" "$folder/run"
timeout 200 python3 "$here/open.py" "$browser" "$folder/run/report.html" "$2/report.png"
