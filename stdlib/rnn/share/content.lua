-- content.lua: what the files of a capsule say, by their names.

local core = require "rnn.core"

local content = {}

--- content.epochs(files, number) -> list of the figures of each epoch
---@param files table<string, string>
---@param number integer
---@return table[]
function content.epochs(files, number)
  local list = {}
  for line in (files[("trainings/%d/metrics.jsonl"):format(number)] or ""):gmatch "[^\n]+" do
    local each = core.json_decode(line)
    if type(each) == "table" then list[#list + 1] = each end
  end
  return list
end

--- content.figures(files) -> lists of numbers by name
---@param files table<string, string>
---@return table<string, number[]>
function content.figures(files)
  local figures = core.json_decode(files["results/figures.json"] or "{}")
  return type(figures) == "table" and figures or {}
end

return content
