-- open.lua: tensors that stay in their files, for data larger than memory, and files that are written part by part.

local core = require "rnn.core"
local check = require "rnn.check"
local ranks = require "rnn.ranks"

local module = {}

--- data.open(path) -> tensor | table | nil, message, code
---
--- A .npy file as a tensor, or the tensors of a .safetensors file by their names, whose values stay in the file: they
--- are read when they are used, and memory that is short forgets them again, so that the file may be larger than
--- memory. They go wherever tensors do: data.arrays, data.windows, data.packed, text.stream, data.tokens read what a
--- batch needs and no more. A change of them stays in memory. The file must not change while it is used. Only float32
--- (float64 with --double) and int32 lie in a file as they do in memory; others give nil and a message, in a
--- .safetensors file an error when they are asked for; data.spool makes a file of them. Errors: a path that is no
--- string.
---@param path string
---@return rnn.Tensor|table<string, rnn.Tensor>|nil
---@return string? message
---@return string? code
function module.open(path)
  check.string("data.open", "argument 1 (path)", path)
  if path:find "%.npy$" then return core.npy_map(path) end
  local tensors, message, code = core.archive_map(path)
  if not tensors then return nil, message, code end
  return tensors
end

local HEAD <const> = 128 -- bytes of a header of version 1.0, whose text can be written again

local function head_of(kind, dims)
  local sizes = {}
  for i, n in ipairs(dims) do sizes[i] = ("%d,"):format(n) end
  local text = ("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }"):format(kind, table.concat(sizes, " "))
  return "\x93NUMPY\1\0" .. string.pack("<I2", HEAD - 10) .. text .. (" "):rep(HEAD - 11 - #text) .. "\n"
end

-- Writes the parts; how many rows, and the sizes of a row.
local function write(file, next_part)
  local rows, dims, kind = 0, nil, nil
  assert(file:write(("\0"):rep(HEAD)))
  for part in next_part do
    check.tensor("data.spool", "a part", part)
    local shape = { part:shape() }
    if #shape == 0 then check.expected("data.spool", "a part", "a tensor with rows", part) end
    local type_ = part:type() == "int32" and "<i4" or core.precision == "double" and "<f8" or "<f4"
    dims, kind = dims or shape, kind or type_
    local same = #dims == #shape and kind == type_
    for i = 2, #dims do same = same and dims[i] == shape[i] end
    if not same then
      check.expected("data.spool", "a part", "rows as those before: " .. table.concat(dims, ", ", 2), part)
    end
    local ok, message = file:write(core.tensor_bytes(part:detach():without_lengths()))
    if not ok then return nil, message end
    rows = rows + shape[1]
  end
  if not dims then return nil, "there was no part" end
  dims[1] = rows
  assert(file:seek "set")
  return file:write(head_of(kind, dims))
end

local function spool(path, next_part)
  local beside = path .. ".part"
  local file, message = io.open(beside, "wb")
  if not file then return nil, message end
  local done
  done, message = write(file, next_part)
  local closed, why = file:close()
  if not done or not closed then
    os.remove(beside)
    return nil, ("%s: %s"):format(path, message or why)
  end
  return os.rename(beside, path)
end

--- data.spool(path, next) -> tensor | nil, message, code
---
--- Writes tensors one behind the other, as rows of one, to a .npy file, and opens it as data.open does. next is
--- called for each of them until it gives nil: what csv_stream reads, or a text in ids, becomes one file that a
--- training goes over in any order, without ever being in memory as a whole.
---
---   local parts = assert(data.csv_stream "big.csv")
---   local x = assert(data.spool("big.npy", function()
---     local part = parts()
---     return part and part:tensor { "load", "temperature" }
---   end))
---
--- Of several ranks the first one writes. Errors: parts that are no tensors with rows, or rows of another shape or
--- type.
--- What cannot be written gives nil and a message, and no file.
---@param path string that ends in .npy
---@param next fun(): rnn.Tensor?
---@return rnn.Tensor?
---@return string? message
---@return string? code
function module.spool(path, next)
  check.string("data.spool", "argument 1 (path)", path)
  if not path:find "%.npy$" then check.expected("data.spool", "argument 1 (path)", "a name that ends in .npy", path) end
  check.callback("data.spool", "argument 2 (next)", next)
  local done, message = ranks.first("data.spool", spool, path, next)
  if not done then return nil, message end
  return module.open(path)
end

return module
