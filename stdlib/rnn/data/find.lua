-- find.lua: where a public data set lies on this machine, and whether it is that one.

local check = require "rnn.check"
local option = require "rnn.option"

local function readable(path)
  local file = io.open(path, "rb")
  if not file then return false end
  local is_folder = file:read(0) == nil and file:seek("end") ~= 0 -- it opens, but cannot be read
  file:close()
  if path:find "/$" then return is_folder end
  return not is_folder
end

-- "size:hash" of a file: the size first, so that only a file of the right one is read.
local function is_known(path, fingerprint)
  local file <close> = assert(io.open(path, "rb"))
  local size = file:seek "end"
  if not fingerprint:find("^" .. size .. ":") then return false end
  file:seek "set"
  local text = file:read "a" .. ("\0"):rep(-size % 8)
  local hash = 0
  for at = 1, #text, 8 do
    hash = (hash ~ ("<i8"):unpack(text, at)) * 0x100000001b3 -- FNV-1a, by eight bytes
    hash = hash ~ hash >> 32
  end
  return fingerprint == ("%d:%016x"):format(size, hash)
end

-- The folders to look in, best first.
local function places(data)
  local list = { data }
  if data and data:find "^%.*/" then return list end
  for root in (os.getenv "RNNLUA_DATA" or ""):gmatch "[^:]+" do
    list[#list + 1] = data and root .. "/" .. data or root
  end
  return list
end

local OPTIONS = option.of("data.find", {
  { "data", nil, check.string, "the folder; or the file, under its own name, so that one file never stands for two" },
  { "sole", false, check.boolean, "for programs that read no other file: data may be a file of any name, or, where a "
    .. "folder is wanted, be it itself" },
  { "fingerprint", nil, check.string, "tells the public data set from others under its name" },
  { "source", nil, check.string, "where the file is to be had, for the message" },
})

--- data.find(folder, file [, options]) -> path [, known] | nil, message
---
--- Looks for folder/file, or file itself, in the folder that option data names, which may lie in one of those of
--- RNNLUA_DATA; without it in the folders of the environment variable RNNLUA_DATA, separated by colons. A file that
--- ends in "/" is a folder. With option fingerprint there is a second value, known: true when the file has it.
---@param folder string
---@param file string
---@param options? data.find.Options
---@return string?
---@return boolean|string|nil known or message
return function(folder, file, options)
  check.string("data.find", "argument 1 (folder)", folder)
  check.string("data.find", "argument 2 (file)", file)
  options = OPTIONS:read(options)
  local data = options.data
  local function found(path)
    if not options.fingerprint then return path end
    return path, is_known(path, options.fingerprint)
  end
  local roots = places(data)
  for _, root in ipairs(roots) do
    local is_file = data and readable(root)
    if is_file and (options.sole or ("/" .. root):sub(-#file - 1) == "/" .. file) then return found(root) end
    if is_file then
      return nil, ("%s is a file, but %s is needed: give the folder that has it"):format(root, file)
    end
    for _, path in ipairs { root .. "/" .. folder .. "/" .. file, root .. "/" .. file } do
      if readable(path) then return found(path) end
    end
    if data and options.sole and file:find "/$" and readable(root .. "/") then return root .. "/" end
  end
  return nil, ("no %s %s/%s in %s%s"):format(file:find "/$" and "folder" or "file", folder, file,
    #roots > 0 and table.concat(roots, " or ") or "sight: give --data FOLDER or set RNNLUA_DATA",
    options.source and "\nIt is to be had from " .. options.source or "")
end
