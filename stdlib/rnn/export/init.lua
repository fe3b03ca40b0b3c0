-- export/init.lua: models as source text that needs nothing else, for devices and other programs.

local core = require "rnn.core"
local check = require "rnn.check"
local option = require "rnn.option"
local precision = require("rnn.precision").precision
local about = require "rnn.export.about"
local Module = require "rnn.nn.module"

local export = {}

local function identifier(fname, argname, value)
  if check.string(fname, argname, value):find "^[%a_][%w_]*$" then return value end
  check.expected(fname, argname, "a name as C has them", value)
end

local OPTIONS = option.of("rnn.export_c", {
  { "name", nil, option.kind("string", identifier), "what all names in C begin with; the file's name where it is not "
    .. "given" },
  { "int8", false, check.boolean, "matrices as integers of 8 bits with a scale for each row: a quarter of the size" },
  { "header", false, check.boolean, "writes the declarations into a file of their own as well, model.h beside "
    .. "model.c" },
  { "steps", 256, option.int(1, 1 << 24), "the longest sequence, of models that need the whole of it" },
  { "test", 16, option.int(1, 4096), "steps of the self-test" },
}, about.rows)

-- Numbers between -2 and 2 that are the same everywhere, in a shape.
local function numbers(rows, columns)
  local list, seed = {}, 20240229
  for i = 1, rows * columns do
    seed = (seed * 1103515245 + 12345) & 0x7fffffff
    list[i] = ((seed >> 8) % 4096 - 2048) / 1024
  end
  return core.tensor(list):reshape(rows, columns)
end

local function ids(count, most)
  local list, seed = {}, 20240229
  for i = 1, count do
    seed = (seed * 1103515245 + 12345) & 0x7fffffff
    list[i] = (seed >> 8) % most + 1
  end
  return core.tensor(list, "int32")
end

-- How many ids there are: the first embedding says it.
local function ids_of(made)
  for _, value in ipairs(require "rnn.export.graph".order(made.stages[1].graph)) do
    if value.op == "embedding" then return value.inputs[2].dims[1] end
  end
end

-- What goes in and has to come out: of the model itself; of quantised weights, what these give.
local function record(model, made, options, difference)
  local steps = made.streams and options.test or math.min(options.test, options.steps)
  local x = made.x.ids and ids(steps, ids_of(made)) or numbers(steps, made.x.width)
  if options.scaler then x = options.scaler:inverse(x) end
  local input = options.scaler and options.scaler:transform(x) or x
  local y = model(input:reshape(1, table.unpack { input:shape() }))
  y = options.target_scaler and options.target_scaler:inverse(y) or y
  y = y:reshape(-1, made.width)
  if y:is_finite():min():item() == 0 then
    core.fail("rnn.export_c: %s gives numbers that are not finite", model:describe())
  end
  if options.int8 then
    local own = require "rnn.export.evaluate"(made, x)
    difference.most, difference.size, y = (own - y):abs():max():item(), y:abs():max():item(), own
  end
  return { x = x, y = y, steps = steps }
end

