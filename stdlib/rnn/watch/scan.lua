-- scan.lua: all runs below a folder, for the table of rnnlua watch. It reads files that are written meanwhile: half a
-- line waits for its end, a file that was cut is read anew, and what is gone is gone. It locks nothing, writes nothing.

local core = require "rnn.core"
local class = require "rnn.class"
local plain_json = require "rnn.plain_json"

local DEPTH <const> = 8 -- folders within folders
local BLOCK <const> = 1 << 20 -- bytes that are read at a time
local POINTS <const> = 32 -- of a spark line, up to twice as many
local NEWLINE <const> = 10
local TEXT <const> = 200 -- bytes of a setting

-- ---- files ----

--- read_lines(path, from, f) -> the place behind the last whole line: calls f with whole lines, many at a time.
local function read_lines(path, from, f)
  local file <close> = io.open(path, "rb")
  if not file then return from end
  file:seek("set", from)
  local rest = ""
  while true do
    local block = file:read(BLOCK)
    if not block then return from end
    local text = rest .. block
    local last = #text
    while last > 0 and text:byte(last) ~= NEWLINE do last = last - 1 end
    if last > 0 then f(last == #text and text or text:sub(1, last)) end
    if last == 0 and #text >= BLOCK then last = #text end -- no line of ours is as long
    from, rest = from + last, text:sub(last + 1)
  end
end

-- The files that some process holds, by their numbers. To ask by locking them would keep a training out meanwhile.
local function held_files()
  local held = {}
  local file <close> = io.open "/proc/locks"
  for line in file and file:lines() or function() end do
    local number = line:match "FLOCK.*:(%d+) %d+ %w+$"
    if number then held[math.tointeger(tonumber(number))] = true end
  end
  return held
end

-- ---- one run ----

---@class watch.Row
local Row = class("watch.Row")

function Row:init(folder, name)
  self.path, self.name = folder .. "/" .. name, name
  self:_clear()
end

function Row:_clear()
  self.read, self.epochs, self.last, self.best, self.best_epoch, self.figure = 0, 0, {}, nil, nil, nil
  self.spark, self.stride = {}, 1
end

local function number(text)
  return tonumber(text) or text == '"inf"' and math.huge or text == '"-inf"' and -math.huge or 0 / 0
end

-- One more epoch of the figure that the table shows.
local function see(self, value)
  self.epochs = self.epochs + 1
  if value == value and (not self.best or value < self.best) then self.best, self.best_epoch = value, self.epochs end
  if (self.epochs - 1) % self.stride ~= 0 then return end
  local spark = self.spark
  spark[#spark + 1] = value
  if #spark < 2 * POINTS then return end
  for i = 1, POINTS do spark[i] = spark[2 * i - 1] end
  for i = #spark, POINTS + 1, -1 do spark[i] = nil end
  self.stride = 2 * self.stride
end

local function is_epoch(line) return line:find('"seconds":', 1, true) end

-- The last record of an epoch in a text of whole lines, looked for from the end.
local function last_epoch(text)
  local last = #text
  while last > 0 do
    local first = last
    while first > 1 and text:byte(first - 1) ~= NEWLINE do first = first - 1 end
    local line = text:sub(first, last)
    if is_epoch(line) then return line end
    last = first - 1
  end
end

function Row:_take(text)
  local line = last_epoch(text)
  if not line then return end
  local last = {}
  for name, value in line:gmatch '"([^"]+)":("?[^,}]*)' do
    if name ~= "weights" then last[name] = number(value) end
  end
  self.last = last
  self.figure = self.figure or last.val_loss and "val_loss" or "loss"
  self:_see_all(text)
end

-- The figure of every epoch in a text of whole lines. Plain searches from place to place: a thousand runs have some
-- 20 MB of lines.
function Row:_see_all(text)
  local key, find, match = '"' .. self.figure .. '":', text.find, text.match
  local from, epoch, place = 1, 0, 0
  while from <= #text do
    local to = find(text, "\n", from, true)
    if epoch < from then epoch = find(text, '"seconds":', from, true) or #text end
    if epoch < to then -- a record of a step has no seconds
      if place < from then place = find(text, key, from, true) or #text end
      see(self, place < to and number(match(text, '^"?[^,}]*', place + #key)) or 0 / 0)
    end
    from = to + 1
  end
end

-- What run.json says of it, of values that fit into a table.
function Row:_about(text)
  local about = text and core.json_decode(text)
  if type(about) ~= "table" then return end -- half written: the next look sees it
  local settings = {}
  for _, list in ipairs { "settings", "options" } do
    for name, value in pairs(type(about[list]) == "table" and about[list] or {}) do
      local kind = type(value)
      if kind == "string" and #value <= TEXT or kind == "number" or kind == "boolean" then settings[name] = value end
    end
  end
  for _, name in ipairs { "run", "save", "plot", "result", "threads", "seeds" } do settings[name] = nil end
  settings.seed = settings.seed or about.seed
  settings.script = type(about.script) == "string" and about.script or nil
  self.settings = settings
  self.of, self.ended, self.left = math.tointeger(about.of_epochs), about.ended == true, about.left ~= nil
  self.has_about = true
end

-- Looks whether something is new: true, false, or nil when the run is gone.
function Row:look(held)
  local metrics, about = self.path .. "/metrics.jsonl", self.path .. "/run.json"
  local size, changed, id = core.file_status(metrics)
  local about_size, about_changed = core.file_status(about)
  if not size and not about_size then return nil end
  local new = false
  if size and (size ~= self.size or changed ~= self.changed or id ~= self.id) then
    if size < self.read or id ~= self.id then self:_clear() end
    self.read = read_lines(metrics, self.read, function(text) self:_take(text) end)
    self.size, self.changed, self.id, new = size, changed, id, true
  elseif not size and self.size then
    self:_clear()
    self.size, self.id, new = nil, nil, true
  end
  if about_size and (about_changed ~= self.about_changed or about_size ~= self.about_size) then
    self:_about(core.file_read(about))
    self.about_changed, self.about_size, new = about_changed, about_size, true
  end
  local _, _, lock = core.file_status(self.path .. "/lock")
  local state = held[lock] and "running" or self.ended and "done" or (self.left or not self.has_about) and "stopped"
    or "crashed"
  if state ~= self.state then self.state, new = state, true end
  if new then self.json = nil end
  return new
end

--- row:text() -> JSON for the page
function Row:text()
  if not self.json then
    local format, spark = string.format, {}
    for i, value in ipairs(self.spark) do spark[i] = format("%.4g", value) end
    self.json = plain_json { name = self.name, state = self.state, epoch = self.last.epoch or 0, of = self.of,
      last = self.last, best = self.best, best_epoch = self.best_epoch, figure = self.figure,
      spark = spark[1] and table.concat(spark, " ") or nil, settings = self.settings,
      updated = self.changed or self.about_changed }
  end
  return self.json
end

-- ---- all of them ----

---@class watch.Scan
---@overload fun(folder: string): watch.Scan
local Scan = class("watch.Scan")

function Scan:init(folder)
  self.folder, self.rows, self.names = folder, {}, {}
end

-- Adds the runs below a folder that are not known yet, or the folder itself where it is one. What is below a run is
-- none.
function Scan:_find(below, depth)
  local names = core.folder_list(below == "" and self.folder or self.folder .. "/" .. below)
  for _, name in ipairs(names or {}) do
    if name == "metrics.jsonl" or name == "run.json" then
      local above, own = self.folder:match "^(.-)([^/]+)/*$"
      if below ~= "" then
        self.rows[below] = Row(self.folder, below)
      elseif own and not self.rows[own] then
        self.rows[own] = Row(above == "" and "." or above, own)
      end
      return
    end
  end
  if depth == DEPTH then return end
  for _, name in ipairs(names or {}) do
    local folder = name:sub(-1) == "/" and not name:find "^%." and name:sub(1, -2)
    if folder then
      local path = below == "" and folder or below .. "/" .. folder
      if not self.rows[path] then self:_find(path, depth + 1) end
    end
  end
end

--- scan:update() -> rows that are new or changed, names of those that are gone
---@return watch.Row[]
---@return string[]
function Scan:update()
  self:_find("", 0)
  local changed, gone, held = {}, {}, held_files()
  for name, row in pairs(self.rows) do
    local new = row:look(held)
    if new == nil then
      self.rows[name], gone[#gone + 1] = nil, name
    elseif new then
      changed[#changed + 1] = row
    end
  end
  table.sort(changed, function(a, b) return a.name < b.name end)
  return changed, gone
end

--- scan:all() -> rows, by name
---@return watch.Row[]
function Scan:all()
  local list = {}
  for _, row in pairs(self.rows) do list[#list + 1] = row end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

return { Scan = Scan, read_lines = read_lines, is_epoch = is_epoch }
