-- compare.lua: are two capsules the same result? Bits are compared by their SHA-256, and where those differ, numbers by
-- how far they are apart.

local core = require "rnn.core"
local content = require "rnn.share.content"

local CLOSE = 1e-3 -- of the larger number: what other kernels, or another C library, may come to

local compare = {}

-- |a - b| as a share of the larger; 0 for the same, inf where only one is finite.
local function apart(a, b)
  a, b = tonumber(a), tonumber(b) -- "nan" is a text
  if a == b or a == nil and b == nil then return 0 end
  if a == nil or b == nil or a - a ~= 0 or b - b ~= 0 then return math.huge end
  return math.abs(a - b) / math.max(math.abs(a), math.abs(b))
end

-- The largest distance of two tables of figures, and the name; those of one only count as far apart.
local function furthest(a, b)
  local worst, at = 0, nil
  local function see(name)
    if name == "seconds" or name == "weights" then return end
    local far = a[name] == b[name] and 0 or apart(a[name], b[name])
    if type(a[name]) == "string" and a[name] ~= b[name] then far = math.huge end
    if far > worst or far == worst and far > 0 and name < at then worst, at = far, name end
  end
  for name in pairs(a) do see(name) end
  for name in pairs(b) do see(name) end
  return worst, at
end

-- How far the weights of a training are apart, relative to the largest of each tensor; inf where they cannot be
-- compared.
local function weights_apart(a, b, number)
  local tensors, folder = {}, assert(core.folder_scratch())
  for i, each in ipairs { a, b } do
    local path = folder .. "/" .. i
    local bytes = each.content[("trainings/%d/weights.safetensors"):format(number)]
    tensors[i] = bytes and core.file_write(path, bytes) and core.archive_read(path)
  end
  core.folder_remove(folder)
  if not tensors[1] or not tensors[2] then return math.huge end
  local worst = 0
  for name, x in pairs(tensors[1]) do
    local y = tensors[2][name]
    if not y or table.concat({ x:shape() }, ",") ~= table.concat({ y:shape() }, ",") then return math.huge end
    if x:count() > 0 and core.sha256(x) ~= core.sha256(y) then
      if x:type() ~= "float" or y:type() ~= "float" then return math.huge end
      local largest, far = x:abs():max():item(), (x - y):abs():max():item()
      far = largest > 0 and far / largest or math.huge
      worst = far == far and math.max(worst, far) or math.huge
    end
  end
  return worst
end

local function plural(n, what) return ("%d %s%s"):format(n, what, n == 1 and "" or "s") end

