#!/usr/bin/env bash
# site.sh PROGRAM BUILD_FOLDER: the site of the documentation (docs/site.lua), in headless Chromium. Pictures of some pages stay in
# BUILD_FOLDER/site-*.png. Skipped (77) where there is no browser or no cmark. RNNLUA_AXE=axe.min.js (npm: axe-core) checks
# contrast and headings as well.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
browser=$(command -v chromium chromium-browser google-chrome | head -1) || true
if [ -z "$browser" ] || ! command -v python3 >/dev/null || ! command -v cmark >/dev/null; then
  echo "skipped: this test needs chromium, python3 and cmark"
  exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$here/../.."
"$1" docs/site.lua "$folder/site"
timeout 300 python3 "$here/site.py" "$browser" "$folder/site" "$2/site" ${RNNLUA_AXE:+"$RNNLUA_AXE"}
