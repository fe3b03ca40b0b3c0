-- watch/init.lua: rnnlua watch: all runs below a folder on a page, served to a browser on this machine, or as one file.
-- It is a process of its own that reads what training writes, and only while somebody looks.

local core = require "rnn.core"
local Details = require "rnn.watch.details"
local Scan = require "rnn.watch.scan".Scan
local resource = require "rnn.logs.resource"

local PERIOD <const> = 1 -- seconds from one look at the folder to the next, at least
local SHARE <const> = 0.05 -- of the time is spent with looking, at most
local PING <const> = 15 -- seconds after which a stream says that it is there
local KEPT <const> = 32 -- runs whose curves are kept to go on from
local ONCE <const> = 100 -- points of a curve in the page of --once, up to twice as many
local RICH <const> = 50 -- runs with heat maps and samples in the page of --once, those that changed last

local watch = {}


local function chart(name) return resource("uplot/" .. name) end

local FILES = {
  ["page.css"] = { "text/css", function() return chart "uPlot.min.css" .. resource "watch.css" end },
  ["chart.js"] = { "text/javascript", function()
    return "/*\n" .. chart "LICENSE" .. "*/\n" .. chart "uPlot.iife.min.js"
  end },
  ["page.js"] = { "text/javascript", function() return resource "watch.js" end },
}

local function array(texts) return "[" .. table.concat(texts, ",") .. "]" end

local function texts_of(rows)
  local texts = {}
  for i, row in ipairs(rows) do texts[i] = row:text() end
  return texts
end

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

local function html(text) return (text:gsub('[&<>"]', ENTITIES):gsub("[\x80-\xff]+", function(s)
  return utf8.len(s) and s or ("?"):rep(#s)
end)) end

local function page(folder, parts)
  parts.title = html(folder)
  return (resource "watch.html":gsub("{{(%w+)}}", parts))
end

local function check_folder(folder)
  folder = #folder > 1 and folder:gsub("/+$", "") or folder
  local names, message = core.folder_list(folder)
  if not names then return nil, message end
  return folder
end

--- watch.once(folder) -> true | nil, message: writes folder/index.html.
---@param folder string
function watch.once(folder)
  local message
  folder, message = check_folder(folder)
  if not folder then return nil, message end
  local scan = Scan(folder)
  scan:update()
  local rows, curves, latest = scan:all(), {}, {}
  table.move(rows, 1, #rows, 1, latest)
  table.sort(latest, function(a, b) return (a.changed or 0) > (b.changed or 0) end)
  for i, row in ipairs(latest) do
    curves[i] = core.json_encode(row.name) .. ":" .. Details(row.path, ONCE):text(i > RICH)
  end
  local data = ('{"rows":%s,"details":{%s}}'):format(array(texts_of(rows)), table.concat(curves, ","))
  local path = folder .. "/index.html"
  local done
  done, message = core.file_write(path, page(folder, {
    head = "<style>" .. FILES["page.css"][2]() .. "</style>",
    foot = ('<script type="application/json" id="data">%s</script>\n<script>%s</script>\n<script>%s</script>'):format(
      data:gsub("<", "\\u003c"), FILES["chart.js"][2](), FILES["page.js"][2]()) }))
  if not done then return nil, message end
  io.write(("%s: %d run%s\n"):format(path, #rows, #rows == 1 and "" or "s"))
  return true
end

-- 128 bits that nobody guesses.
local function new_token()
  local file <close> = assert(io.open("/dev/urandom", "rb"))
  return (file:read(16):gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

-- All of the characters are looked at, however many are right.
local function is_same(a, b)
  local differs = #a ~ #b
  for i = 1, #b do differs = differs | ((a:byte(i) or 0) ~ b:byte(i)) end
  return differs == 0
end

---@class watch.Server
local Server = {}
Server.__index = Server

function Server:_look()
  local begun = core.clock()
  local changed, gone = self.scan:update()
  self.looked, self.cost = core.clock(), core.clock() - begun
  return changed, gone
end

-- The details of a run, of which the last that were asked for are kept.
function Server:_details(name)
  local row = self.scan.rows[name]
  if not row then return nil end
  for i, each in ipairs(self.kept) do
    if each.path == row.path then
      table.insert(self.kept, 1, table.remove(self.kept, i))
      return each
    end
  end
  table.insert(self.kept, 1, Details(row.path))
  self.kept[KEPT + 1] = nil
  return self.kept[1]
end

local function plain(status, text) return status, "text/plain; charset=utf-8", text end

-- A page of another site may make a browser ask us: it then names another host, or does not know the token.
function Server:answer(path, host, name)
  if host ~= self.host and host ~= self.local_host then return plain(403, "another host\n") end
  local token, rest = path:match "^/(%x+)/(.*)$"
  if not token or not is_same(token, self.token) then return plain(403, "the address has no token, or an old one\n") end
  local file = FILES[rest]
  if rest == "" then
    return 200, "text/html; charset=utf-8", page(self.folder, {
      head = '<link rel="stylesheet" href="page.css">',
      foot = '<script src="chart.js"></script>\n<script src="page.js"></script>' })
  elseif file then
    return 200, file[1] .. "; charset=utf-8", (file[2]())
  elseif rest == "events" then
    if not next(self.streams) then self:_look() end
    self.count = self.count + 1
    self.streams[self.count] = true
    return 200, "text/event-stream", ("retry: 2000\nevent: all\ndata: %s\n\n"):format(array(texts_of(
      self.scan:all()))), self.count
  elseif rest == "details" then
    local details = name and self:_details(name)
    if not details then return plain(404, "there is no such run\n") end
    return 200, "application/json", details:text()
  end
  return plain(404, "there is no such page\n")
end

function Server:send(text)
  for id in pairs(self.streams) do
    if not self.server:send(id, text) then self.streams[id] = nil end
  end
end

-- What is new goes to all who look.
function Server:tell()
  local changed, gone = self:_look()
  if #changed + #gone > 0 then
    self:send(("event: rows\ndata: {\"rows\":%s,\"gone\":%s}\n\n"):format(array(texts_of(changed)),
      #gone > 0 and core.json_encode(gone) or "[]"))
  elseif core.clock() - self.pinged > PING then
    self:send ": here\n\n"
  else
    return
  end
  self.pinged = core.clock()
end

--- watch.serve(folder, port) -> nil, message: serves the page until a signal ends the program.
---@param folder string
---@param port integer
function watch.serve(folder, port)
  local signals = require "rnn.signals"
  local message
  folder, message = check_folder(folder)
  if not folder then return nil, message end
  local server
  server, port = require "rnn.server".open(port)
  if not server then return nil, port .. "; rnnlua watch --once needs no server" end
  local self = setmetatable({ folder = folder, server = server, scan = Scan(folder), kept = {}, streams = {}, count = 0,
    token = new_token(), host = "127.0.0.1:" .. port, local_host = "localhost:" .. port, pinged = 0, cost = 0 },
    Server)
  io.write(("http://127.0.0.1:%d/%s/\n"):format(port, self.token)):flush()
  if core.isatty(1) then io.stderr:write "The page is for this machine alone. Ctrl-C ends it; trainings go on.\n" end
  signals.hold "save"
  local function handler(...) return self:answer(...) end
  while not signals.held() do
    server:serve(handler, math.max(PERIOD, self.cost / SHARE))
    if next(self.streams) then self:tell() end
  end
  server:close()
  signals.leave "rnnlua watch: ended"
end

return watch
