-- hdf5_bytes.lua: numbers and bytes at a place of a text, counted from 0 as in the file; every place is checked.

local core = require "rnn.core"

local hdf5_bytes = {}

--- hdf5_bytes.bad(format, ...): raises
function hdf5_bytes.bad(...) core.fail("HDF5: " .. (...), select(2, ...)) end

--- hdf5_bytes.get(text, format, at) -> numbers, as string.unpack gives them
function hdf5_bytes.get(text, format, at)
  if at < 0 or at + string.packsize(format) > #text then hdf5_bytes.bad "an address outside of the file" end
  return string.unpack(format, text, at + 1)
end

--- hdf5_bytes.part(text, at, size) -> text
function hdf5_bytes.part(text, at, size)
  if at < 0 or size < 0 or at > #text or size > #text - at then hdf5_bytes.bad "an address outside of the file" end
  return text:sub(at + 1, at + size)
end

return hdf5_bytes
