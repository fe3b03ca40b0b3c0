-- The documentation is complete and true: every name that users reach has a text, tensors have shapes, errors are told,
-- arguments and options are those of the code.
local core = require "rnn.core"
local doc = require "rnn.doc"
local guard = require "rnn.guard"
local public = dofile "docs/public.lua"
local rnn = require "rnn"
local sources = require "rnn.sources"
local shell = require "support.shell"
local surface = require "support.surface"

local PROGRAM = os.getenv("RNNLUA") or os.getenv("PWD") .. "/build/rnnlua"

local function is_class(value)
  return type(value) == "table" and rawget(value, "__name") ~= nil and rawget(value, "__index") ~= nil
end

-- The Lua function that does the work of a public name, or nil.
local function function_of(value)
  local f = is_class(value) and value.init or value
  if type(f) ~= "function" or debug.getinfo(f, "S").what == "C" then return nil end
  return guard.inner(f)
end

local function body_of(f)
  local info = debug.getinfo(f, "S")
  local module = info.source:match("^@%[rnn%]/(.*)%.lua$")
  local text = module and sources("rnn." .. module:gsub("/init$", ""):gsub("/", ".")) or ""
  local lines, number = {}, 0
  for line in (text .. "\n"):gmatch("(.-)\n") do
    number = number + 1
    if number >= info.linedefined and number <= info.lastlinedefined then lines[#lines + 1] = line end
  end
  return table.concat(lines, "\n")
end

local SHAPES = { "%(", "[Ss]hape", "[Ss]calar", "[Ee]lement", "[Bb]roadcast", "[Aa]xis", "axes" }

local function has_shape(text)
  for _, pattern in ipairs(SHAPES) do
    if text:find(pattern) then return true end
  end
  return false
end

local function tells_errors(text)
  return text:find("[Ee]rror") or text:find("[Rr]aise") or text:find("nil, message") or text:find("nil, reason")
    or text:find("nil and a message")
end

-- What is wrong with the documentation of a public name: sentences.
local function faults_of(item)
  local entry, faults = doc.entry(item.name), {}
  local function fault(...) faults[#faults + 1] = item.name .. ": " .. string.format(...) end
  if not entry then
    fault("has no documentation")
    return faults
  end
  local whole = entry.signature .. "\n" .. entry.text
  if #entry.text < 8 then fault("has no text beside its signature") end
  local op = item.name:match("^rnn%.([%w_]+)$") or item.name:match("^rnn%.Tensor:([%w_]+)$")
  if op and core.op_doc(op) then
    if not has_shape(entry.text) then fault("the text of the op says nothing of shapes") end
    if not tells_errors(whole) then fault("the text of the op says nothing of errors") end
    return faults
  end
  for _, list in ipairs { entry.params, entry.returns } do
    for _, thing in ipairs(list) do
      if thing.type:find("rnn.Tensor", 1, true) and not has_shape(thing.text) and not has_shape(entry.text) then
        fault("the tensor %s has no shape", thing.name or "it returns")
      end
    end
  end
  local f = function_of(item.value)
  local raises = type(item.value) == "function" and not f
  if f then
    local body = body_of(f)
    raises = body:find("fail%(") or body:find("expected%(")
    local real = {}
    for i = 1, debug.getinfo(f, "u").nparams do real[debug.getlocal(f, i)] = true end
    if debug.getinfo(f, "u").isvararg then real["..."] = true end
    for _, param in ipairs(entry.params) do
      local other = entry.name ~= item.name -- a base's, whose arguments may have other names
      if not real[param.name] and not real["..."] and not real["_"] and not other then
        fault("there is no argument %s", param.name)
      end
    end
  end
  if raises and not tells_errors(whole) then fault("says nothing of errors") end
  return faults
end

-- ---- options ----

local model = rnn.nn.Linear(3, 3)

-- A value for an argument of a documented type.
local function sample(kind)
  if kind:find("^rnn.Tensor%[%]") then return model:parameters() end
  if kind:find("rnn.Tensor", 1, true) then return rnn.zeros(4, 3) end
  if kind:find("integer", 1, true) or kind:find("number", 1, true) then return 1 end
  if kind:find("string", 1, true) then return "x" end
  if kind:find("nn.Module", 1, true) then return model end
  if kind:find("fun", 1, true) then return function() end end
  return {}
end

local NOT_THERE = { ["no such option"] = 1 }

-- Calls that show the options of a name where the documented arguments do not lead there.
local logits, labels = rnn.zeros(2, 3, 4), rnn.ones { 2, 2, type = "int32" }
-- The options of decoders of ids and of numbers together; in_model gives the model that has the decoder, and an input.
local function of_decoder(method, condition, in_model)
  return function(o)
    local lists = {}
    for i, decoder in ipairs { { vocab = 4, dim = 2 }, { outputs = 1, steps = 1 } } do
      decoder.units, decoder.condition = 2, condition
      local model_, input = in_model(rnn.nn.Decoder(decoder))
      local arguments = method == "loss" and { i == 1 and labels or rnn.zeros(2, 2), o } or { o }
      lists[i] = select(2, pcall(model_[method], model_, input, table.unpack(arguments)))
    end
    error(lists[1] .. ", " .. lists[2]:match "known: (.*)" .. (lists[2]:match "; did you mean '[%w_]+'%?" or ""), 0)
  end
end
local dataset = rnn.data.arrays(rnn.zeros(4, 3), rnn.zeros(4, 3))
local frame_path = os.tmpname()
local function frame()
  assert(core.file_write(frame_path, "time,value\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\n"))
  return assert(rnn.data.csv(frame_path))
end
local CALLS = {
  ["ctc.beam"] = function(o) rnn.ctc.beam(logits, o) end,
  ["ctc.greedy"] = function(o) rnn.ctc.greedy(logits, o) end,
  ["ctc.loss"] = function(o) rnn.ctc.loss(logits, labels, o) end,
  ["data.Arrays:batches"] = function(o) dataset:batches(o) end,
  ["data.Sequences:batches"] = function(o) rnn.data.sequences({ { 1 }, { 2 } }):batches(o) end,
  ["data.Windows:batches"] = function(o) rnn.data.windows(rnn.zeros(9, 1), { length = 2, target = 1 }):batches(o) end,
  ["data.Tokens:batches"] = function(o) rnn.data.tokens({ 1, 2, 3 }, { length = 1 }):batches(o) end,
  ["data.tokens"] = function(o) rnn.data.tokens({ 1, 2, 3 }, o) end,
  ["data.Frame:describe"] = function(o) frame():describe(o) end,
  ["data.Frame:tensor"] = function(o) frame():tensor({}, o) end,
  ["data.Frame:to_csv"] = function(o) frame():to_csv("/dev/null", o) end,
  ["data.Frame:regular"] = function(o) frame():regular(o) end,
  ["data.Frame:join"] = function(o) frame():join(frame(), "time", o) end,
  ["data.Frame:sort"] = function(o) frame():sort("time", o) end,
  ["data.Frame:melt"] = function(o) frame():melt("time", o) end,
  ["nn.focal"] = function(o) rnn.nn.focal(logits, labels, o) end,
  ["nn.ordinal"] = function(o) rnn.nn.ordinal(logits, labels, o) end,
  ["nn.multi_margin"] = function(o) rnn.nn.multi_margin(logits, labels, o) end,
  ["nn.distillation"] = function(o) rnn.nn.distillation(logits, logits, nil, o) end,
  ["nn.MixtureDensity:sample"] = function(o)
    local density = rnn.nn.MixtureDensity()
    density:sample(rnn.zeros(1, density.columns), o)
  end,
  ["rnn.Ensemble"] = function(o) rnn.Ensemble({ model }, o) end,
  ["nn.student_t_nll"] = function(o)
    rnn.nn.student_t_nll({ rnn.ones(2), rnn.ones(2), rnn.ones(2) }, rnn.ones(2), o)
  end,
  ["nn.negative_binomial_nll"] = function(o)
    rnn.nn.negative_binomial_nll({ rnn.ones(2), rnn.ones(2) }, rnn.ones(2), o)
  end,
  ["rnn.Forecaster:fit"] = function(o) surface.make("rnn.Forecaster"):fit(frame(), o) end,
  ["rnn.Forecaster:backtest"] = function(o)
    surface.make("rnn.Forecaster"):backtest(frame(), o)
  end,
  ["metrics.nats"] = function(o) rnn.metrics.nats(logits, labels, o) end,
  ["metrics.perplexity"] = function(o) rnn.metrics.perplexity(logits, labels, o) end,
  ["data.lines"] = function(o) rnn.data.lines("x", "x", print, o) end,
  ["metrics.bleu"] = function(o) rnn.metrics.bleu({ "a" }, { "a" }, o) end,
  ["rnn.npz_write"] = function(o) rnn.npz_write("/dev/null", {}, o) end,
  ["nn.Decoder:loss"] = of_decoder("loss", 2, function(decoder) return decoder, rnn.zeros(2, 2) end),
  ["nn.Decoder:decode"] = of_decoder("decode", 2, function(decoder) return decoder, rnn.zeros(2, 2) end),
  ["nn.Seq2Seq:loss"] = of_decoder("loss", nil, function(decoder)
    return rnn.nn.Seq2Seq { encoder = rnn.nn.Encoder { vocab = 4, dim = 2, units = 2 }, decoder = decoder }, labels
  end),
  ["nn.Module:load_state_dict"] = function(o) model:load_state_dict({}, o) end,
  ["nn.Reservoir:fit"] = function(o)
    rnn.nn.Reservoir(1, 2, { outputs = 1 }):fit(rnn.zeros(1, 3, 1), rnn.zeros(1, 3, 1), o)
  end,
  ["logs.report"] = function(o) rnn.logs.report("/dev/null", o) end,
  ["rnn.Monitor:plot"] = function(o) rnn.monitor(rnn.nn.LSTM(2, 3)):plot(o) end,
  ["rnn.Monitor:step"] = function(o) rnn.monitor(rnn.nn.LSTM(2, 3)):step(o) end,
  ["nn.Recurrent"] = function(o) rnn.nn.Recurrent(rnn.nn.RNNCell(1, 1), o) end,
  ["optim.schedules.own"] = function(o) rnn.optim.schedules.own(print, o) end,
  ["rnn.Experiment:finish"] = function(o) surface.make("rnn.Experiment"):finish(o) end,
  ["rnn.csv_read"] = function(o) rnn.csv_read("x", o) end,
  ["rnn.load"] = function(o) rnn.load("x", o) end,
  ["text.Vocab:encode"] = function(o) rnn.text.chars("a"):encode("a", o) end,
  ["text.stream"] = function(o) rnn.text.stream(rnn.ones { 9, type = "int32" }, o) end,
}

-- Tables whose keys are the script's own, too, or that are read in parts.
local OPEN = { ["rnn.experiment"] = true, ["plot.series"] = true, ["nn.Seq2Seq:decode"] = true }

-- A function that calls the item with a table of options.
local function call_of(item, entry)
  local arguments, n, place = {}, 0, 1
  local call = CALLS[item.name]
  if not call then
    for name in (entry.signature:match("%((.*)%)") or ""):gsub("%b{}", "options"):gmatch("[%a_][%w_]*") do
      n = n + 1
      if name == "options" then
        place = n
        break
      end
      local kind = entry.overload and entry.overload:match(name .. "%??:%s*([^,)]+)") or ""
      for _, param in ipairs(entry.params) do
        if param.name == name then kind = param.type end
      end
      arguments[n] = sample(kind)
    end
    call = function(options)
      arguments[place] = options
      return item.value(table.unpack(arguments, 1, math.max(n, place)))
    end
  end
  return call
end

-- The options that the code knows: those that it lists when it meets an unknown one.
local function known_options(item, entry)
  local _, message = pcall(call_of(item, entry), NOT_THERE)
  local list = tostring(message):match("unknown option 'no such option'; (.*)$")
  if not list then return nil, message end
  local known = {}
  list = list:gsub("^known: ", ""):gsub("^the options? %a+ ", ""):gsub(" and ", ",")
  for name in list:gmatch("[%w_]+") do known[name] = true end
  return known
end

local function option_faults(item)
  local entry, faults = doc.entry(item.name), {}
  local told = {}
  for _, name in ipairs(doc.options(item.name)) do told[name] = true end
  if next(told) == nil or OPEN[item.name] then return faults end
  local known, message = known_options(item, entry)
  if not known then
    return { ("%s: no call shows its options; CALLS in this file wants one: %s"):format(item.name, message) }
  end
  for name in pairs(told) do
    if not known[name] then faults[#faults + 1] = ("%s: there is no option %s"):format(item.name, name) end
  end
  for name in pairs(known) do
    if not told[name] then faults[#faults + 1] = ("%s: option %s is not documented"):format(item.name, name) end
  end
  return faults
end

-- What a slip of the finger makes of a word: a letter is left out, doubled or changes places with the next one.
local function misspellings(word)
  local found = {}
  for i = 1, #word do
    local before, letter, after = word:sub(1, i - 1), word:sub(i, i), word:sub(i + 1)
    found[before .. after], found[before .. letter .. letter .. after] = true, true
    found[before .. after:sub(1, 1) .. letter .. after:sub(2)] = true
  end
  found[word] = nil
  return found
end

-- May word have been meant as other?
local function is_near(word, other)
  local differ = #word == #other and 0 or 2
  for i = 1, #word do differ = differ + (word:byte(i) == other:byte(i) and 0 or 1) end
  return differ <= 1 or misspellings(other)[word]
end

-- Every option misspelt: the code has to suggest it, or another that is as near.
local function spelling_faults(item)
  local entry, faults, known = doc.entry(item.name), {}, {}
  if not entry or OPEN[item.name] then return faults end
  for _, name in ipairs(doc.options(item.name)) do known[name] = true end
  for name in pairs(known) do
    for word in pairs(#name >= 4 and misspellings(name) or {}) do
      if not known[word] then
        local _, message = pcall(call_of(item, entry), { [word] = 1 })
        local suggested = tostring(message):match("'" .. word .. "'.*; did you mean '([%w_]+)'%?")
        if not known[suggested] or not is_near(word, suggested) then
          faults[#faults + 1] = ("%s: %s for %s gives: %s"):format(item.name, word, name, message)
        end
      end
    end
  end
  return faults
end

local function all_faults(faults_of_item)
  local all = {}
  for _, item in ipairs(public()) do
    for _, fault in ipairs(faults_of_item(item)) do all[#all + 1] = fault end
  end
  return table.concat(all, "\n")
end

describe("the documentation", function()
  it("has every public name, with shapes and errors", function() assert.equal("", all_faults(faults_of)) end)

  it("tells the options that there are", function() assert.equal("", all_faults(option_faults)) end)

  it("has options of which each is suggested for its misspellings", function()
    assert.equal("", all_faults(spelling_faults))
  end)

  it("is what the manual and the annotations for editors are made of", function()
    if not core.png_write then return pending "built without cairo, so without what the manual says of PNG files" end
    local pipe = assert(io.popen(shell.quote(PROGRAM) .. " docs/generate.lua --check"))
    local said = pipe:read("a")
    pipe:close()
    assert.equal("", said)
  end)
end)

describe("these checks", function()
  local function faults(name, value) return table.concat(faults_of { name = name, value = value }, "\n") end

  it("see what is missing", function()
    assert.equal("nn.Nothing: has no documentation", faults("nn.Nothing", print))
  end)
end)

describe("rnn.doc", function()
  local page
  do
    local file <close> = assert(io.open "docs/examples.md")
    page = file:read "a"
  end

  it("shows an example of every public name, and what it prints, which docs/check.lua runs", function()
    local without = {}
    for _, item in ipairs(public()) do
      local text = doc.lookup(item.name) or ""
      if not text:find("\nexample\n", 1, true) then without[#without + 1] = item.name end
    end
    assert.equal("", table.concat(without, " "))
    assert.matches("\nexample\n\n  local x = .-\n  > ", doc.lookup "rnn.mul")
  end)

  it("has examples in which the names are that they are of", function()
    local faults, count = {}, 0
    for names, code in page:gmatch "\n## (`[^\n]+`)\n\n[^\n`]*\n?```lua\n(.-)```" do
      for name in names:gmatch "`([^`]+)`" do
        local word = name:match "[%w_]+$"
        local called = word == "forward" or name == "data.Frame" or name == "optim.Schedule" or name == "text.Vocab"
        if not called and not code:find("%f[%w_]" .. word .. "%f[^%w_]") then faults[#faults + 1] = name end
        count = count + 1
      end
    end
    assert.equal("", table.concat(faults, " "))
    assert.is_true(count > 700)
  end)

  it("finds methods in the bases of a class, and ops as methods", function()
    assert.equal("lstm:step(x [, state [, into]]) -> y, state", doc.entry("nn.LSTM:step").signature)
    assert.equal("module:parameters() -> array of tensors", doc.entry("nn.GRU.parameters").signature)
    assert.equal("rnn.matmul", doc.entry("rnn.Tensor:matmul").name)
    assert.is_nil(doc.lookup("nn.LSTM:fly"))
  end)

  it("knows options, declared or read in C", function()
    assert.same({ "bias", "kernel" }, doc.options("nn.Linear"))
    assert.same({ "beam", "length_penalty", "max_length", "on_token", "prefix", "size", "steps", "stop", "temperature",
      "top_k", "top_p", "weights" }, doc.options("nn.Seq2Seq:decode"))
    assert.same({ "columns", "comment", "decimal", "encoding", "header", "missing", "separator", "thousands", "types",
      "zone" }, doc.options("data.csv"))
    assert.same({ "beta1", "beta2", "epsilon", "lr", "weight_decay" }, doc.options("optim.AdamW"))
  end)
end)
