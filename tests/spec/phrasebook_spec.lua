-- Every line of the phrasebook runs and gives what NumPy, PyTorch and Keras give (tests/reference/make_phrasebook.py);
-- what is missing has a reason; docs/phrasebook.md is up to date.
local core = require "rnn.core"
local rnn = require "rnn"
local phrases = dofile "docs/phrases.lua"

local PROGRAM = os.getenv("RNNLUA") or os.getenv("PWD") .. "/build/rnnlua"
-- Keras takes the means of its losses in float, whatever it is told.
local TOLERANCE = core.precision == "double" and 1e-11 or 2e-5

local file = assert(io.open("tests/reference/phrasebook.json", "rb"))
local values = assert(rnn.json_decode(file:read("a")))
file:close()

-- Nested tables with numbers as text, such as "nan", as numbers.
local SPECIAL = { nan = 0 / 0, inf = math.huge, ["-inf"] = -math.huge }
local function numbers(value)
  if type(value) ~= "table" then return SPECIAL[value] or value end
  local list = {}
  for i, v in ipairs(value) do list[i] = numbers(v) end
  return list
end

-- What a line works on: the inputs, a model, an optimiser, a path.
local function surroundings(entry)
  local names = setmetatable({ rnn = rnn, nn = rnn.nn, optim = rnn.optim, data = rnn.data }, { __index = _G })
  for _, kind in ipairs { "inputs", "masks" } do
    for name, value in pairs(phrases[kind]) do names[name] = rnn.tensor(numbers(value)) end
  end
  for _, kind in ipairs { "ints", "positions" } do
    for name, value in pairs(phrases[kind]) do names[name] = rnn.tensor(value, "int32") end
  end
  names.model = rnn.nn.Linear(4, 2)
  names.model.weight:assign(names.W)
  names.model.bias:assign(names.c)
  names.opt = rnn.optim.SGD(names.model:parameters(), { lr = 0.1 })
  names.made = os.tmpname()
  names.path = names.made .. (entry.file or ".npy")
  return names
end

-- The results of a line of ours: those of an expression, or what the entry shows behind a statement.
local function results_of(entry)
  local names, line, shows = surroundings(entry), entry.ours, entry.shows
  if type(shows) == "table" then shows = shows[2] end
  local f = load("return " .. line, line, "t", names)
  if not f then
    f = assert(load(line .. (shows and "\nreturn " .. shows or ""), line, "t", names))
  elseif shows and shows ~= "result" then
    f = assert(load(line .. "\nreturn " .. shows, line, "t", names))
  end
  local results = table.pack(f())
  os.remove(names.made)
  if line:find("path", 1, true) then os.execute(("rm -rf '%s'"):format(names.path)) end
  return results
end

local function flat(value, list)
  if type(value) == "table" then
    for _, v in ipairs(value) do flat(v, list) end
  else
    list[#list + 1] = value == true and 1 or value or 0
  end
  return list
end

local function shape_of(value)
  if rnn.is_tensor(value) then return { value:shape() } end
  local shape = {}
  while type(value) == "table" do
    shape[#shape + 1], value = #value, value[1]
  end
  return shape
end

local TYPES = { float = "float", mask = "float", complex = "float", int = "int32" }

local function compare(entry, language, got)
  local line = entry[language]
  local want = values[language][line]
  local what = ("%s: %s beside %s: "):format(language, line, entry.ours)
  assert(want, what .. "has no value; run tests/reference/make_phrasebook.py")
  for i, record in ipairs(want) do
    local value, tolerance = got[i], entry.tolerance or language == "keras" and 2e-5 or TOLERANCE
    assert.is_truthy(record, what .. "has nothing to compare")
    assert.same(record.shape, shape_of(value), what .. "shape")
    if rnn.is_tensor(value) and not entry.only and entry.type ~= false then
      assert.equal(entry.type or TYPES[record.type], value:type(), what .. "type")
    end
    local shift = 0
    for _, position in ipairs(entry.positions or {}) do
      if position == i then shift = 1 end
    end
    local list = flat(rnn.is_tensor(value) and value:totable() or value, {})
    for j = 1, entry.only == "shape" and 0 or #record.data do
      local w = numbers(record.data[j]) + shift
      local same = list[j] == w or (w ~= w and list[j] ~= list[j])
        or math.abs(list[j] - w) <= tolerance * math.max(1, math.abs(w))
      assert(same, ("%selement %d is %s, not %s"):format(what, j, list[j], w))
    end
  end
end

-- Whether the language's line of an entry has a value to compare with; what an entry shows is nothing that Keras has.
local function has_value(entry, language)
  local runs = entry[language] and entry.unrun ~= true and entry.unrun ~= language
  return runs and entry.only ~= "runs" and not (language == "keras" and entry.shows)
end

describe("the phrasebook", function()
  for _, section in ipairs(phrases.sections) do
    it("is right in: " .. section.title, function()
      for _, entry in ipairs(section.entries) do
        if not entry.ours then
          assert(entry.note, section.title .. ": a line of ours is missing without a reason")
        else
          local ok, results = pcall(results_of, entry)
          assert(ok, ("%s: %s"):format(entry.ours, tostring(results)))
          for _, language in ipairs { "numpy", "torch", "keras" } do
            if has_value(entry, language) then compare(entry, language, results) end
          end
        end
      end
    end)
  end

  it("has what there is in recurrent work", function()
    local tensors, others = 0, 0
    for _, section in ipairs(phrases.sections) do
      local n = #section.entries
      if section.columns[1] == "numpy" then tensors = tensors + n else others = others + n end
    end
    assert.is_true(tensors >= 120, tensors)
    assert.is_true(others >= 40, others)
  end)

  -- What an error says of a name of NumPy's or PyTorch's, of a function or of a method.
  local function message_of(object, name)
    local _, message = pcall(function() return object[name] end)
    return tostring(message)
  end

  it("agrees with what errors say of the others' names", function()
    local ours, x, modules = {}, rnn.zeros(2), { torch = true, np = true, F = true }
    for _, section in ipairs(phrases.sections) do
      for _, entry in ipairs(section.columns[1] == "numpy" and section.entries or {}) do
        for _, language in ipairs { "numpy", "torch" } do
          for object, name in (entry.ours and entry[language] or ""):gmatch "%f[%w_]([%w_]+)%.([%a_][%w_]*)%(" do
            local where = modules[object] and "rnn." or #object == 1 and "x:" or nil
            if where then ours[where .. name] = (ours[where .. name] or "") .. " " .. entry.ours end
          end
        end
      end
    end
    local count = 0
    for name, lines in pairs(ours) do
      local object = name:find "^rnn" and rnn or x
      local there = object == rnn and rawget(core, name:sub(5)) or rawget(core.methods, name:match "[.:](.*)")
      if not there and not (object == rnn and getmetatable(rnn).names[name:sub(5)]) then
        local message = message_of(object, name:match "[.:](.*)")
        local hint = message:match "; (.*)$"
        assert(hint, name .. ": " .. message)
        local meant = hint:match "^did you mean [%w_.]+[.:]([%w_]+)%?$"
        assert(not meant or lines:find(meant, 1, true), ("%s: %s, but%s"):format(name, hint, lines))
        count = count + 1
      end
    end
    assert.is_true(count > 80, count)
  end)

  it("is written as it is here", function()
    local pipe = assert(io.popen(PROGRAM .. " docs/phrasebook.lua --check"))
    assert.equal("", pipe:read("a"))
    pipe:close()
  end)
end)
