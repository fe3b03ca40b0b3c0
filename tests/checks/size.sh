#!/usr/bin/env bash
# size.sh PROGRAM: stripped it is under 4.75 MB, it is linked with at most 8 libraries, and it starts, doing nothing, within three times lua5.4's time.
set -euo pipefail
program=$1
copy=$(mktemp)
trap 'rm -f "$copy"' EXIT
strip -o "$copy" "$program"
size=$(stat -c %s "$copy")
echo "stripped: $size bytes"
[ "$size" -lt 4750000 ]
libraries=$(ldd "$program" | wc -l)
echo "libraries: $libraries"
[ "$libraries" -le 8 ]

# The fastest of many starts, in turn, so that noise of the machine hits both alike.
"$program" - "$program" <<'LUA'
local core = require "rnn.core"
local best = {}
for _ = 1, 40 do
  for name, command in pairs { ours = arg[1] .. " -e ''", lua = "lua5.4 -e ''" } do
    local t = core.clock()
    assert(os.execute("exec " .. command))
    best[name] = math.min(best[name] or math.huge, core.clock() - t)
  end
end
print(("start: rnnlua %.2f ms, lua5.4 %.2f ms, ratio %.2f"):format(best.ours * 1e3, best.lua * 1e3, best.ours / best.lua))
os.exit(best.ours <= 3 * best.lua)
LUA
