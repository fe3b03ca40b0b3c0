-- find.lua: where a public data set lies on this machine.

local check = require "rnn.check"

local function readable(path)
  local file = io.open(path, "rb")
  if not file then return false end
  local is_file = file:read(0) ~= nil or file:seek("end") == 0 -- a directory opens, but cannot be read
  file:close()
  return is_file
end

--- data.find(folder, file [, options]) -> path | nil, message
---
--- Looks for folder/file, or file itself, in the folder (or as the file) that options.data names; without it in the
--- folders of the environment variable RNNLUA_DATA, separated by colons. options.source says in the message where the
--- file is to be had.
---@param folder string
---@param file string
---@param options? { data?: string, source?: string }
---@return string?
---@return string? message
return function(folder, file, options)
  check.string("data.find", "argument 1 (folder)", folder)
  check.string("data.find", "argument 2 (file)", file)
  options = check.options("data.find", options, { data = check.none, source = check.none })
  local roots = {}
  if options.data then
    if readable(options.data) then return options.data end
    roots[1] = options.data
  else
    for root in (os.getenv "RNNLUA_DATA" or ""):gmatch "[^:]+" do roots[#roots + 1] = root end
  end
  for _, root in ipairs(roots) do
    for _, path in ipairs { root .. "/" .. folder .. "/" .. file, root .. "/" .. file } do
      if readable(path) then return path end
    end
  end
  return nil, ("no file %s/%s in %s%s"):format(folder, file,
    #roots > 0 and table.concat(roots, " or ") or "sight: give --data FOLDER or set RNNLUA_DATA",
    options.source and "\nIt is to be had from " .. options.source or "")
end
