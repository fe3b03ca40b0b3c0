-- child.lua: this program once more, with a script, whose doings are recorded.

local capsule = require "rnn.share.capsule"
local quoted = require("rnn.share.texts").quoted

local HEAD = 1 << 18 -- bytes at either end of what the script writes that are kept

-- Copies what comes to standard output, but when quiet; what is kept of it.
local function copy(pipe, quiet)
  local first, last, size, before = {}, "", 0, 0
  for line in pipe:lines "L" do
    if not quiet then io.write(line):flush() end
    if size + #line <= HEAD then
      first[#first + 1] = line
    else
      last = last .. line
      if #last > 2 * HEAD then
        before = before + #last - HEAD
        last = last:sub(-HEAD)
      end
    end
    size = size + #line
  end
  return table.concat(first) .. (before > 0 and ("\n... %d bytes ...\n"):format(before) or "") .. last
end

--- child(options) -> made | nil, message
---
--- Runs a script; made is what capsule.assemble gives. program: this one; before: options before the script; script;
--- arguments; folder: where it runs, or nil; record: a folder for what is recorded; environment: variables by name;
--- epochs: end where a training has so many; quiet: what it writes is not shown; with_data.
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
  return capsule.assemble(record, { recorded = true, stdout = stdout, with_data = options.with_data,
    partial = options.epochs ~= nil })
end
