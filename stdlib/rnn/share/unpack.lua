-- unpack.lua: lays out what a capsule's script needs in a folder.

local core = require "rnn.core"

local unpack = { DATA = "rnnlua-data" } -- stands for RNNLUA_DATA in the folder of the script

local function write(path, bytes)
  local done, message = core.make_folder(path:match "^(.*)/")
  if not done then return nil, message end
  local file
  file, message = io.open(path, "wb")
  if not file then return nil, message end
  done, message = file:write(bytes)
  file:close()
  return done, message
end

-- The places to look for data in.
local function roots_of(folder)
  local roots = { folder }
  for root in (os.getenv "RNNLUA_DATA" or ""):gmatch "[^:]+" do roots[#roots + 1] = root end
  roots[#roots + 1] = "."
  return roots
end

-- Where the bytes of wanted are: under its name, or, in the folder that was given, under any.
local function find(wanted, folder, sizes)
  local found
  local function try(path)
    local sha256, size = core.file_sha256(path)
    if sha256 == wanted.sha256 then return path end
    if sha256 then found = found or { path = path, sha256 = sha256, size = size } end
  end
  for _, root in ipairs(roots_of(folder)) do
    for _, name in ipairs { wanted.name, wanted.name:match "[^/]*$" } do
      local path = try(root .. "/" .. name)
      if path then return path end
    end
  end
  for path, size in pairs(sizes) do
    if size == wanted.size then
      local same = try(path)
      if same then return same end
    end
  end
  return nil, found
end

local function missing(wanted, other)
  local name = ("%s, %d bytes, SHA-256 %s"):format(wanted.name, wanted.size, wanted.sha256)
  if other and other.size == wanted.size or other and other.path:match "[^/]*$" == wanted.name:match "[^/]*$" then
    return ("%s is not the file that was read: %d bytes, SHA-256 %s, where it was %s"):format(other.path, other.size,
      other.sha256, name)
  end
  return ("data are missing: %s%s; say where they are by --data FOLDER"):format(name, wanted.source
    and ", to be had from " .. wanted.source or "")
end

--- unpack.to(read, folder [, data]) -> true | nil, message
---
--- Puts the scripts of a capsule into a folder, and the data as they want them, those that are not included from data,
--- where they are looked for, or from where data usually are.
---@param read table of capsule.read
---@param folder string
---@param data? string
---@return true?
---@return string? message
function unpack.to(read, folder, data)
  for _, each in ipairs(read.manifest.files) do
    local done, message = write(folder .. "/" .. each.path, read.content["script/" .. each.path])
    if not done then return nil, message end
  end
  local sizes, problem = {} -- luacheck: ignore
  if data then
    sizes, problem = core.folder_files(data)
    if not sizes then return nil, problem end
  end
  for _, each in ipairs(read.manifest.data) do
    local bytes, message = each.included and read.content["data/" .. each.name] -- luacheck: ignore
    if not bytes then
      local path, other = find(each, data, sizes)
      if not path then return nil, missing(each, other) end
      bytes, message = core.file_read(path)
      if not bytes then return nil, message end
      if core.sha256(bytes) ~= each.sha256 then return nil, missing(each) end
    end
    local done
    local root = each.from == "RNNLUA_DATA" and unpack.DATA .. "/" or ""
    done, message = write(("%s/%s%s"):format(folder, root, each.name), bytes)
    if not done then return nil, message end
  end
  return true
end

return unpack
