-- files.lua: where a script's data are: the user's, as --data says, or the public ones.

local core = require "rnn.core"
local find = require "rnn.data.find"
local list_files = require("rnn.data.lines").files

-- The words that say in a name what a file or folder is for.
local WORDS = { train = { "train", "training" }, dev = { "dev", "valid", "validation", "val" }, test = { "test",
  "testing" } }

local function is_folder(path)
  local file <close> = io.open(path .. "/.")
  return file ~= nil
end

local function is_there(path)
  local file <close> = io.open(path)
  return file ~= nil
end

-- The folder or file that is meant, or nil and where it is not.
local function place_of(about, data)
  if data and (data:find "^%.*/" or is_there(data)) then
    if is_there(data) then return data end
    return nil, ("there is no %s"):format(data)
  end
  local asked, looked = data or about.folder, data and { "this folder" } or {}
  for root in (os.getenv "RNNLUA_DATA" or ""):gmatch "[^:]+" do
    looked[#looked + 1] = root
    if is_there(root .. "/" .. asked) then return root .. "/" .. asked end
  end
  return nil, ("there is no %s in %s"):format(asked, #looked > 0 and table.concat(looked, " or ")
    or "sight: give --data or set RNNLUA_DATA") .. (not data and about.source
    and "\nIt is to be had from " .. about.source or "")
end

-- Does a name have one of the words, and how much else? Or nil.
local function rest_of(name, words)
  for _, word in ipairs(words) do
    local from, to = name:lower():find("%f[%w]" .. word .. "%f[^%w]")
    if from then return #name - (to - from + 1) end
  end
end

local function ends_in(name, extensions)
  for _, extension in ipairs(extensions) do
    if name:lower():sub(-#extension - 1) == "." .. extension then return true end
  end
  return false
end

--- files.place(experiment) -> path of a file or folder (without "/") | nil, message
---
--- Notes in experiment.known whether its files are the public ones.
local function place(experiment)
  local about, data = experiment.about_data, experiment.options.data
  if not data and not about.folder then return nil, "give --data" end
  local path, message = place_of(about, data)
  if not path then return nil, message end
  path = #path > 1 and path:gsub("/+$", "") or path
  if about.folder and is_folder(path .. "/" .. about.folder) then path = path .. "/" .. about.folder end
  local folder = is_folder(path) and path or path:match "^(.*)/[^/]*$" or "."
  local known = about.known ~= nil
  for name, fingerprint in pairs(about.known or {}) do
    local only = not is_folder(path) and path:match "[^/]*$" -- a file of them, too
    local _, is_it = find(".", only or name, { data = folder:gsub("^([^./])", "./%1"), fingerprint = fingerprint })
    known = known and is_it == true
  end
  experiment.known = known
  return path
end

-- The paths of the data by part, and those that have parts in their names as well and are left over; or nil and a
-- message. See experiment:files.
local function files(experiment, extensions, word)
  local path, message = place(experiment)
  if not path then return nil, message end
  if not is_folder(path) then return { all = path }, {} end
  local names, found, best, others = {}, {}, {}, {}
  for _, name in ipairs(assert(list_files(path))) do
    local fits = not extensions and is_folder(path .. "/" .. name) or extensions and ends_in(name, extensions)
    if fits and (not word or name:lower():find(word:lower(), 1, true)) then
      names[#names + 1] = name
      for part, words in pairs(WORDS) do
        local rest = rest_of(name, words)
        if rest then others[#others + 1] = name end
        if rest and (not best[part] or rest < best[part]) then found[part], best[part] = path .. "/" .. name, rest end
      end
    end
  end
  if not extensions and next(found) == nil then return { all = path }, {} end
  local what = extensions and "file that ends in ." .. table.concat(extensions, " or .") or "folder"
  if #names == 0 then
    return nil, ("%s: there is no %s%s"):format(path, what, word and (" and has '%s' in its name"):format(word) or "")
  end
  local is_test = found.test and experiment.options.evaluate
  if extensions and #names == 1 and not is_test then return { all = path .. "/" .. names[1] }, {} end
  for _, extension in ipairs(next(found) == nil and extensions or {}) do -- beside a licence.txt
    local of_kind = {}
    for _, name in ipairs(names) do of_kind[#of_kind + 1] = ends_in(name, { extension }) and name or nil end
    if #of_kind == 1 then return { all = path .. "/" .. of_kind[1] }, {} end
  end
  if next(found) == nil then
    return nil, ("%s: expected names with train, dev and test, or one %s, got %s"):format(path, what,
      table.concat(names, ", ", 1, math.min(#names, 5)) .. (#names > 5 and " ..." or ""))
  end
  local missing = not found.train and not experiment.options.evaluate and "train"
    or not (found.test or found.dev) and "test"
  if missing then return nil, ("%s: there is no %s with %s in its name"):format(path, what, missing) end
  local taken, spare = {}, {}
  for _, one in pairs(found) do taken[one] = true end
  for _, name in ipairs(others) do
    local one = path .. "/" .. name
    if extensions and not taken[one] then spare[#spare + 1], taken[one] = one, true end
  end
  return found, spare
end

-- The part that a folder's name is, or nil; or that a name has in it, where within.
local function part_of(name, within)
  for part, words in pairs(WORDS) do
    local rest = rest_of(name, words)
    if rest and (within or rest == 0) then return part end
  end
end

-- Adds the names of the files below folder, with prefix before them; above has the folders around it, for a link may
-- lead back to one.
local function gather(names, folder, prefix, ending, above)
  local list, id = core.folder_list(folder)
  if not list or above[id] then return end
  above[id] = true
  for _, name in ipairs(list) do
    local path = folder .. "/" .. name
    if name:find "^[._]" then goto next_name end
    if name:sub(-1) == "/" then gather(names, path:sub(1, -2), prefix .. name, ending, above)
    elseif name:sub(-#ending):lower() == ending then names[#names + 1] = prefix .. name end
    ::next_name::
  end
  above[id] = nil
end

-- name of a file below the folder -> part, of files such as testing_list.txt, in which they stand; nil without any.
local function lists(folder)
  local parts
  for _, name in ipairs(list_files(folder) or {}) do
    local part = name:lower():find "^%a+[_-]?list%.txt$" and part_of(name, true)
    local file <close> = part and io.open(folder .. "/" .. name) or nil
    for line in file and file:lines() or function() end do
      parts = parts or {}
      parts[line:match "^%s*(.-)%s*$"] = part
    end
  end
  return parts
end

-- The names of all files below a folder with an extension, in order.
local function tree(folder, extension)
  local names = {}
  gather(names, folder, "", "." .. extension:lower(), {})
  table.sort(names)
  return names
end

return setmetatable({ place = place, is_folder = is_folder, tree = tree, part_of = part_of, lists = lists }, {
  __call = function(_, ...) return files(...) end,
})
