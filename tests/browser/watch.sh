#!/usr/bin/env bash
# watch.sh PROGRAM BUILD_FOLDER: the page of rnnlua watch in headless Chromium, while a run trains, others are cut and taken
# away, and two clients look. Pictures of what was seen stay in BUILD_FOLDER/watch*.png. Skipped (77) where there is no
# browser or no libmicrohttpd.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
browser=$(command -v chromium chromium-browser google-chrome | head -1) || true
if [ -z "$browser" ] || ! command -v python3 >/dev/null; then
  echo "skipped: this test needs chromium and python3"
  exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
timeout 200 python3 "$here/watch.py" "$browser" "$1" "$folder" "$2/watch"