-- The trainings that both have, epoch by epoch.
local function trainings(a, b, prefix, note)
  local of_b, epochs, of_epochs, tensors = {}, 0, 0, 0
  for _, each in ipairs(b.manifest.trainings) do of_b[each.number] = each end
  for _, one in ipairs(a.manifest.trainings) do
    local other = of_b[one.number]
    if not other then
      if not prefix then note(math.huge, ("training %d is missing"):format(one.number)) end
      of_epochs = of_epochs + one.epochs
      goto continue
    end
    local x, y = content.epochs(a.content, one.number), content.epochs(b.content, one.number)
    local count = prefix and math.min(#x, #y) or #x
    of_epochs = of_epochs + #x
    if not prefix and #x ~= #y then
      note(math.huge, ("training %d has %s here, and had %d"):format(one.number, plural(#y, "epoch"), #x))
    end
    for e = 1, math.min(count, #y) do
      local far, name = furthest(x[e], y[e])
      if x[e].weights == y[e].weights and far == 0 then
        epochs = epochs + 1
      else
        note(name and far or 1e-9, ("epoch %d of training %d%s"):format(e, one.number, name and ", " .. name or
          ", weights"))
      end
    end
    if not other.weights then goto continue end -- it was left
    local same = one.weights == other.weights
    for name, hash in pairs(one.tensors) do
      tensors = tensors + (other.tensors[name] == hash and 1 or 0)
      same = same and other.tensors[name] == hash
    end
    if not same then note(weights_apart(a, b, one.number), ("the weights of training %d"):format(one.number)) end
    ::continue::
  end
  return epochs, of_epochs, tensors
end

local function figures(a, b, note)
  local x, y, count = content.figures(a.content), content.figures(b.content), 0
  local names = {}
  for name in pairs(x) do names[name] = true end
  for name in pairs(y) do names[name] = true end
  local sorted = {}
  for name in pairs(names) do sorted[#sorted + 1] = name end
  table.sort(sorted)
  for _, name in ipairs(sorted) do
    local u, v = x[name] or {}, y[name] or {}
    if type(u) ~= "table" or type(v) ~= "table" then u, v = {}, { 1 } end
    for i = 1, math.max(#u, #v) do
      local far = u[i] == v[i] and 0 or apart(u[i], v[i])
      if far > 0 then note(far, ("the figure %s"):format(name)) else count = count + 1 end
    end
  end
  return count
end

local function first_line(a, b)
  local number, next_b = 0, (b .. "\n"):gmatch "(.-)\n"
  for line in (a .. "\n"):gmatch "(.-)\n" do
    number = number + 1
    if line ~= next_b() then return number end
  end
  return number + 1
end

local CLOCKS = { ["os.time"] = true, ["os.clock"] = true, ["os.date"] = true }

-- May the numbers be others for what is known: other kernels, another C library, another program? Equal ones give equal
-- bits, and then a small difference is as odd as a large one. So it is where the script asks what time it is.
local function explained(a, b)
  for _, doubt in ipairs(a.doubts) do
    if CLOCKS[doubt.what] then return false end
  end
  for _, name in ipairs { "kernels", "precision", "blas", "deterministic" } do
    if a[name] ~= b[name] then return true end
  end
  return a.program.stdlib ~= b.program.stdlib or a.program.libc ~= b.program.libc
    or a.program.version ~= b.program.version
end

--- compare.results(a, b [, prefix]) -> "same" | "close" | "differs" | "nothing", text
---
--- a and b have a manifest and the content of files. prefix: b was ended early, and only what both have counts. Where
--- nothing was trained and no figures are known, what the script wrote is compared. "nothing": there was nothing.
---@param a table
---@param b table
---@param prefix? boolean
---@return "same"|"close"|"differs"|"nothing"
---@return string
function compare.results(a, b, prefix)
  local worst, first, where = 0, nil, nil
  local function note(far, what)
    first = first or what
    if far > worst then worst, where = far, what end
  end
  local epochs, of_epochs, tensors = trainings(a, b, prefix, note)
  local trained_the_same = of_epochs > 0 and not first
  local whole = not prefix and not a.manifest.run and not b.manifest.run -- pack knows of one training only
  if whole and #b.manifest.trainings > #a.manifest.trainings then
    note(math.huge, ("%s, where there were %d"):format(plural(#b.manifest.trainings, "training"),
      #a.manifest.trainings))
  end
  local count = whole and figures(a, b, note) or 0
  local out, other = a.content["results/stdout.txt"], b.content["results/stdout.txt"]
  local lines = not first and epochs + count == 0 and whole and out and other and out ~= ""
  if lines and out ~= other then
    note(math.huge, ("line %d of what the script wrote"):format(first_line(out, other)))
  end
  if not first then
    if epochs + count == 0 and not lines then return "nothing", "there is nothing to compare" end
    local parts = {}
    if of_epochs > 0 then parts[1] = ("%d of %s"):format(epochs, plural(of_epochs, "epoch")) end
    if tensors > 0 then parts[#parts + 1] = "all " .. plural(tensors, "tensor") end
    if count > 0 then parts[#parts + 1] = plural(count, "figure") end
    if lines then parts[#parts + 1] = "all that the script wrote" end
    return "same", table.concat(parts, ", ") .. ", same bits"
  end
  local kernels = a.manifest.kernels ~= b.manifest.kernels and (" (kernels %s here, %s there)"):format(
    b.manifest.kernels, a.manifest.kernels) or ""
  local libc = a.manifest.program.libc ~= b.manifest.program.libc and (" (%s here, %s there: math.exp and its like "
    .. "are its own)"):format(b.manifest.program.libc, a.manifest.program.libc) or ""
  local text = ("first difference in %s%s%s%s"):format(first, worst < math.huge and (", largest relative %.1g"):format(
    worst) or "", where ~= first and worst < math.huge and ", in " .. where or "", kernels .. libc)
  local close = worst <= CLOSE and not trained_the_same and explained(a.manifest, b.manifest)
  return close and "close" or "differs", text
end

return compare
