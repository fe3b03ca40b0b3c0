#!/usr/bin/env bash
# deb.sh [FOLDER]: the packages that ./dev package has left in FOLDER (build/packages) are as Debian wants them.
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v lintian >/dev/null || { echo "skipped: there is no lintian (apt install lintian)"; exit 77; }
lintian --allow-root --fail-on error,warning "${1:-build/packages}"/*.deb
