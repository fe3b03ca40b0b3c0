-- Gradients as values, operations and hooks of one's own, gradcheck and Hessian-vector products.
local rnn = require "rnn"
local core = require "rnn.core"
local nn = rnn.nn

local double = core.precision == "double"

local function values(t) return t:totable() end
local function leaf(...) return rnn.tensor(...):requires_grad(true) end

local function message_of(f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  return message
end

-- The line of the caller, as messages begin.
local function here(offset)
  local info = debug.getinfo(2, "Sl")
  return ("^%s:%d: "):format(info.short_src:gsub("[%-%.]", "%%%0"), info.currentline + offset)
end

local function near(expected, t, tolerance)
  local difference = (rnn.tensor(expected) - t):abs():max():item()
  assert.is_true(difference <= (tolerance or 1e-4), ("%s is not near %s"):format(t, rnn.tensor(expected)))
end

describe("rnn.grad", function()
  it("gives gradients as values and touches none", function()
    local w, b = leaf { 1, 2 }, leaf { 3, 4 }
    b:sum():backward()
    local gw, gb = table.unpack(rnn.grad((w * w * b):sum(), { w, b }))
    assert.same({ 6, 16 }, values(gw))
    assert.same({ 1, 4 }, values(gb))
    assert.is_nil(w.grad)
    assert.same({ 1, 1 }, values(b.grad))
    assert.is_false(gw:requires_grad())
    assert.same({ 3, 3 }, values(rnn.grad((w * 3):sum(), w))) -- one tensor, one gradient
    assert.same({}, rnn.grad((w * 3):sum(), {}))
  end)

  it("is that of backward, in graphs of any shape", function()
    for seed = 1, 30 do
      rnn.seed(seed)
      local w = { rnn.randn(3):requires_grad(true), rnn.randn(3):requires_grad(true), rnn.randn(3):requires_grad(true) }
      local function run()
        math.randomseed(seed)
        local all = { table.unpack(w) }
        for _ = 1, 12 do
          local a, b = all[math.random(#all)], all[math.random(#all)]
          all[#all + 1] = math.random() < 0.5 and a * b or (a + b):tanh()
        end
        return (all[#all] * all[#all - 1]):sum(), all
      end
      local loss, all = run()
      local wanted = {}
      for _, t in ipairs(all) do wanted[#wanted + 1] = math.random() < 0.5 and t:retain_grad() or nil end
      for _, t in ipairs(w) do t:zero_grad() end
      local together = rnn.grad(loss, wanted, { retain_graph = true, allow_unused = true })
      local alone = {}
      for i, t in ipairs(wanted) do alone[i] = rnn.grad(loss, t, { retain_graph = true, allow_unused = true }) end
      loss:backward()
      for i, t in ipairs(wanted) do
        local got = values(t.grad or rnn.zeros(3))
        assert.same(got, values(together[i]))
        assert.same(got, values(alone[i]))
      end
    end
  end)

  it("takes results on the way, and goes no further", function()
    local w = leaf { 1, 2 }
    local h = w * 2
    local y = h * h
    assert.same({ 4, 8 }, values(rnn.grad(y:sum(), h)))
    h:sum():backward() -- its history is there still
    assert.same({ 2, 2 }, values(w.grad))
    local message = message_of(function() return y:sum() end)
    assert.matches("already consumed", message)
    local z = w:sum()
    assert.equal(1, rnn.grad(z, z):item())
    assert.same({ 1, 1 }, values(rnn.grad(w, w, { gradient = rnn.ones(2) })))
  end)

  it("forgets the history that it uses, or retains it", function()
    local w = leaf { 1, 2 }
    local loss = w:square():sum()
    for _ = 1, 3 do assert.same({ 2, 4 }, values(rnn.grad(loss, w, { retain_graph = true }))) end
    local x, layer = rnn.zeros(2, 3, 2), nn.Linear(2, 2)
    x:fill_(0 / 0):slice(2, 1, 1):fill_(1)
    local y = layer(x:with_lengths { 1, 1 }):sum()
    for _ = 1, 3 do
      assert.same({ { 2, 2 }, { 2, 2 } }, values(rnn.grad(y, layer.weight, { retain_graph = true })))
    end
    rnn.grad(loss, w)
    assert.matches("grad: the history of this result %(%) was already consumed", message_of(rnn.grad, loss, w))
    local shared = w:exp()
    rnn.grad(shared:sum(), w)
    assert.matches("already consumed", message_of(function() return rnn.grad(w:sum() + shared:sum(), w) end))
  end)

  it("takes the gradient of a loss of several elements", function()
    local w = leaf { { 1, 2 }, { 3, 4 } }
    local g = rnn.grad(w * w, w, { gradient = rnn.tensor { { 5, 10 }, { 15, 20 } } })
    assert.same({ { 10, 40 }, { 90, 160 } }, values(g))
    assert.matches("expected a loss of one element, got %(2, 2%)", message_of(rnn.grad, w * w, w))
    assert.matches("expected a float gradient %(2, 2%), got %(2,%)",
      message_of(rnn.grad, w * w, w, { gradient = rnn.ones(2) }))
  end)

  it("says which tensor the loss does not depend on, or gives zeros", function()
    local w, unused = leaf { 1, 2 }, leaf { { 1 }, { 2 } }
    local loss = (w * 2):sum()
    assert.matches("depend on tensor 2, %(2, 1%); allow_unused", message_of(rnn.grad, loss, { w, unused, w }))
    local all = rnn.grad(loss, { w, unused, w }, { allow_unused = true }) -- the history is there still
    assert.same({ { 2, 2 }, { { 0 }, { 0 } }, { 2, 2 } }, { values(all[1]), values(all[2]), values(all[3]) })
    all[1]:fill_(7)
    assert.same({ 2, 2 }, values(all[3])) -- each has memory of its own
    local y = (w * 2):sum()
    assert.matches("tensor 1, %(1,%) %a+, does not require a gradient", message_of(rnn.grad, y, rnn.ones(1)))
    assert.matches("int32", message_of(rnn.grad, y, rnn.ones { 1, type = "int32" }))
  end)

  it("works with parts, writes and lengths", function()
    local w, v = leaf { { 1, 2 }, { 3, 4 } }, leaf { 5, 6 }
    local x = w * 1
    local row = x[2]
    x[1] = v * 2
    local loss = (x:square()):sum() + 10 * row:sum()
    local gw, gv, grow = table.unpack(rnn.grad(loss, { w, v, row }))
    assert.same({ { 0, 0 }, { 16, 18 } }, values(gw))
    assert.same({ 40, 48 }, values(gv))
    assert.same({ 10, 10 }, values(grow))
    local s = rnn.randn(2, 3, 2):with_lengths { 3, 1 }:requires_grad(true)
    local g = rnn.grad(nn.LSTM(2, 3)(s):square():sum(), s)
    assert.same({ 3, 1 }, values(g:lengths()))
    assert.equal(0, g:without_lengths()[2]:rows(2, 3):abs():sum():item())
  end)

  it("does not give second derivatives, and says what does", function()
    local w = leaf { 1, 2 }
    local g = rnn.grad((w * w * w):sum(), w)
    for _, f in ipairs {
      function() return g:square():sum():backward() end,
      function() return rnn.grad(g:sum(), w) end,
      function() return rnn.grad((w * w):sum(), w, { create_graph = true }) end,
    } do
      local message = message_of(f)
      assert.matches("no second derivatives", message)
      assert.matches("rnn.hvp", message, 1, true)
      assert.matches("^[^ ]*autograd_spec.lua:%d+: ", message)
    end
  end)

  it("is whole after an interrupt or a lack of memory", function()
    local w = leaf { 1, 2 }
    for nth = 1, 30 do
      local loss = (w:exp() * w):sum()
      core.fail_allocation(nth)
      pcall(rnn.grad, loss, w, { retain_graph = true })
      core.fail_allocation(0)
      near({ math.exp(1) * 2, math.exp(2) * 3 }, rnn.grad(loss, w))
    end
    assert.is_nil(w.grad)
  end)
end)

describe("a tensor that an op is given twice or more", function()
  -- The gradient of f(list...) in each of list, or nil where that is no call with gradients.
  local function gradients(f, list, more)
    rnn.seed(5)
    local arguments = table.move(list, 1, #list, 1, {})
    arguments[#list + 1] = more
    local ok, y = pcall(f, table.unpack(arguments))
    if not ok or not core.is_tensor(y) or y:type() ~= "float" or not y:requires_grad() then
      return nil
    end
    local weights = (core.arange(y:count()):to_float() * 0.37):sin():reshape(y:shape())
    if not pcall(function() (y * weights):sum():backward() end) then return nil end
    local sum = core.zeros(list[1]:shape())
    for i, t in ipairs(list) do
      if not rawequal(t, list[i - 1]) and t.grad then sum = sum + t.grad end
    end
    return sum
  end

  it("has the sum of its gradients", function()
    local tried = {}
    for name, f in pairs(core) do
      if type(f) == "function" and core.op_doc(name) then
        for _, shape in ipairs { { 3 }, { 3, 3 } } do
          local x = (core.arange(shape[2] and 9 or 3):to_float() * 1.3):sin():reshape(table.unpack(shape)) * 0.8
          for _, call in ipairs { { 2 }, { 3 }, { 3, 0.1 }, { 4 } } do
            local apart, together, shared = {}, {}, x:copy():requires_grad(true)
            for k = 1, call[1] do apart[k], together[k] = x:copy():requires_grad(true), shared end
            local want = gradients(f, apart, call[2])
            local got = want and gradients(f, together, call[2])
            if got then
              tried[name] = true
              local error = (got - want):masked_fill((want - want):ne(0), 0):abs():max():item() -- of what is finite
              assert.is_true(error <= 1e-5 * math.max(1, want:abs():max():item()), ("%s of %d"):format(name, call[1]))
            end
          end
        end
      end
    end
    for _, name in ipairs { "mul", "matmul", "linear", "layer_norm", "fma", "mse" } do
      assert.is_true(tried[name], name)
    end
  end)
end)

describe("a part of a parameter", function()
  it("is never used up", function()
    local w = leaf { { 1, 2 }, { 3, 4 } }
    local row, column, flat = w[2], w:transpose(1, 2)[1], w:reshape(4)
    for i = 1, 3 do
      ((row * row):sum() + column:sum() + (flat * 3):sum()):backward()
      assert.same({ { 4 * i, 3 * i }, { (4 + 6) * i, (3 + 8) * i } }, values(w.grad))
    end
    row:sum():backward()
    row:sum():backward()
    assert.same({ { 12, 9 }, { 32, 35 } }, values(w.grad))
  end)

  it("of a result is", function()
    local y = leaf { { 1, 2 }, { 3, 4 } } * 2
    local row = y[1]
    row:sum():backward()
    assert.matches("already consumed", message_of(function() return row * 2 end))
  end)
end)

describe("an operation of one's own", function()
  local scaled_exp = rnn.custom {
    forward = function(ctx, x, scale)
      ctx.y, ctx.scale = (x * scale):exp(), scale
      return ctx.y
    end,
    backward = function(ctx, dy) return dy * ctx.y * ctx.scale end,
  }

  it("has the gradient that backward gives", function()
    local x = leaf { 0.1, -0.2, 0.3 }
    local y = scaled_exp(x, 2)
    assert.is_true(y:requires_grad())
    near({ math.exp(0.2), math.exp(-0.4), math.exp(0.6) }, y)
    near({ 2 * math.exp(0.2), 2 * math.exp(-0.4), 2 * math.exp(0.6) }, rnn.grad(y:sum(), x))
    assert.is_true(rnn.gradcheck(function(t) return scaled_exp(t, 0.7) end, rnn.randn(2, 3)))
    assert.is_true(rnn.gradcheck(function(t) return scaled_exp(scaled_exp(t * t, 0.3), 0.2) * t end, rnn.randn(2, 3)))
    assert.is_false(rnn.no_grad(scaled_exp, x, 2):requires_grad())
    assert.is_true(rnn.no_grad(rnn.nn.Linear(2, 1), rnn.ones(3, 2)):is_leaf())
    assert.matches("no_grad: argument 1 %(f%): expected a function, got table", message_of(rnn.no_grad, {}))
    assert.matches("expected a function, got nothing", message_of(rnn.no_grad))
    assert.is_false(scaled_exp(x:detach(), 2):requires_grad())
  end)

  it("takes and gives several tensors, and other values", function()
    local seen
    local both = rnn.custom {
      forward = function(ctx, a, options, b, ids)
        ctx.a, ctx.b, ctx.k = a, b, options.k
        seen = seen or { table.unpack(ctx.needs_input_grad) }
        return a * b, a + options.k * b, ids + ids
      end,
      backward = function(ctx, dz, ds, di)
        assert.is_nil(di)
        return dz * ctx.b + ds, nil, dz * ctx.a + ctx.k * ds
      end,
    }
    local ids = rnn.tensor({ 1, 2 }, "int32")
    local function run(a, b)
      local z, s = both(a, { k = 3 }, b, ids)
      return z * s, s
    end
    assert.is_true(rnn.gradcheck(run, { rnn.randn(2), rnn.randn(2) }))
    assert.same({ true, false, true, false }, seen)
    local a, b = leaf { 1, 2 }, rnn.tensor { 3, 4 }
    seen = nil
    local z, _, twice = both(a, { k = 3 }, b, ids)
    assert.same({ true, false, false, false }, seen)
    assert.same({ 3, 4 }, values(rnn.grad(z:sum(), a))) -- nothing came to the others
    assert.same({ "int32", false }, { twice:type(), twice:requires_grad() })
  end)

  it("may give back what it was given, in memory of its own", function()
    local reverse = rnn.custom { forward = function(_, x) return x end, backward = function(_, dy) return -dy end }
    local x = leaf { 1, 2 }
    local y = reverse(x)
    y[1] = 7
    assert.same({ 1, 2 }, values(x))
    y:sum():backward()
    assert.same({ 0, -1 }, values(x.grad))
    local constant = rnn.custom { forward = function() return x end, backward = function() end }
    constant()[2] = 9
    assert.same({ 1, 2 }, values(x))
    local twice = rnn.custom { forward = function(_, t) local h = t * 2 return h, h:reshape(1, 2):transpose(1, 2) end,
      backward = function(_, a, b) return 2 * a + 2 * b:reshape(2) end }
    local a, b = twice(x)
    assert.same({ 2, 1 }, { b:shape() })
    a:fill_(0)
    assert.same({ { 2 }, { 4 } }, values(b))
    assert.same({ 2, 2 }, values(rnn.grad(a:sum() + b:sum(), x)) and values(rnn.grad(twice(x):sum(), x)))
  end)

  it("may give integers alone, which have no history", function()
    local places = rnn.custom { forward = function(_, x) return x:argmax(-1) end, backward = function() end }
    for _ = 1, 3 do
      local ids = places(rnn.tensor { { 1, 3, 2 } }:requires_grad(true))
      assert.same({ 2 }, ids:totable())
      assert.is_false(ids:requires_grad())
      collectgarbage()
    end
  end)

  it("passes on lengths", function()
    local last = rnn.custom {
      forward = function(ctx, x)
        ctx.x = x
        return x:square()
      end,
      backward = function(ctx, dy)
        assert.same({ 3, 1 }, values(dy:lengths()))
        return 2 * dy * ctx.x
      end,
    }
    local x = rnn.randn(2, 3, 2)
    x:slice(2, 2, 3)[2]:fill_(0 / 0)
    x = x:with_lengths { 3, 1 }:requires_grad(true)
    local g = rnn.grad(last(x):sum(), x):without_lengths()
    assert.same({ { 0, 0 }, { 0, 0 } }, values(g[2]:rows(2, 3)))
    near(values(2 * x:detach():without_lengths()[1]), g[1])
  end)

  it("raises what its functions raise, where they raise it", function()
    local object = {}
    local cases = {
      { here(0) .. "oops", function() error("oops") end },
      { here(0) .. "matmul: ", function(_, dy) return dy:matmul(rnn.ones(5, 5)) end },
      { "custom at [^ ]*autograd_spec.lua:%d+: expected a float gradient %(2,%), got %(%) %a+$",
        function(_, dy) return dy:sum() end },
      { "expected a float gradient %(2,%), got %(2,%) int32", function(_, dy) return dy:to_int() end },
      { "gradient 1: expected a tensor or nil, got 3", function() return 3 end },
      { "expected 1 gradients from backward, one for each argument %(nil for none%), got 0", function() end },
      { "expected 1 gradients from backward, one for each argument, got 2", function(_, dy) return dy, dy end },
      { "a coroutine cannot yield from inside of it", function() coroutine.yield(1) end },
    }
    for _, case in ipairs(cases) do
      local op = rnn.custom { forward = function(_, x) return x * 2 end, backward = case[2] }
      local w = leaf { 1, 2 }
      local loss = op(w):sum() + (w * 3):sum()
      local co = coroutine.create(function() return pcall(loss.backward, loss) end)
      local _, ok, message = coroutine.resume(co)
      assert.is_false(ok)
      assert.matches(case[1], message)
      assert.is_nil(w.grad) -- all or nothing
      assert.is_true(rnn.recording())
    end
    local op = rnn.custom { forward = function(_, x) return x end, backward = function() error(object) end }
    local ok, got = pcall(rnn.grad, op(leaf(1)), {})
    assert.is_true(ok and #got == 0)
    local w = leaf(1)
    assert.equal(object, select(2, pcall(rnn.grad, op(w), w)))
    assert.matches(here(0) .. "custom at", message_of(function() return op() end))
    for _, f in ipairs { function() end, function() return 1 end, function(_, x) return x, nil end, coroutine.yield } do
      local bad = rnn.custom { forward = f, backward = print }
      local message = select(2, coroutine.wrap(function() return pcall(function() return bad(w) end) end)())
      assert.matches("^[^ ]*autograd_spec.lua:%d+: custom", message)
      assert.is_true(rnn.recording())
    end
    for _, bad in ipairs { {}, { forward = print }, { forward = print, backward = 3 },
      { forward = print, backward = print, name = "x" } } do
      assert.matches(here(1) .. "custom: ",
        message_of(function() return rnn.custom(bad) end))
    end
  end)

  it("notices what was changed in place", function()
    local function op_that(keeps)
      return rnn.custom {
        forward = function(ctx, x) return keeps(ctx, x) or x * 2 end,
        backward = function(_, dy) return dy end,
      }
    end
    local w = leaf { 1, 2 }
    local x = w * 1
    for _, keeps in ipairs {
      function(ctx, t) ctx.x = t end, function(ctx, t) ctx.list = { { t:reshape(2, 1) } } end,
      function(ctx, t) ctx.again = { ctx, { ctx, t } } end,
    } do
      local y = op_that(keeps)(x)
      x:fill_(3)
      assert.matches("that forward kept in ctx was changed in place before backward", message_of(rnn.grad, y:sum(), w))
      x = w * 1
    end
    local kept
    local y = op_that(function(ctx, t) ctx.y = t * 3 kept = ctx.y return ctx.y end)(x)
    y[1] = 0
    assert.matches("changed in place", message_of(rnn.grad, y:sum(), w))
    assert.same({ 0, 6 }, values(kept))
    y = op_that(function() end)(x) -- which keeps nothing
    x:fill_(3)
    assert.same({ 1, 1 }, values(rnn.grad(y:sum(), w)))
    assert.matches("forward changed argument 1 in place",
      message_of(op_that(function(_, t) t:fill_(1) end), w * 1))
  end)

  it("may compute gradients of its own, again with recording", function()
    local calls = 0
    local checkpoint = rnn.custom { -- Chen et al. 2016: recompute instead of keeping
      forward = function(ctx, f, ...)
        ctx.f, ctx.inputs = f, { ... }
        return f(...)
      end,
      backward = function(ctx, dy)
        calls = calls + 1
        local inputs = {}
        for i, t in ipairs(ctx.inputs) do inputs[i] = t:detach():requires_grad(true) end
        rnn.recording(true)
        return nil, table.unpack(rnn.grad(ctx.f(table.unpack(inputs)), inputs, { gradient = dy }))
      end,
    }
    local function block(a, b) return (a * b):tanh() + a end
    assert.is_true(rnn.gradcheck(function(a, b) return checkpoint(block, checkpoint(block, a, b), b) end,
      { rnn.randn(3), rnn.randn(3) }))
    assert.equal(2, calls)
    assert.is_true(rnn.recording())
  end)

  it("is let go of with its history", function()
    local gone = 0
    local op = rnn.custom {
      forward = function(ctx, x)
        ctx.x = x
        ctx.flag = setmetatable({}, { __gc = function() gone = gone + 1 end })
        return x * 2
      end,
      backward = function(_, dy) return 2 * dy end,
    }
    local w = leaf { 1, 2 }
    local h = w
    for _ = 1, 200 do h = op(h) * 0.5 end
    h:sum():backward()
    collectgarbage()
    collectgarbage()
    assert.equal(200, gone)
    assert.same({ 1, 1 }, values(w.grad))
    for _ = 1, 200 do h = op(w) end
    for _ = 1, 200 do h = op(h) * 0.5 end -- no backward
    h = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    assert.equal(600, gone)
  end)

  it("is a layer's in training", function()
    local straight = rnn.custom {
      forward = function(_, x) return x:gt(0) end,
      backward = function(_, dy) return dy end,
    }
    local model = nn.Module { hidden = nn.Linear(2, 8), out = nn.Linear(8, 1) }
    function model:forward(x) return self.out(straight(self.hidden(x))) end
    local x = rnn.rand(64, 2)
    local y = (x:slice(2, 1, 1) - x:slice(2, 2, 2)):gt(0)
    local optimizer = rnn.optim.Adam(model:parameters(), { lr = 0.05 })
    local first, last
    for _ = 1, 60 do
      last = nn.mse(model(x), y)
      first = first or last:item()
      optimizer:zero_grad()
      last:backward()
      optimizer:step()
    end
    assert.is_true(last:item() < first / 2)
  end)
end)

describe("a hook", function()
  it("meets the whole gradient once and may replace it", function()
    local w = leaf { 1, 2 }
    local h, seen = w * 1, {}
    local y = h * h + h
    h:on_grad(function(g) seen[#seen + 1] = values(g) return g:clamp(-4, 4) end)
    assert.is_nil(y:retain_grad().grad)
    y:sum():backward()
    assert.same({ { 3, 5 } }, seen)
    assert.same({ 3, 4 }, values(w.grad))
  end)

  it("of a parameter stays until it is removed", function()
    local w, calls = leaf { 1, 2 }, 0
    local remove = w:on_grad(function(g) calls = calls + 1 return g * 10 end)
    local remove_second = w:on_grad(function(g) return g + 1 end);
    (w:sum() + (2 * w):sum()):backward()
    assert.same({ 31, 31 }, values(w.grad))
    w:sum():backward()
    assert.same({ 42, 42 }, values(w.grad)) -- adds up what the hooks gave
    assert.same({ 11, 11 }, values(rnn.grad(w:sum(), w)))
    remove()
    remove()
    assert.same({ 2, 2 }, values(rnn.grad(w:sum(), w)))
    remove_second()
    assert.same({ 1, 1 }, values(rnn.grad(w:sum(), w)))
    assert.equal(3, calls)
    w:on_grad(function() calls = calls + 1 end)
    collectgarbage() -- it does not depend on the function that removes it
    w:sum():backward()
    assert.equal(4, calls)
  end)

  it("may remove itself and add others, which wait", function()
    local w, calls = leaf { 1 }, {}
    local remove
    remove = w:on_grad(function()
      calls[#calls + 1] = "first"
      remove()
      w:on_grad(function() calls[#calls + 1] = "second" end)
    end)
    w:sum():backward()
    assert.same({ "first" }, calls)
    w:sum():backward()
    assert.same({ "first", "second" }, calls)
  end)

  it("belongs to the values that it was put on: parts, writes", function()
    local w, seen = leaf { { 1, 2 }, { 3, 4 } }, {}
    local function watch(name, t) t:on_grad(function(g) seen[name] = values(g) end) end
    local x = w * 1
    local row = x[1]
    watch("row", row)
    watch("before", x)
    local y = row * 2
    x[2] = 0
    watch("after", x);
    (x * 3):sum():backward(nil)
    assert.same({ before = { { 3, 3 }, { 0, 0 } }, after = { { 3, 3 }, { 3, 3 } } }, seen)
    assert.same({ { 3, 3 }, { 0, 0 } }, values(w.grad))
    assert.matches("already consumed", message_of(y.backward, y, rnn.ones(2)))
    w:zero_grad()
    row = w[1]
    watch("part", row);
    (row * 5 + w[2]):sum():backward()
    assert.same({ 5, 5 }, seen.part)
    assert.same({ { 5, 5 }, { 1, 1 } }, values(w.grad))
  end)

  it("sees lengths, several results of one op, retained gradients", function()
    local lstm = nn.LSTM(2, 3)
    local x = rnn.randn(2, 4, 2):with_lengths { 4, 2 }:requires_grad(true)
    local seen = {}
    x:on_grad(function(g) seen.x = g end)
    local y, state = lstm(x)
    y:on_grad(function(g) seen.y = g end)
    state[2]:on_grad(function(g) seen.c = g end);
    (y:sum() + 2 * state[2]:sum()):backward()
    assert.same({ 4, 2 }, values(seen.x:lengths()))
    assert.same({ 4, 2 }, values(seen.y:lengths()))
    assert.same({ { 2, 2, 2 }, { 2, 2, 2 } }, values(seen.c))
    local w = leaf { 1 }
    local h = (w * 2):retain_grad()
    h:on_grad(function(g) return g * 7 end)
    h:sum():backward()
    assert.same({ { 7 }, { 14 } }, { values(h.grad), values(w.grad) })
    local k = w * 2
    k:on_grad(function(g) return g * 7 end)
    assert.same({ 7 }, values(rnn.grad(k:sum(), k)))
  end)

  it("gets a gradient of its own to keep", function()
    local w, kept = leaf { 1, 2 }, nil
    w:on_grad(function(g) kept = g end)
    w:sum():backward()
    w:sum():backward()
    w.grad:fill_(9)
    assert.same({ 1, 1 }, values(kept))
    local other = rnn.tensor { 5, 5 }
    w:zero_grad():on_grad(function() return other end)
    w:sum():backward()
    w:sum():backward()
    assert.same({ { 10, 10 }, { 5, 5 } }, { values(w.grad), values(other) })
  end)

  it("that fails leaves all gradients as they were", function()
    local cases = {
      { here(0) .. "oops", function() error("oops") end },
      { "on_grad: expected a tensor or nil, got 3", function() return 3 end },
      { "on_grad: expected a float gradient %(2,%), got %(1,%) %a+", function() return rnn.ones(1) end },
      { "on_grad: expected a float gradient %(2,%), got %(2,%) int32", function(g) return g:to_int() end },
      { "changed in place, which has no effect", function(g) g:fill_(0) end },
      { "cannot yield from inside of it", function() coroutine.yield() end },
    }
    for _, case in ipairs(cases) do
      for _, where in ipairs { "result", "parameter" } do
        local w, v = leaf { 1, 2 }, leaf { 3, 4 }
        v:sum():backward()
        local h = w * v
        local remove = (where == "result" and h or w):on_grad(case[2])
        local co = coroutine.create(function() return pcall(function() h:sum():backward() end) end)
        local _, ok, message = coroutine.resume(co)
        assert.is_false(ok)
        assert.matches(case[1], message)
        assert.is_nil(w.grad)
        assert.same({ 1, 1 }, values(v.grad))
        assert.is_true(rnn.recording())
        remove()
      end
    end
    local x = rnn.ones(1)
    assert.matches("on_grad: %(1,%) does not depend on a parameter", message_of(x.on_grad, x, print))
    local used = leaf(1) * 1
    used:backward()
    assert.matches("already consumed", message_of(used.on_grad, used, print))
    assert.matches("expected a function, got nothing", message_of(used.on_grad, used))
  end)

  it("runs in the coroutine that calls backward, one inside the other", function()
    local w, v, seen = leaf { 1 }, leaf { 2 }, {}
    v:on_grad(function() seen.v = coroutine.running() end)
    local inner
    w:on_grad(function(g)
      seen.w = coroutine.running()
      inner = coroutine.create(function() return rnn.grad(v:sum(), v) end)
      rnn.recording(true)
      assert.same({ 1 }, values(select(2, coroutine.resume(inner))))
      rnn.recording(false)
      seen.again = coroutine.running()
      return g * 3
    end)
    local outer = coroutine.create(function() return rnn.grad(w:sum(), w) end)
    assert.same({ 3 }, values(select(2, coroutine.resume(outer))))
    assert.same({ v = inner, w = outer, again = outer }, seen)
    local y = w:sum()
    assert.same({ 3 }, values(rnn.no_grad(rnn.grad, y, w)))
    assert.is_true(rnn.recording())
  end)

  it("runs without recording, and may run another backward", function()
    local w, other, states = leaf { 1, 2 }, leaf { 3 }, {}
    w:on_grad(function(g)
      states[#states + 1] = rnn.recording()
      rnn.recording(true);
      (other * other):sum():backward();
      (w * 2):sum():backward()
      return g * 2
    end)
    local h = (w * w):sum()
    local ok, message = pcall(h.backward, h) -- the inner backward meets the same hook, for ever
    assert.is_false(ok, message)
    local v, n = leaf { 1, 2 }, 0
    v:on_grad(function(g)
      n = n + 1
      if n > 1 then return end
      rnn.recording(true);
      (v * 10):sum():backward()
      return g * 2
    end);
    (v * v):sum():backward()
    assert.same({ 14, 18 }, values(v.grad))
    assert.equal(2, n)
    assert.is_true(rnn.recording())
  end)
end)

describe("a part of a parameter", function()
  it("is never used up, nor is what was made of it before", function()
    local x = rnn.ones(2, 3):requires_grad(true)
    local part = x:slice(1, 1, 1):squeeze(1)
    part:retain_grad()
    local before = (part * 3):sum()
    part:sum():backward()
    before:backward()
    part:sum():backward()
    assert.same({ { 5, 5, 5 }, { 0, 0, 0 } }, x.grad:totable())
    assert.same({ 5, 5, 5 }, part.grad:totable())
  end)
end)

describe("rnn.gradcheck", function()
  it("finds a wrong sign, a missing term, a gradient that does not flow, and says where", function()
    local x = rnn.tensor { { 0.3, -0.8 }, { 0.5, 0.1 } }
    local function wrong(f, ...) return message_of(rnn.gradcheck, f, ...) end
    wrong(function(t) return -t + t:detach() * 2 end, x)
    wrong(function(t) return t:square() + t:detach() end, x)
    wrong(function(t) return t:detach() end, x)
    local w = leaf(2)
    local mask = rnn.tensor { { 0, 0 }, { 1, 0 } }
    local message = wrong(function(a, b)
      return a:sum() + (b * b:detach() * mask + b * (1 - mask)):sum()
    end, { x, x + 1 })
    assert.matches("^[^ ]*autograd_spec.lua:%d+: gradcheck: 1 of 8 elements are wrong; the worst: input 2, "
      .. "element %(2, 1%): backward 1.5%d*, differences 3", message)
    assert.matches("input weight, element %(%)", wrong(function()
      return w * w:detach()
    end, { weight = w }))
    assert.matches("f to return float tensors", wrong(function() return 3 end, x))
    assert.is_false(x:requires_grad())
  end)

  it("takes several inputs and results, parameters, lengths, random numbers", function()
    local w, ids = leaf { 0.5, 2 }, rnn.tensor({ 1, 2, 2 }, "int32")
    assert.is_true(rnn.gradcheck(function(a, i, k)
      return a * w:detach(), { w[i], k * a:sum() }
    end, { rnn.randn(2), ids, 3 }))
    assert.is_true(rnn.gradcheck(function() return w:exp() * w:rows(1, 1) end, { w = w }))
    assert.same({ 0.5, 2 }, values(w))
    assert.is_nil(w.grad)
    rnn.seed(4)
    assert.is_true(rnn.gradcheck(function(t) return rnn.dropout(t, 0.5) end, rnn.randn(3, 4)))
    local gru = nn.GRU(2, 3)
    assert.is_true(rnn.gradcheck(gru, rnn.randn(2, 3, 2):with_lengths { 3, 0 }, { atol = double and 1e-7 or 0.03 }))
    assert.is_true(rnn.gradcheck(function(t) return t:sum() end, rnn.zeros(0, 3)))
    assert.is_true(rnn.gradcheck(function(t) return t end, rnn.tensor(3)))
    assert.is_true(rnn.gradcheck(function(t) return t * 2 end, rnn.randn(3, 2):transpose(1, 2)))
  end)

  it("puts everything back, whatever f does", function()
    local w, calls = leaf { 0.5, 2 }, 0
    local function f()
      calls = calls + 1
      if calls == 4 then error("four") end
      return w * w
    end
    assert.matches("four", message_of(rnn.gradcheck, f, w))
    assert.same({ 0.5, 2 }, values(w))
    calls = 0
    local _, _, message = coroutine.resume(coroutine.create(function()
      return pcall(rnn.gradcheck, function()
        calls = calls + 1
        if calls == 3 then coroutine.yield() end
        return w * w
      end, w)
    end))
    assert.matches("cannot yield", message)
    assert.same({ 0.5, 2 }, values(w))
    assert.matches("under no_grad", message_of(rnn.no_grad, rnn.gradcheck, f, w))
    local n = 0
    assert.matches("and then", message_of(rnn.gradcheck, function() n = n + 1 return w * n end, w))
    for _, options in ipairs { { eps = 0 }, { eps = 1 / 0 }, { atol = -1 }, { rtol = "x" }, { tolerance = 1 } } do
      assert.matches("^[^ ]*autograd_spec.lua:%d+: gradcheck: ", message_of(rnn.gradcheck, f, w, options))
    end
  end)
end)

describe("rnn.hvp", function()
  local tolerance = double and 1e-8 or 2e-2

  it("is the Hessian's product with a vector", function()
    local a = rnn.tensor { { 2, -1, 0.5 }, { -1, 3, 1 }, { 0.5, 1, -4 } }
    local v = rnn.tensor { 1, -2, 0.5 }
    local function quadratic(x) return 0.5 * (x * a:matmul(x:reshape(3, 1)):reshape(3)):sum() end
    local x = rnn.tensor { 3, 4, 5 }
    near({ 4.25, -6.5, -3.5 }, rnn.hvp(quadratic, x, v), tolerance)
    near({ 4250, -6500, -3500 }, rnn.hvp(quadratic, x, v * 1000), tolerance * 1000)
    near({ 0, 0, 0 }, rnn.hvp(quadratic, x, v * 0), 0)
    assert.same({ 3, 4, 5 }, values(x))
  end)

  it("goes over several inputs and parameters, without touching gradients", function()
    local w, x = leaf { 0.5, 2 }, rnn.tensor { 3, 1 }
    w:sum():backward()
    local v = { rnn.tensor { 1, 0 }, rnn.tensor { 1, 1 } }
    local both = rnn.hvp(function(a, b) return (a * a * b):sum() end, { w, x }, v)
    near({ 2 * 3 + 2 * 0.5, 2 * 2 }, both[1], tolerance)
    near({ 2 * 0.5, 0 }, both[2], tolerance)
    near({ 12 * 0.25, 12 * 4 }, rnn.hvp(function() return (w ^ 4):sum() end, w, rnn.ones(2)), 10 * tolerance)
    assert.same({ { 1, 1 }, { 0.5, 2 } }, { values(w.grad), values(w) })
    local zero = rnn.hvp(function(a) return a:sum() end, { w, leaf(3) }, { rnn.ones(2), rnn.tensor(1) })
    near({ 0, 0 }, zero[1], tolerance)
    near(0, zero[2], 0)
  end)

  it("says what does not fit", function()
    local w = leaf { 1, 2 }
    local function f(t) return t:square():sum() end
    for pattern, arguments in pairs {
      ["vector 1: expected a float tensor %(2%), got tensor %(3%)"] = { f, w, rnn.ones(3) },
      ["argument 3 %(v%): expected a tensor, got table"] = { f, w, {} },
      ["argument 3 %(v%): expected a table of tensors, got tensor"] = { f, { w }, w },
      ["argument 1 %(f%): expected a function"] = { 3, w, w },
      ["no float tensor among the inputs"] = { f, { 3 }, {} },
      ["expected a loss of one element"] = { function(t) return t * 2 end, w, w },
    } do
      assert.matches(pattern, message_of(rnn.hvp, table.unpack(arguments)))
      assert.same({ 1, 2 }, values(w))
    end
  end)
end)
