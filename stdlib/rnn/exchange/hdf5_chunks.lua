-- hdf5_chunks.lua: arrays of HDF5 files that are stored in chunks, which may be compressed: a grid of equal blocks,
-- found by a tree. Every chunk has to be there once, so an array is never larger than what is stored of it.

local core = require "rnn.core"
local places = require "rnn.exchange.hdf5_bytes"

local get, part, bad = places.get, places.part, places.bad

local hdf5_chunks = {}

local DEEP <const> = 32 -- levels of a tree

-- ---- filters ----

local FILTERS = { [4] = "szip", [5] = "nbit", [6] = "scale and offset", [32000] = "lzf", [32001] = "blosc",
  [32004] = "lz4", [32015] = "zstd" }

-- The bytes of elements, of which the first bytes are stored first, then the second ones ...
local function unshuffled(bytes, width)
  local count = #bytes // width
  if width < 2 or count < 2 then return bytes end
  local planes, result = {}, {}
  for from = 1, count, 4096 do
    local to = math.min(from + 4095, count)
    for k = 1, width do planes[k] = { bytes:byte((k - 1) * count + from, (k - 1) * count + to) } end
    local mixed, n = {}, 0
    for i = 1, to - from + 1 do
      for k = 1, width do
        n = n + 1
        mixed[n] = planes[k][i]
      end
    end
    for i = 1, n, 4096 do result[#result + 1] = string.char(table.unpack(mixed, i, math.min(i + 4095, n))) end
  end
  return table.concat(result) .. bytes:sub(count * width + 1)
end

-- Fletcher's checksum of 32 bits stands behind the bytes.
local function checked(bytes)
  if #bytes < 4 then bad "a chunk without its checksum" end
  return bytes:sub(1, -5)
end

local UNDO = {
  [1] = function(bytes, size)
    local made, message = core.inflate(bytes, size)
    return made or bad("a chunk has %s", message)
  end,
  [2] = function(bytes, _, width) return unshuffled(bytes, width) end,
  [3] = checked,
}

--- hdf5_chunks.filters(body, path) -> list of numbers, in the order in which they were applied
---
--- body is a message of a filter pipeline. Raises for filters that are not known, by name.
function hdf5_chunks.filters(body, path)
  local version, count = get(body, "<BB", 0)
  local at, list = version == 1 and 8 or 2, {}
  if version ~= 1 and version ~= 2 then bad("'%s': filters of version %d", path, version) end
  for i = 1, count do
    local number, length = get(body, "<I2", at), 0
    at = at + 2
    if version == 1 or number >= 256 then length, at = get(body, "<I2", at), at + 2 end
    local _, values = get(body, "<I2I2", at)
    if version == 1 then length = length + -length % 8 end
    at = at + 4 + length + 4 * values + (version == 1 and values % 2 * 4 or 0)
    if not UNDO[number] then
      bad("'%s' is compressed by filter %d%s, which is not read; gzip is", path, number,
        FILTERS[number] and " (" .. FILTERS[number] .. ")" or "")
    end
    list[i] = number
  end
  return list
end

-- ---- where chunks are ----

-- f(offsets, address, bytes, mask) of each chunk below a node of a tree.
local function walk(text, at, rank, path, depth, f)
  if depth == 0 then bad("'%s': a tree of too many levels", path) end
  if part(text, at, 4) ~= "TREE" then bad("'%s': a tree that is none", path) end
  local kind, level, count = get(text, "<BBI2", at + 4)
  if kind ~= 1 then bad("'%s': a tree that is none of chunks", path) end
  local width = 8 + 8 * (rank + 1)
  for i = 0, count - 1 do
    local key = at + 24 + i * (width + 8)
    local below = get(text, "<i8", key + width)
    if level > 0 then walk(text, below, rank, path, depth - 1, f)
    else
      local size, mask = get(text, "<I4I4", key)
      f({ get(text, "<" .. ("i8"):rep(rank), key + 8) }, below, size, mask)
    end
  end
end

-- What the layout says: chunk (sizes), each(f) as walk does.
local function layout_of(text, body, shape, width, path, filtered)
  local version = get(body, "<B", 0)
  local rank, chunk = #shape, {}
  local function read_sizes(count, format, at)
    if count ~= rank + 1 then bad("'%s': chunks of %d axes, of %d", path, count - 1, rank) end
    local step = string.packsize("<" .. format)
    for i = 1, rank do
      chunk[i] = get(body, "<" .. format, at + step * (i - 1))
      if chunk[i] < 1 then bad("'%s': a chunk without elements", path) end
    end
    if get(body, "<" .. format, at + step * rank) ~= width then
      bad("'%s': chunks of elements of another size", path)
    end
  end
  if version == 3 then
    local count, tree = get(body, "<Bi8", 2)
    read_sizes(count, "I4", 11)
    return chunk, function(f)
      if tree ~= -1 then walk(text, tree, rank, path, DEEP, f) end
    end
  end
  local flags, count, encoded = get(body, "<BBB", 2)
  if encoded < 1 or encoded > 8 then bad("'%s': a layout that is not read", path) end
  read_sizes(count, "I" .. encoded, 5)
  local at = 5 + encoded * count
  local index = get(body, "<B", at)
  local size, mask = width, 0
  for i = 1, rank do size = size * chunk[i] end
  if index == 1 then -- a single one
    if flags & 2 ~= 0 then
      size, mask = get(body, "<i8I4", at + 1)
      at = at + 12
    end
    local address = get(body, "<i8", at + 1)
    return chunk, function(f)
      local first = {}
      for i = 1, rank do first[i] = 0 end
      if address ~= -1 then f(first, address, size, mask) end
    end
  elseif index == 2 and not filtered then -- one behind the other
    local address = get(body, "<i8", at + 1)
    return chunk, function(f)
      local offsets = {}
      local function go(axis)
        if axis > rank then
          f({ table.unpack(offsets) }, address, size, 0)
          address = address + size
          return
        end
        for from = 0, shape[axis] - 1, chunk[axis] do
          offsets[axis] = from
          go(axis + 1)
        end
      end
      if address ~= -1 then go(1) end
    end
  end
  bad("'%s': its chunks have an index of kind %d, which is not read; the older format of HDF5 has none", path, index)
end

-- ---- arrays ----

--- hdf5_chunks.read(file, body, filters, shape, width, path) -> bytes
---
--- body is the layout. file.taken counts what was read. Raises for what is not there as the shape says.
function hdf5_chunks.read(file, body, filters, shape, width, path)
  local text, rank = file.text, #shape
  if rank == 0 then bad("'%s': chunks of an array without axes", path) end
  local chunk, each = layout_of(text, body, shape, width, path, #filters > 0)
  local full, missing = width + 0.0, 1.0
  for i = 1, rank do
    full, missing = full * chunk[i], missing * ((shape[i] + chunk[i] - 1) // chunk[i])
  end
  local rows, starts = {}, {} -- pieces of rows of the last axis by the place of their first element
  each(function(offsets, address, size, mask)
    local bytes = part(text, address, size)
    for k = #filters, 1, -1 do
      if mask & (1 << (k - 1)) == 0 then
        -- What a checksum that is stored inside adds.
        local more = 0
        for i = 1, k - 1 do more = more + (filters[i] == 3 and mask & (1 << (i - 1)) == 0 and 4 or 0) end
        if full > 1 << 40 then bad("'%s' has chunks of %.0f bytes", path, full) end
        bytes = UNDO[filters[k]](bytes, (full // 1 | 0) + more, width)
      end
    end
    if #bytes ~= full then bad("'%s': a chunk of %d bytes, where %.0f are expected", path, #bytes, full) end
    file:take(#bytes)
    for i = 1, rank do
      if offsets[i] < 0 or offsets[i] >= shape[i] or offsets[i] % chunk[i] ~= 0 then
        bad("'%s': a chunk outside of the array", path)
      end
    end
    missing = missing - 1
    local last = math.min(chunk[rank], shape[rank] - offsets[rank])
    local function copy(axis, to, from) -- elements before this axis, in the array and in the chunk
      if axis == rank then
        local place = to * shape[rank] + offsets[rank]
        if rows[place] then bad("'%s' has a chunk twice", path) end
        starts[#starts + 1] = place
        rows[place] = bytes:sub(from * chunk[rank] * width + 1, (from * chunk[rank] + last) * width)
        return
      end
      for i = 0, math.min(chunk[axis], shape[axis] - offsets[axis]) - 1 do
        copy(axis + 1, to * shape[axis] + offsets[axis] + i, from * chunk[axis] + i)
      end
    end
    copy(1, 0, 0)
  end)
  if missing ~= 0 then bad("'%s' lacks %.0f of its chunks, so that its numbers are not there", path, missing) end
  table.sort(starts)
  for i, place in ipairs(starts) do starts[i] = rows[place] end
  return table.concat(starts)
end

return hdf5_chunks
