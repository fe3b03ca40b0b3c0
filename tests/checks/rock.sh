#!/usr/bin/env bash
# rock.sh: the rock, built by "luarocks make" into a tree of its own from a copy of the sources, works in a stock lua5.4, and
# nothing is left when it is removed. It compiles everything anew, which takes minutes, so it is no test of ctest's:
#
#   tests/checks/rock.sh
set -euo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
command -v luarocks >/dev/null || { echo "skipped: there is no luarocks (apt install luarocks)"; exit 77; }
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
git -C "$source" ls-files -z | (cd "$source" && xargs -0 cp --parents -t "$place" 2>/dev/null) || true
cd "$place"
luarocks --lua-version 5.4 make --tree "$place/tree" rnnlua-scm-1.rockspec CC=gcc >"$place/log" 2>&1 || { tail -20 "$place/log"; exit 1; }
eval "$(luarocks --lua-version 5.4 --tree "$place/tree" path)"
cd /
[ "$(lua5.4 -e 'local rnn = require "rnn"; print((rnn.ones(2) + 1):sum():item())')" = "4.0" ]
RNNLUA_DOUBLE=1 lua5.4 -e 'assert(require("rnn").precision() == "double")'
luarocks --lua-version 5.4 --tree "$place/tree" remove rnnlua >/dev/null
[ -z "$(find "$place/tree" -name 'rnn*' -not -path '*/rocks-5.4*' -print -quit)" ]
echo "the rock works"
