-- environment.lua: what a result may depend on beside the script: program, processor, threads, seed, command.

local core = require "rnn.core"
local record = require "rnn.record"

local environment = {}

local function quoted(word)
  return word:find "^[%w%-_./=,:+@%%]+$" and word or "'" .. word:gsub("'", "'\\''") .. "'"
end

--- environment.command() -> string: the command line, as a shell takes it; "" when there is none
---@return string
function environment.command()
  local arg = rawget(_G, "arg")
  if type(arg) ~= "table" then return "" end
  local first, words = 0, {}
  while arg[first - 1] do first = first - 1 end
  local i = first
  while arg[i] do
    words[#words + 1] = quoted(tostring(arg[i]))
    i = i + 1
  end
  return table.concat(words, " ")
end

--- environment.list() -> { { name, value }, ... }
---
--- The seed is that of the last rnn.seed.
---@return { [1]: string, [2]: string }[]
function environment.list()
  local kernel = core.file_read "/proc/sys/kernel/osrelease"
  local kernels = core.isa() .. (os.getenv "RNNLUA_DETERMINISTIC" and ", deterministic" or "")
    .. (core.blas() == "openblas" and ", openblas" or "")
  return {
    { "command", environment.command() },
    { "seed", tostring(core.random_state().seed) },
    { "rnnlua", ("%s, %s, %s"):format(core.version, core.precision, _VERSION) },
    { "kernels", kernels },
    { "threads", tostring(core.threads()) },
    { "processor", (record.machine()) },
    { "system", kernel and "Linux " .. kernel:gsub("%s+$", "") or "unknown" },
  }
end

return environment
