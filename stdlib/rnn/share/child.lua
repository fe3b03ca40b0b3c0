-- child.lua: this program once more, with a script, whose doings are recorded.

local core = require "rnn.core"
local capsule = require "rnn.share.capsule"
local read = require("rnn.child").read
local quoted = require("rnn.share.texts").quoted

local HEAD = 1 << 18 -- bytes at either end of what the script writes that are kept

-- Copies what comes to standard output, but when quiet; what is kept of it, which does not depend on how it came.
local function copy(pipe, quiet)
  local first, parts, kept, size, coloured = "", {}, 0, 0, false
  for piece in read, pipe do
    if not quiet then io.write(piece):flush() end
    parts[#parts + 1] = piece
    kept, size, coloured = kept + #piece, size + #piece, coloured or piece:find "\27" ~= nil
    if kept > 3 * HEAD then
      local text = table.concat(parts)
      first = size == kept and text:sub(1, HEAD) or first
      parts, kept = { text:sub(-HEAD) }, HEAD
    end
  end
  local text = table.concat(parts)
  if size > 2 * HEAD then
    first = first == "" and text:sub(1, HEAD) or first
    text = ("%s\n... %d bytes ...\n%s"):format(first, size - 2 * HEAD, text:sub(-HEAD))
  end
  if not quiet and core.isatty(1) and coloured then io.write "\27[m" end -- its colours are not ours
  if not quiet and text ~= "" and text:sub(-1) ~= "\n" then io.write "\n" end
  return text
end

--- child(options) -> made | nil, message
---
--- Runs a script; made is what capsule.assemble gives. program: this one; before: options before the script; script;
--- arguments; folder: where it runs, or nil; record: a folder for what is recorded; environment: variables by name;
--- epochs: end where a training has so many; quiet: what it writes is not shown; with_data; most: bytes that it may
--- have recorded.
---@param options table
---@return table?
---@return string? message
return function(options)
  local record = options.record
  local environment = { RNNLUA_RECORD = record, RNNLUA_DETERMINISTIC = "1",
    RNNLUA_RECORD_EPOCHS = options.epochs and tostring(options.epochs) or nil }
  for name, value in pairs(options.environment or {}) do environment[name] = value end
  local words, names = {}, {}
  for name in pairs(environment) do names[#names + 1] = name end
  table.sort(names)
  if options.folder then words[1] = ("cd %s &&"):format(quoted(options.folder)) end
  words[#words + 1] = "exec env"
  for _, name in ipairs(names) do words[#words + 1] = ("%s=%s"):format(name, quoted(environment[name])) end
  words[#words + 1] = quoted(options.program)
  for _, word in ipairs(options.before) do words[#words + 1] = quoted(word) end
  words[#words + 1] = "-- " .. quoted(options.script) -- whatever it is called, it is no option
  for _, word in ipairs(options.arguments) do words[#words + 1] = quoted(word) end
  local command = table.concat(words, " ")
  local pipe = assert(io.popen(command))
  local stdout = copy(pipe, options.quiet)
  local _, _, code = pipe:close()
  if code ~= 0 then return nil, ("the script ended with exit code %d"):format(code), code end
  local recorded, sizes, message = 0, {}, nil
  if options.most then sizes, message = core.folder_files(record) end
  if not sizes then return nil, message end
  for _, size in pairs(sizes) do recorded = recorded + size end
  if options.most and recorded > options.most then
    return nil, ("it left %d bytes in the place of its results, where at most %d are expected"):format(recorded,
      options.most)
  end
  return capsule.assemble(record, { recorded = true, stdout = stdout, with_data = options.with_data,
    partial = options.epochs ~= nil })
end
