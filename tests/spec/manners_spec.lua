-- Tensors as Lua values: loops, comparisons, text; and what is said of names that do not exist.
local rnn = require "rnn"
local core = require "rnn.core"
local shell = require "support.shell"

local function message_of(f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  return message
end

-- What a loop goes over.
local function collected(loop, x)
  local indices, all = {}, {}
  for i, v in loop(x) do
    indices[#indices + 1], all[#all + 1] = i, core.is_tensor(v) and v:totable() or v
  end
  return all, indices
end

describe("a loop over a tensor", function()
  for name, loop in pairs { ipairs = ipairs, pairs = pairs } do
    it("goes over elements or rows and ends: " .. name, function()
      assert.same({ 5, 6, 7 }, (collected(loop, rnn.tensor { 5, 6, 7 })))
      local all, indices = collected(loop, rnn.tensor { { 1, 2 }, { 3, 4 }, { 5, 6 } })
      assert.same({ { 1, 2 }, { 3, 4 }, { 5, 6 } }, all)
      assert.same({ 1, 2, 3 }, indices)
      assert.same({ { 1, 3 }, { 2, 4 } }, (collected(loop, rnn.tensor { { 1, 2 }, { 3, 4 } }:transpose(1, 2))))
      assert.same({}, (collected(loop, rnn.zeros(0))))
      assert.same({}, (collected(loop, rnn.zeros(0, 3))))
      assert.same({ {}, {} }, (collected(loop, rnn.zeros(2, 0))))
      assert.equal("integer", math.type(collected(loop, rnn.ones { 1, type = "int32" })[1]))
      assert.same({ { 1, 2 } }, (collected(loop, rnn.tensor { { 1, 2 } }:with_lengths { 1 })))
      assert.matches("scalar", message_of(collected, loop, rnn.tensor(3)))
    end)
  end

  it("gives rows with gradients, that may be written to", function()
    local w = rnn.tensor { { 1, 2 }, { 3, 4 } }:requires_grad(true)
    local loss = 0
    for i, row in ipairs(w) do loss = loss + i * row:sum() end
    loss:backward()
    assert.same({ { 1, 1 }, { 2, 2 } }, w.grad:totable())
    local x = rnn.zeros(2, 2)
    for i, row in ipairs(x) do row:fill_(i) end
    assert.same({ { 1, 1 }, { 2, 2 } }, x:totable())
  end)

  it("is the only one that may look behind the end", function()
    local x = rnn.tensor { 1, 2 }
    assert.matches("^[^ ]*manners_spec.lua:%d+: index 3 is not within 1 to 2",
      message_of(function() return x[#x + 1] end))
    assert.matches("index 1 is not within 1 to 0", message_of(function() return rnn.zeros(0, 2)[1] end))
    local step = ipairs {}
    assert.is_nil(step(x, 2))
    assert.matches("index 4 is not within", message_of(step, x, 3))
    assert.matches("index 3 is not", message_of(function()
      for i in ipairs { 3 } do print(x[i + 2]) end
    end))
    assert.same({ 1, 2 }, { table.unpack(x) })
    local co = coroutine.wrap(function()
      for _, v in ipairs(x) do coroutine.yield(v) end
    end)
    assert.same({ 1, 2 }, { co(), co() })
    assert.is_nil(co())
  end)

  it("works in a stock lua5.4 as well", function()
    local module = os.getenv "RNNLUA_MODULE"
    if core.sanitized or not module or not os.execute "command -v lua5.4 >/dev/null" then return pending "no lua5.4" end
    local sh = shell.new()
    finally(function() sh:remove() end)
    local out = sh:run(("LUA_CPATH=%s lua5.4 -e %s"):format(shell.quote(module), shell.quote [[
      local loop = ipairs
      local rnn = require "rnn"
      for i, v in loop(rnn.tensor { 5, 6 }) do io.write(i, "=", v, " ") end
      io.write(("%.2f %s"):format(rnn.tensor(2), rnn.tensor { 1 } < 2))
      io.write(" ", tostring(pcall(function() return rnn.cat end)))
    ]]))
    assert.equal("1=5 2=6 2.00 true false", out)
  end)
end)

describe("the comparison", function()
  local one, two = rnn.tensor(1), rnn.tensor { { 2 } }
  local three = rnn.ones { 1, type = "int32" } * 1
  it("of tensors of one element and numbers is that of the numbers", function()
    local whole = rnn.tensor({ 3 }, "int32")
    assert.same({ true, false, true }, { one < two, two < one, one <= one })
    assert.same({ true, false, true }, { one < 2, one > 1, one >= 1 })
    assert.same({ true, false, true }, { 2 < whole, whole < 2.5, whole >= 3 })
    assert.same({ true, true, false }, { 0 < three, one <= rnn.ones(1, 1, 1), three > whole })
    local nan = rnn.tensor(0 / 0)
    assert.same({ false, false, false }, { nan < 1, nan >= 1, nan <= nan })
    assert.is_true(rnn.tensor(1):requires_grad(true) * 2 > 1)
    local list = { rnn.tensor(3), rnn.tensor(1), rnn.tensor(2) }
    table.sort(list)
    assert.same({ 1, 2, 3 }, { list[1]:item(), list[2]:item(), list[3]:item() })
    assert.equal(2, math.max(one:item(), 2))
  end)

  it("of others is an error that names those of elements", function()
    for _, f in ipairs {
      function() return rnn.ones(2) < 1 end, function() return 1 > rnn.ones(2) end,
      function() return one <= rnn.ones(2) end,
      function() return rnn.zeros(0) >= 1 end,
    } do
      assert.matches("^[^ ]*manners_spec.lua:%d+: [<>=or ]+: expected a tensor of one element, got %(%d,%) %a+; "
        .. "x:lt%(y%)", message_of(f))
    end
    for _, f in ipairs {
      function() return one < "2" end, function() return {} < one end, function() return one <= nil end,
    } do
      assert.matches("expected a tensor or a number, got", message_of(f))
    end
  end)

  it("== is identity", function()
    assert.is_false(one == rnn.tensor(1))
    assert.is_false(one == 1)
    assert.is_true(one == one) -- luacheck: ignore
    assert.same({ [one] = "found" }, { [one] = "found" })
  end)
end)

describe("text", function()
  it("has the number of a tensor of one element", function()
    assert.equal("loss 0.25", "loss " .. rnn.tensor(0.25))
    assert.equal("0.25!", rnn.tensor { { 0.25 } } .. "!")
    assert.equal("0.25-3", rnn.tensor(0.25) .. rnn.tensor({ -3 }, "int32"))
    assert.equal("12.0", 1 .. rnn.tensor(2))
    assert.equal("a nan", ("a " .. rnn.tensor(0 / 0)):gsub("%-", ""))
    local x = rnn.tensor { 1, 2 }
    assert.equal("x: " .. tostring(x), "x: " .. x)
    assert.equal(tostring(x) .. tostring(x), x .. x)
    for _, f in ipairs {
      function() return x .. nil end, function() return {} .. x end, function() return true .. x end,
    } do
      assert.matches("^[^ ]*lua:%d+: %.%.: argument %d: expected a tensor, a string or a number, got",
        message_of(f))
    end
  end)

  it("is formatted", function()
    assert.equal("0.250", ("%.3f"):format(rnn.tensor(0.25)))
    assert.equal("  2.50|7|2e+00|0.5", string.format("%6.2f|%d|%.0e|%s", rnn.tensor { 2.5 }, rnn.tensor({ 7 }, "int32"),
      rnn.tensor(2), rnn.tensor(0.5)))
    assert.equal("nil true {} 3", ("%s %s %s %d"):format(nil, true, "{}", 3))
    local x = rnn.tensor { 1, 2 }
    assert.equal("x " .. tostring(x), ("x %s"):format(x))
    assert.matches("^[^ ]*manners_spec.lua:%d+: bad argument #1 to 'format' %(number expected, got rnn.Tensor%)",
      message_of(function() return ("%.3f"):format(x) end))
    assert.matches("^[^ ]*manners_spec.lua:%d+: bad argument #2 to 'format' %(",
      message_of(function() return ("%d %d"):format(1) end)) -- luacheck: ignore
    assert.matches("no integer representation", message_of(function() return ("%d"):format(rnn.tensor(0.5)) end))
    assert.equal("#2", "#" .. #x)
  end)
end)

describe("a name that does not exist", function()
  local function said(t, name) return message_of(function() return t[name] end) end
  local x = rnn.ones(2)

  it("of a tensor's method is followed by the right one", function()
    for name, right in pairs {
      view = "did you mean x:reshape?", clone = "did you mean x:copy?", t = "did you mean x:transpose?",
      dim = "did you mean x:ndim?", numel = "did you mean x:count?", long = "did you mean x:to_int?",
      cat = "did you mean x:concat?", cuda = "there are no devices", nElement = "did you mean x:count?",
      expand = "did you mean x:broadcast_to?", register_hook = "did you mean x:on_grad?", mm = "did you mean x:matmul?",
      numpy = "did you mean x:totable?", dtype = "did you mean x:type?", relu_ = "x:relu() gives a new tensor",
      reshpe = "did you mean x:reshape?", smu = "did you mean x:sum?", Tanh = "did you mean x:tanh?",
      randn = "did you mean rnn.randn?", LSTM = "did you mean rnn.nn.LSTM?", half = "rnnlua --double",
    } do
      local message = said(x, name)
      assert.matches("^[^ ]*manners_spec.lua:%d+: a tensor has no method or field '" .. name .. "'; ", message)
      assert.is_truthy(message:find(right, 1, true), message)
    end
    assert.matches("'qqq'$", said(x, "qqq"))
    assert.matches("'cat'; did you mean x:concat", message_of(function() return x:cat(x) end))
  end)

  it("of another object's method, too, in Lua's own message", function()
    local model = rnn.nn.Linear(2, 1)
    local rate = rnn.optim.SGD(model:parameters(), { lr = 0.1 })
    assert.is_nil(model.froward) -- what is absent is nil
    for _, case in ipairs {
      { model, "froward", "forward" }, { model, "Parameters", "parameters" }, { model, "zero_grads", "zero_grad" },
      { rate, "stpe", "step" }, { rnn.data.arrays(rnn.ones(2, 1), rnn.ones(2, 1)), "bacth", "batch" },
      { { scale = tostring }, "sclae", "scale" }, { "text", "uper", "upper" },
    } do
      local object, name, right = table.unpack(case)
      local call = load(("local object = ... object:%s(1)"):format(name), "=call")
      local expected = ("call:1: attempt to call a nil value (method '%s'); did you mean x:%s?"):format(name, right)
      assert.same({ false, expected }, { pcall(call, object) })
    end
    assert.matches("%(method 'fit'%); did you mean rnn%.fit%?$", message_of(function() model:fit(1) end))
  end)

  it("of what is no method leaves Lua's message as it is", function()
    local model = rnn.nn.Linear(2, 1)
    for text, expected in pairs {
      ["object:qqqqqq()"] = "call:1: attempt to call a nil value (method 'qqqqqq')",
      ["return object:qqqqqq()"] = "call:1: attempt to call a nil value (method 'qqqqqq')",
      ["object.froward(1)"] = "call:1: attempt to call a nil value (field 'froward')",
      ["froward(1)"] = "call:1: attempt to call a nil value (global 'froward')",
      ["local f f(object)"] = "call:1: attempt to call a nil value (local 'f')",
      ["for x in nil do print(x) end"] = "call:1: attempt to call a nil value (for iterator 'for iterator')",
      ["(nil)()"] = "call:1: attempt to call a nil value",
    } do
      assert.same({ false, expected }, { pcall(load("local object = ... " .. text, "=call"), model) })
    end
    assert.same({ false, "attempt to call a nil value" }, { pcall(nil) })
    assert.is_false(getmetatable(nil))
  end)

  it("of rnn and its modules, too", function()
    for name, right in pairs {
      cat = "rnn.concat", manual_seed = "rnn.seed", from_numpy = "rnn.tensor", Linear = "rnn.nn.Linear",
      Adam = "rnn.optim.Adam", shape = "x:shape", zeroes = "rnn.zeros", softmx = "rnn.softmax", DataLoader = "rnn.data",
    } do
      local message = said(rnn, name)
      assert.matches("^[^ ]*manners_spec.lua:%d+: rnn has no field '" .. name .. "'; ", message)
      assert.is_truthy(message:find("did you mean " .. right .. "?", 1, true), message)
    end
    for name, right in pairs {
      Dense = "rnn.nn.Linear", MSELoss = "rnn.nn.mse", lstm = "rnn.nn.LSTM", LSTMM = "rnn.nn.LSTM",
      Conv1D = "rnn.nn.Conv1d", Adam = "rnn.optim.Adam", concat = "rnn.concat", init = "rnn.nn.initializers",
    } do
      local message = said(rnn.nn, name)
      assert.matches("^[^ ]*manners_spec.lua:%d+: rnn.nn has no field '" .. name .. "'; ", message)
      assert.is_truthy(message:find("did you mean " .. right .. "?", 1, true), message)
    end
    assert.matches("rnn.optim has no field 'adam'; did you mean rnn.optim.Adam", said(rnn.optim, "adam"))
    assert.matches("rnn.metrics has no field 'MAE'; did you mean rnn.metrics.mae", said(rnn.metrics, "MAE"))
    for name, right in pairs {
      inverse = "; did you mean rnn.linalg.inv?", Cholesky = "; did you mean rnn.linalg.cholesky?", expm = "",
    } do
      local message = said(rnn.linalg, name)
      assert.matches("^[^ ]*manners_spec.lua:%d+: rnn.linalg has no field '" .. name .. "'" .. right:gsub("%p", "%%%0")
        .. "$", message)
    end
    assert.matches("rnn.nn.initializers has no field 'xavir'", said(rnn.nn.initializers, "xavir"))
    assert.is_nil(rnn.linalg._private)
    assert.is_nil(rnn[1])
    assert.is_nil(rnn.__name)
    assert.is_nil(rnn.nn._private)
  end)

  it("is translated to names that there are", function()
    local known = { rnn = rnn, nn = rnn.nn, optim = rnn.optim }
    local function there(name)
      for _, module in pairs(known) do
        if rawget(module, name) ~= nil or getmetatable(module).names[name] then return true end
      end
      return rawget(core.methods, name) ~= nil
    end
    local doc, options = require "rnn.doc", {}
    for _, name in ipairs(doc.names()) do
      for _, option in ipairs(doc.options(name) or {}) do options[option] = true end
    end
    for list, theirs in pairs(require "rnn.names".foreign) do
      for name, ours in pairs(theirs) do
        local known_here = list == "options" and options[ours] or list ~= "options" and there(ours)
        if ours:find "^[%w_]+$" then assert.is_true(known_here, list .. "." .. name .. " -> " .. ours) end
        for path in ours:gmatch "rnn%.[%w_.]+" do
          local value = rnn
          for part in path:sub(5):gmatch "[%w_]+" do value = value[part] end
          assert.is_truthy(value)
        end
      end
    end
  end)

  it("costs nothing before the mistake", function()
    local sh = shell.new()
    finally(function() sh:remove() end)
    local program = os.getenv("RNNLUA") or os.getenv("PWD") .. "/build/rnnlua"
    assert.equal("nil", (sh:run(shell.quote(program) .. [[ -e 'local rnn = require "rnn"; rnn.ones(2):sum()
      io.write(tostring(package.loaded["rnn.names"]))']])))
  end)

  it("as a field to change, is an error", function()
    assert.matches("has no fields to change, got 'requires_grad'; x:requires_grad%(true%)",
      message_of(function() x.requires_grad = true end))
  end)
end)

describe("an earlier name of an option", function()
  -- What f writes to the standard error.
  local function said_by(f)
    local stderr, said = io.stderr, {}
    io.stderr = { write = function(_, ...) said[#said + 1] = table.concat { ... } end } -- luacheck: ignore
    local ok, message = pcall(f)
    io.stderr = stderr -- luacheck: ignore
    assert(ok, message)
    return said
  end

  local function units(options)
    return rnn.nn.Encoder(options).recurrent.units, rnn.nn.Decoder(options).recurrent.units
  end

  it("does what the present one does, and says so once", function()
    local old = { vocab = 9, dim = 2, hidden = 3 }
    local said = said_by(function()
      for _ = 1, 2 do assert.same({ 3, 3 }, { units(old) }) end
    end)
    assert.same({ "nn.Encoder: option 'hidden' is an earlier name; write 'units'\n",
      "nn.Decoder: option 'hidden' is an earlier name; write 'units'\n" }, said)
    assert.same({ vocab = 9, dim = 2, hidden = 3 }, old)
    local ids = rnn.arange(30)
    said = said_by(function()
      local stream = rnn.text.stream(ids, { batch = 3, time = 4 })
      local x = stream(nil, nil)
      assert.same({ 3, 4 }, { x:shape() })
    end)
    table.sort(said)
    assert.same({ "text.stream: option 'batch' is an earlier name; write 'size'\n",
      "text.stream: option 'time' is an earlier name; write 'length'\n" }, said)
  end)

  it("is no second value", function()
    assert.matches("nn.Encoder: option 'hidden' is an earlier name of 'units', which is given as well",
      message_of(rnn.nn.Encoder, { vocab = 9, hidden = 3, units = 3 }))
  end)

  it("is not offered, neither in help nor for a misspelt name", function()
    local doc = require "rnn.doc"
    assert.same({ "length", "size" }, doc.options "text.stream")
    assert.not_matches("hidden", doc.lookup "nn.Encoder")
    assert.matches("unknown option 'hiden'; did you mean 'units'%? known: .*units",
      message_of(rnn.nn.Encoder, { vocab = 9, hiden = 3 }))
    assert.matches("unknown option 'unit'; did you mean 'units'%?", message_of(rnn.nn.Decoder, { vocab = 9, unit = 3 }))
  end)
end)
