#!/usr/bin/env bash
# site.sh PROGRAM BUILD_FOLDER: the site of the documentation (docs/site.lua), in headless Chromium. Pictures of some pages stay in
# BUILD_FOLDER/site-*.png. Skipped (77) where there is no browser or no cmark. Contrast and headings are checked by
# axe-core, which npm brings once, into BUILD_FOLDER/axe; without it the test says that they are not.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
browser=$(command -v chromium chromium-browser google-chrome | head -1) || true
if [ -z "$browser" ] || ! command -v python3 >/dev/null || ! command -v cmark >/dev/null; then
  echo "skipped: this test needs chromium, python3 and cmark"
  exit 77
fi
axe=$2/axe/package/axe.min.js
if [ ! -e "$axe" ]; then
  mkdir -p "$2/axe"
  (cd "$2/axe" && timeout 60 npm pack --silent axe-core@4.14.1 >/dev/null && tar -xzf axe-core-*.tgz package/axe.min.js) ||
    echo "axe-core cannot be had here (no npm, or its registry is not reached)"
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$here/../.."
"$1" docs/site.lua "$folder/site"
timeout 300 python3 "$here/site.py" "$browser" "$folder/site" "$2/site" "$axe"
