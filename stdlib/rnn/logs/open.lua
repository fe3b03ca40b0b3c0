-- open.lua: a new writer of event files. A class that is called gives an object in any case; opening a file may fail.

local core = require "rnn.core"
local check = require "rnn.check"
local option = require "rnn.option"
local Writer = require "rnn.logs.writer"
local messages = require "rnn.logs.messages"

local OPTIONS = option.of("rnn.logs.writer", {
  { "after", nil, option.int(0), "the run goes on after that step: TensorBoard forgets what the files before this one "
    .. "have of later ones" },
})

--- rnn.logs.writer(folder [, options]) -> logs.Writer | nil, message, code
---
--- Writes an event file for TensorBoard into a folder, which is made when it is missing; `tensorboard --logdir` with
--- that folder, or one above it, shows it. A writer always begins a new file. See logs.Writer:scalar, :histogram,
--- :image, :text, :hparams, :flush and :close.
---@param folder string
---@param options? rnn.logs.writer.Options
---@return logs.Writer?
---@return string? message
---@return string? code
return function(folder, options)
  local fname = "rnn.logs.writer"
  check.string(fname, "argument 1 (folder)", folder)
  local after = OPTIONS:read(options).after
  local ok, message, code = core.make_folder(folder)
  if not ok then return nil, message, code end
  local file
  file, message, code = core.events_open(folder)
  if not file then return nil, message, code end
  ok, message, code = file:record(messages.version(os.time()))
  if ok and after then ok, message, code = file:record(messages.start(os.time(), after + 1)) end
  if ok then ok, message, code = file:flush() end
  if ok then return Writer(folder, file) end
  file:close()
  return nil, message, code
end