-- Of a translator: logits of the steps that it goes by itself.
local function record_decoding(model, made, options)
  local steps, decoder = math.min(options.test, options.steps), model.decoder
  local x = made.x.ids and ids(steps, ids_of(made)) or numbers(steps, made.x.width)
  local state = model:encode(x:reshape(1, table.unpack { x:shape() }))
  local fed, rows = { decoder.start }, {}
  for t = 1, math.min(options.test, 8) do
    rows[t], state = decoder:step(core.tensor({ fed[t] }, "int32"), state)
    fed[t + 1] = rows[t]:argmax(2):item()
  end
  fed[#fed] = nil
  return { x = x, y = core.concat(rows, 1), steps = steps, ids = fed }
end

-- The file's name as a name in C.
local function stem(path)
  return (path:match "([^/]*)$":gsub("%.%w+$", ""):gsub("[^%w_]", "_"):gsub("^%d", "_%0"))
end

--- rnn.export_c(model, path [, options]) -> sizes | nil, message, code
---
--- Writes the model as one C99 file that needs no library, no libm and no malloc: weights, functions, and a main with
--- recorded vectors that tells whether the C program gives the same numbers (cc -DNAME_MAIN model.c). One sequence at a
--- time; its state is a struct of the caller's. Models whose layers go forwards run step by step, NAME_init, NAME_step,
--- NAME_run; those that need a whole sequence (nn.RNN and the like with bidirectional, an nn.Conv1d not causal,
--- pooling, nn.RepeatVector) have NAME_run for sequences of at most options.steps. sizes has const, ram (bytes) and
--- macs (multiply-adds a step). Where the processor has fused multiply-adds, results are those of rnnlua bit for bit
--- (on a processor without, rnnlua's own need --deterministic).
--- Layers: nn.Sequential, Linear, Embedding, RNN, LSTM, GRU with all options, nn.Recurrent of cells whose step is a
--- formula (those of rnn.cells and of a script), Reservoir, LayerNorm, BatchNorm, Conv1d, pooling over time,
--- RepeatVector, TimeDistributed, Dropout and activations; nn.Seq2Seq of ids, with attention or without, which has
--- NAME_encode, NAME_next and, taking the likeliest id each time, NAME_decode. Errors: another layer or operation,
--- which is named; a scaler, labels or vocab of another size than the model has; a path that ends neither in .c nor
--- .cpp; weights that are not finite, or in bf16 or int8 (options.int8 makes its own); --double.
---@param model nn.Module
---@param path string
---@param options? rnn.export_c.Options
---@return { const: integer, ram: integer, macs: integer }|nil
---@return string? message
---@return string? code
function export.export_c(model, path, options)
  local fname = "rnn.export_c"
  if not Module.is(model) then check.expected(fname, "argument 1 (model)", "a model", model) end
  check.string(fname, "argument 2 (path)", path)
  options = OPTIONS:read(options)
  if core.precision ~= "float" then core.fail("%s: C programs compute in float; run without --double", fname) end
  if not path:find "%.[cC]$" and not path:find "%.c[cpx]+$" then
    check.expected(fname, "argument 2 (path)", "a file name that ends in .c, or .cpp", path)
  end
  local name = options.name or stem(path)
  identifier(fname, "option 'name' (of the file's name)", name)
  local text, header, sizes = model:_evaluated(fname, function()
    local graph, difference = require "rnn.export.graph", {}
    local translates = getmetatable(model).__name == "nn.Seq2Seq"
    for _, row in ipairs { "int8", "scaler", "target_scaler" } do
      OPTIONS:effect(options, row, not translates, "the model is an nn.Seq2Seq")
    end
    local made = translates and graph.translator(fname, model) or graph.of(fname, model, options)
    if options.int8 then graph.quantise(made.stages) end
    local vectors = precision("float", translates and record_decoding or record, model, made, options, difference)
    local notes = {}
    if options.scaler then notes[1] = "Inputs are raw: a scaler takes them to what the model was trained on." end
    if options.target_scaler then notes[#notes + 1] = "Outputs are taken back to the scale of the data." end
    if options.int8 then
      notes[#notes + 1] = ("Weights of 8 bits: in the test outputs differ from those of the model by at most %.2g, "
        .. "of %.2g."):format(difference.most, difference.size)
    end
    return require "rnn.export.source".write(made, { name = name, vectors = vectors, steps = options.steps,
      words = about.words(fname, made, options), notes = notes,
      title = ("%s.c: %s, written by rnnlua %s."):format(name, model:describe(), core.version) })
  end)
  local done, message, code = core.file_write(path, text)
  if done and options.header then done, message, code = core.file_write(path:gsub("%.%w+$", "") .. ".h", header) end
  if not done then return nil, message, code end
  return sizes
end

-- ---- the command ----

--- export.file(path, output, options) -> sizes | nil, message: what rnnlua export does. options as those of
--- rnn.export_c; scaler, labels and vocabulary come from the file.
function export.file(path, output, options) return about.export(export.export_c, path, output, options) end

return export
