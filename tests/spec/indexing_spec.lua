-- Parts of tensors: places from the end, x[{ ... }] for reading and writing, with gradients on both sides.
local rnn = require "rnn"
local core = require "rnn.core"

local function values(t) return t:totable() end
local function ints(t) return rnn.tensor(t, "int32") end
local function leaf(t) return rnn.tensor(t):requires_grad(true) end
local function fails(pattern, f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok)
  assert.truthy(message:find(pattern, 1, true), message)
end

-- 1 to n in a shape.
local function count(...)
  local n = 1
  for _, d in ipairs { ... } do n = n * d end
  return rnn.arange(n):to_float():reshape(...)
end

describe("places from the end", function()
  local x = count(3, 4)

  it("are read", function()
    assert.same({ 9, 10, 11, 12 }, values(x[-1]))
    assert.same({ 1, 2, 3, 4 }, values(x[-3]))
    assert.equal(11, x[-1][-2])
    assert.equal(12, x:get(-1, -1))
    assert.equal(6, x:get(2, -3))
    assert.same({ 4, 8, 12 }, values(x:select(-1, -1)))
    assert.same({ { 5, 6, 7, 8 }, { 9, 10, 11, 12 } }, values(x:rows(-2, -1)))
    assert.same({ { 2, 3 }, { 6, 7 }, { 10, 11 } }, values(x:slice(2, -3, -2)))
    assert.same({ 5, 6, 7, 8 }, values(x[4 / 2])) -- a float that is whole
  end)

  it("are written", function()
    local y = x:copy()
    y[-1] = 0
    y:set(-3, -1, -5)
    y[1][-2] = 7
    assert.same({ { 1, 2, 7, -5 }, { 5, 6, 7, 8 }, { 0, 0, 0, 0 } }, values(y))
    local i = ints { 1, 2, 3 }
    i[-1] = 9
    i:set(-3, 8)
    assert.same({ 8, 2, 9 }, values(i))
  end)

  it("outside the axis are errors with the number that was given", function()
    fails("index -4 is not within 1 to 3", function() return x[-4] end)
    fails("index 0 is not within 1 to 3", function() return x[0] end)
    fails("get: index -5 of axis 2 is not within 1 to 4", x.get, x, 1, -5)
    fails("select: -4 is not within 1 to 3", x.select, x, 1, -4)
    fails("slice: -5 to 2 is not within 1 to 4", x.slice, x, 2, -5, 2)
    fails("rows: -4 to 1 is not within 1 to 3", x.rows, x, -4, 1)
    fails("index -4 is not within 1 to 3", function() x[-4] = 1 end)
    fails("index -1 is not within 1 to 0", function() return rnn.zeros(0)[-1] end)
    fails("index " .. math.mininteger, function() return x[math.mininteger] end)
  end)
end)

describe("slice", function()
  local x = count(6)

  it("takes every step-th place, forwards and backwards", function()
    assert.same({ 1, 3, 5 }, values(x:slice(1, 1, 6, 2)))
    assert.same({ 2, 4, 6 }, values(x:slice(1, 2, -1, 2)))
    assert.same({ 6, 5, 4, 3, 2, 1 }, values(x:slice(1, -1, 1, -1)))
    assert.same({ 5, 2 }, values(x:slice(1, 5, 2, -3)))
    assert.same({ 4 }, values(x:slice(1, 4, 6, 100)))
    assert.same({ 4 }, values(x:slice(1, 4, 1, math.mininteger)))
    assert.same({}, values(x:slice(1, 3, 2)))
    assert.same({}, values(x:slice(1, 7, 6, 3)))
    assert.same({}, values(x:slice(1, 2, 3, -1)))
    assert.same({}, values(rnn.zeros(0):slice(1, 1, -1)))
    assert.same({ { 2 }, { 4 } }, values(count(2, 2):slice(2, -1, 1, -2)))
    assert.same({ 3, 1 }, values(ints { 1, 2, 3 }:slice(1, 3, 1, -2)))
  end)

  it("refuses what leads nowhere", function()
    fails("slice: a step of 0", x.slice, x, 1, 1, 6, 0)
    fails("slice: 1 to 7", x.slice, x, 1, 1, 7, 2)
    fails("slice: 6 to 1 is not", x.slice, x, 1, 6, 1)
    fails("slice: 1 to 6 backwards", x.slice, x, 1, 1, 6, -1)
  end)

  it("with a step is a view, of views too, to read, to write and for gradients", function()
    local y = count(4, 4)
    local part = y:slice(1, 4, 1, -2):transpose(1, 2):slice(1, -1, 1, -3)
    assert.same({ { 16, 8 }, { 13, 5 } }, values(part))
    part[1] = 0
    part:set(2, -1, -1)
    assert.same({ { 1, 2, 3, 4 }, { -1, 6, 7, 0 }, { 9, 10, 11, 12 }, { 13, 14, 15, 0 } }, values(y))
    local w = leaf { 1, 2, 3, 4, 5 };
    (w:slice(1, 5, 1, -2) * rnn.tensor { 10, 20, 30 }):sum():backward()
    assert.same({ 30, 0, 20, 0, 10 }, values(w.grad))
    assert.same({ { 6, 5 }, { 4, 3 }, { 2, 1 } }, values(x:slice(1, -1, 1, -1):reshape(3, 2)))
  end)

  it("takes the lengths of sequences along", function()
    local batch = rnn.zeros(3, 2, 1):with_lengths { 0, 1, 2 }
    assert.same({ 2, 0 }, values(batch:slice(1, 3, 1, -2):lengths()))
    fails("would lose the lengths", batch.slice, batch, 2, 2, 1, -1)
  end)
end)

describe("x[{ ... }]", function()
  local x = count(2, 3, 4)

  it("gives a view of what the entries say", function()
    assert.same(values(x[2]), values(x[{ 2 }]))
    assert.same({ { 1, 5, 9 }, { 13, 17, 21 } }, values(x[{ {}, {}, 1 }]))
    assert.same({ { 4, 12 }, { 16, 24 } }, values(x[{ {}, { 1, 3, 2 }, -1 }]))
    assert.same({ { 24, 23 }, { 12, 11 } }, values(x[{ { 2, 1, -1 }, 3, { -1, 3, -1 } }]))
    assert.same({ 2, 1, 2 }, { x[{ {}, { 2, 2 }, { -2, -1 } }]:shape() })
    assert.same({ 2, 0, 4 }, { x[{ {}, { 2, 1 } }]:shape() })
    assert.same(values(x), values(x[{}]))
    assert.same({ 0, 2 }, { rnn.zeros(0, 3)[{ {}, { 2, 3 } }]:shape() })
    local y = x:copy()
    y[{ {}, 1, { 2, 3 } }]:fill_(0)
    assert.same({ 1, 0, 0, 4 }, values(y[2][1] - 12 * y[2][1]:gt(0)))
  end)

  it("of places only is the element, as x[i] of one axis", function()
    assert.equal(24, x[{ -1, -1, -1 }])
    assert.equal(7, x[{ 1, 2, 3 }])
    assert.equal(2, ints { 1, 2 }[{ 2 }])
    assert.equal("integer", math.type(ints { 1, 2 }[{ 2 }]))
    assert.equal(3, x:transpose(1, 3)[{ 3, 1, 1 }])
  end)

  it("takes ids or a mask for an entry, and copies", function()
    assert.same({ { 4, 1, 1 }, { 16, 13, 13 } }, values(x[{ {}, 1, ints { 4, 1, 1 } }]))
    assert.same({ { 5, 9 }, { 17, 21 } }, values(x[{ {}, rnn.tensor { 0, 1, 1 }, 1 }]))
    assert.same({ { 1, 2 }, { 23, 24 } }, -- a mask of two axes, then a range
      values(x[{ rnn.tensor { { 1, 0, 0 }, { 0, 0, 1 } }, { 1, 4 } }]:slice(2, 1, 2)
        * rnn.tensor { { 1, 1 }, { 0, 0 } } + rnn.tensor { { 0, 0 }, { 23, 24 } }))
    assert.same({ { 21, 22, 23, 24 } }, values(x[{ rnn.tensor { { 0, 0, 0 }, { 0, 0, 1 } } }]))
    assert.same({ { 1, 12 }, { 13, 24 } },
      values(x[{ {}, rnn.tensor { { 1, 0, 0, 0 }, { 0, 0, 0, 0 }, { 0, 0, 0, 1 } } }]))
    assert.same({ 2, 0, 4 }, { x[{ {}, rnn.zeros(3) }]:shape() })
    fails("a write into this", function() x[{ {}, ints { 1 } }]:fill_(0) end)
  end)

  it("writes numbers and tensors, broadcast", function()
    local y = rnn.zeros(3, 4)
    y[{ {}, -1 }] = 1
    y[{ { 1, 3, 2 }, { 1, 2 } }] = rnn.tensor { 5, 6 }
    y[{ 2, 3 }] = 9
    y[{ { -1, -1 } }] = y[{ { 1, 1 } }] * 10
    assert.same({ { 5, 6, 0, 1 }, { 0, 0, 9, 1 }, { 50, 60, 0, 10 } }, values(y))
    y[{ { 3, 1, -2 }, {} }] = rnn.tensor { { 1, 2, 3, 4 }, { 5, 6, 7, 8 } }
    assert.same({ { 5, 6, 7, 8 }, { 0, 0, 9, 1 }, { 1, 2, 3, 4 } }, values(y))
    y[{}] = 2
    assert.same({ { 2, 2, 2, 2 }, { 2, 2, 2, 2 }, { 2, 2, 2, 2 } }, values(y))
    local i = rnn.zeros { 2, 2, type = "int32" }
    i[{ {}, 2 }] = 7
    assert.same({ { 0, 7 }, { 0, 7 } }, values(i))
    local empty = rnn.zeros(2, 0)
    empty[{ {}, {} }] = 3
    local z = rnn.ones(2, 2)
    z[{ {}, { 2, 1 } }] = 3 -- nothing
    assert.same({ { 1, 1 }, { 1, 1 } }, values(z))
  end)

  it("writes through ids and masks of any axis", function()
    local y = rnn.zeros(2, 4)
    y[{ {}, ints { 4, 1 } }] = rnn.tensor { { 1, 2 }, { 3, 4 } }
    assert.same({ { 2, 0, 0, 1 }, { 4, 0, 0, 3 } }, values(y))
    y[{ {}, rnn.tensor { 0, 1, 1, 0 } }] = rnn.tensor { 8, 9 }
    assert.same({ { 2, 8, 9, 1 }, { 4, 8, 9, 3 } }, values(y))
    y[{ 2, ints { 1, 1 } }] = rnn.tensor { 5, 6 } -- the last counts
    y[{ { 1, 1 }, rnn.tensor { 1, 0, 0, 1 } }] = 0
    assert.same({ { 0, 8, 9, 0 }, { 6, 8, 9, 3 } }, values(y))
    local z = rnn.zeros(2, 2, 3)
    z[{ {}, ints { 2 } }] = rnn.tensor { { { 1, 2, 3 } }, { { 4, 5, 6 } } }
    assert.same({ { { 0, 0, 0 }, { 1, 2, 3 } }, { { 0, 0, 0 }, { 4, 5, 6 } } }, values(z))
    z[{ {}, rnn.tensor { { 1, 0, 0 }, { 0, 0, 1 } } }] = rnn.tensor { 7, 8 } -- two axes at once
    assert.same({ { { 7, 0, 0 }, { 1, 2, 8 } }, { { 7, 0, 0 }, { 4, 5, 8 } } }, values(z))
    fails("index_put: expected values (2, 2)", function() y[{ {}, ints { 4, 1 } }] = rnn.zeros(3) end)
    fails("id 5 at place 1", function() y[{ {}, ints { 5 } }] = 1 end)
  end)

  it("hands gradients to what is read", function()
    local w = leaf { { 1, 2, 3 }, { 4, 5, 6 } }
    local y = w[{ {}, { 3, 1, -2 } }] * rnn.tensor { { 1, 2 }, { 3, 4 } }
    y:sum():backward()
    assert.same({ { 2, 0, 1 }, { 4, 0, 3 } }, values(w.grad))
    w:zero_grad();
    (w[{ 2, ints { 1, 3, 1 } }] * rnn.tensor { 1, 10, 100 }):sum():backward()
    assert.same({ { 0, 0, 0 }, { 101, 0, 10 } }, values(w.grad))
    w:zero_grad();
    (w[{ {}, rnn.tensor { 0, 1, 1 } }] * rnn.tensor { 2, 3 }):sum():backward()
    assert.same({ { 0, 2, 3 }, { 0, 2, 3 } }, values(w.grad))
  end)

  it("records what is written, on both sides", function()
    local w, v = leaf { { 1, 2, 3 }, { 4, 5, 6 } }, leaf { 7, 8 }
    local y = w * 1
    y[{ {}, 2 }] = v -- the second column
    y[{ 1, { 3, 3 } }] = 0;
    (y * rnn.tensor { { 1, 2, 3 }, { 4, 5, 6 } }):sum():backward()
    assert.same({ { 1, 0, 0 }, { 4, 0, 6 } }, values(w.grad))
    assert.same({ 2, 5 }, values(v.grad))
  end)

  it("records what is written through ids of a part: the rest of the part keeps its history", function()
    local w, v = leaf { { 1, 2, 3 }, { 4, 5, 6 } }, leaf { 7, 8 }
    local y = w * 1
    y[{ { 2, 2 }, ints { 3, 1 } }] = v;
    (y * rnn.tensor { { 1, 2, 3 }, { 4, 5, 6 } }):sum():backward()
    assert.same({ { 1, 2, 3 }, { 0, 5, 0 } }, values(w.grad))
    assert.same({ 6, 4 }, values(v.grad))
    w, v = leaf { { 1, 2, 3 }, { 4, 5, 6 } }, leaf { 9 }
    y = w * 1
    y[{ {}, rnn.tensor { 0, 0, 1 } }] = v * 2;
    (y * rnn.tensor { { 1, 2, 3 }, { 4, 5, 6 } }):sum():backward()
    assert.same({ { 1, 2, 0 }, { 4, 5, 0 } }, values(w.grad))
    assert.same({ 18 }, values(v.grad))
  end)

  it("writes into a view of a view, whose base has a history", function()
    local w = leaf { 1, 2, 3, 4 }
    local y = w * 1
    local grid = y:reshape(2, 2)
    grid[{ {}, { 2, 1, -1 } }][{ 1, 1 }] = 10
    assert.same({ 1, 10, 3, 4 }, values(y));
    (grid * rnn.tensor { { 1, 2 }, { 3, 4 } }):sum():backward()
    assert.same({ 1, 0, 3, 4 }, values(w.grad))
  end)

  it("writes numbers into parameters, and no history", function()
    local w = leaf { { 1, 2 }, { 3, 4 } }
    w[{ {}, 1 }] = 0
    w[{ {}, ints { 2 } }] = 9
    assert.same({ { 0, 9 }, { 0, 9 } }, values(w))
    fails("cannot be written into a parameter", function() w[{ {}, 1 }] = leaf { 1, 2 } * 2 end)
    assert.is_true(core.recording(true))
  end)

  it("has \"...\" for the axes without an entry, none too, and \"newaxis\" for one more", function()
    assert.same(values(x[{ {}, {}, 2 }]), values(x[{ "...", 2 }]))
    assert.same(values(x[{ 2, {}, 3 }]), values(x[{ 2, "...", 3 }]))
    assert.same(values(x[2]), values(x[{ 2, "..." }]))
    assert.same(values(x[{ 2, 3, { 1, 2 } }]), values(x[{ 2, 3, "...", { 1, 2 } }]))
    assert.equal(24, x[{ 2, "...", 3, 4 }])
    assert.equal(24, x[{ -1, -1, -1, "..." }])
    assert.same(values(x), values(x[{ "..." }]))
    assert.same({ 2, 3, 2 }, { x[{ "...", ints { 4, 1 } }]:shape() })
    assert.same({ 2, 2 }, { x[{ "...", rnn.tensor { { 1, 0, 0, 0 }, { 0, 0, 0, 0 }, { 0, 0, 0, 1 } } }]:shape() })
    assert.same({ 2, 1, 3, 4, 1 }, { x[{ {}, "newaxis", "...", "newaxis" }]:shape() })
    assert.same({ { { 5 }, { 17 } } }, values(x[{ "newaxis", {}, 2, "newaxis", 1 }]))
    assert.same({ { 3 } }, values(rnn.tensor(3)[{ "newaxis", "newaxis" }]))
    assert.same({ 1, 1 }, { rnn.zeros(1, 1, 1, 1, 1, 1)[{ 1, "newaxis", 1, 1, 1, 1 }]:shape() }) -- room for it in time
    local y = rnn.zeros(2, 3)
    y[{ "...", -1 }] = 5
    y[{ 1, "newaxis", { 1, 2 } }] = rnn.tensor { { 7, 8 } }
    assert.same({ { 7, 8, 5 }, { 0, 0, 5 } }, values(y))
    y[{ {}, "newaxis" }][{ 2, 1 }] = 9 -- a view
    assert.same({ 9, 9, 9 }, values(y[2]))
    local batch = rnn.zeros(2, 3, 1):with_lengths { 3, 1 }
    assert.same({ 3, 1 }, values(batch[{ "...", "newaxis" }]:lengths()))
    fails("would lose the lengths", function() return batch[{ "newaxis" }] end)
    local w = leaf { 1, 2 };
    (w[{ {}, "newaxis" }] * rnn.tensor { { 1, 2 }, { 3, 4 } }):sum():backward()
    assert.same({ 3, 7 }, values(w.grad))
  end)

  it("takes several ids, one place for each of their elements, as NumPy does", function()
    local m = count(3, 4)
    assert.same({ 3, 5, 12 }, values(m[{ rnn.arange(3), ints { 3, 1, 4 } }]))
    assert.same({ { 2, 1 }, { 10, 9 } }, values(m[{ ints { { 1 }, { 3 } }, ints { 2, 1 } }])) -- broadcast
    assert.same({ { 5, 6, 7, 8 }, { 17, 18, 19, 20 } }, values(x[{ ints { 1, 2 }, ints { 2, 2 } }]))
    assert.same({ { 1, 12 }, { 13, 24 } }, values(x[{ {}, ints { 1, 3 }, ints { 1, 4 } }]))
    assert.same({ { 1, 5, 9 }, { 16, 20, 24 } }, values(x[{ ints { 1, 2 }, {}, ints { 1, 4 } }])) -- apart: first
    assert.same({ 2, 2, 1, 3 }, { x[{ ints { { 1, 2 }, { 2, 1 } }, "newaxis", {}, ints { 1, 4 } }]:shape() })
    assert.same({ 4, 24 }, values(x[{ ints { 1, 2 }, ints { 1, 3 }, ints { 4, 4 } }]))
    assert.same({ 9, 12 }, values(x[{ 1, ints { 3, 3 }, ints { 1, 4 } }]))
    assert.same({ 21, 22 }, values(x[{ rnn.tensor { 0, 1 }, ints { 3, 3 }, ints { 1, 2 } }])) -- a mask of one axis
    assert.same({ { 2, 4 }, { 2, 3 } }, { { m[ints { { 1, 2 }, { 3, 1 } }]:slice(3, 1, 4):select(1, 1):shape() },
      { m[ints { 1, 3 }][{ {}, { 1, 3 } }]:shape() } })
    assert.same({ { { 1, 2, 3, 4 } }, { { 9, 10, 11, 12 } } }, values(m[ints { { 1 }, { 3 } }])) -- ids of two axes
    assert.same({ 9, 10, 11, 12 }, values(m[rnn.tensor(3, "int32")])) -- of none
    assert.same({ 0, 4 }, { m[rnn.zeros { 0, type = "int32" }]:shape() })
    assert.same({ 0 }, { m[{ rnn.zeros { 0, type = "int32" }, rnn.zeros { 0, type = "int32" } }]:shape() })
    local t = m:transpose(1, 2) -- does not lie in rows
    assert.same({ 9, 6 }, values(t[{ ints { 1, 2 }, ints { 3, 2 } }]))
    assert.equal("int32", m:to_int()[{ ints { 1 }, ints { 1 } }]:type())
    fails("a write into this", function() m[{ ints { 1 }, ints { 1 } }]:fill_(0) end)
  end)

  it("writes through several ids, into views too, with gradients on both sides", function()
    local y = rnn.zeros(3, 4)
    y[{ rnn.arange(3), ints { 3, 1, 4 } }] = rnn.tensor { 1, 2, 3 }
    y[{ ints { { 1 }, { 3 } }, ints { 1, 2 } }] = rnn.tensor { { 5, 6 }, { 7, 8 } }
    assert.same({ { 5, 6, 1, 0 }, { 2, 0, 0, 0 }, { 7, 8, 0, 3 } }, values(y))
    y:transpose(1, 2)[{ ints { 4, 4 }, ints { 1, 1 } }] = rnn.tensor { 8, 9 } -- a view; the last counts
    y[{ { 2, 3 } }][{ ints { 1 }, ints { 2 } }] = -1
    assert.same({ { 5, 6, 1, 9 }, { 2, -1, 0, 0 }, { 7, 8, 0, 3 } }, values(y))
    local z = rnn.zeros(2, 3, 4)
    z[{ ints { 1, 2 }, {}, ints { 1, 4 } }] = rnn.tensor { { 1, 2, 3 }, { 4, 5, 6 } }
    z[{ {}, ints { 3, 1 }, ints { 2, 2 } }] = rnn.tensor { 7, 8 }
    assert.same({ { { 1, 8, 0, 0 }, { 2, 0, 0, 0 }, { 3, 7, 0, 0 } },
      { { 0, 8, 0, 4 }, { 0, 0, 0, 5 }, { 0, 7, 0, 6 } } }, values(z))
    z[ints { { 2 }, { 2 } }] = rnn.zeros(2, 1, 3, 4) + 3
    assert.same({ 3, 3, 3, 3 }, values(z[{ 2, 1 }]))
    local w, v = leaf { { 1, 2, 3 }, { 4, 5, 6 } }, leaf { 7, 8 }
    local h = w * 1
    h[{ ints { 1, 2 }, ints { 3, 1 } }] = v;
    (h * rnn.tensor { { 1, 2, 3 }, { 4, 5, 6 } }):sum():backward()
    assert.same({ { 1, 2, 0 }, { 0, 5, 6 } }, values(w.grad))
    assert.same({ 3, 4 }, values(v.grad))
    w:zero_grad();
    (w[{ ints { 1, 2, 1 }, ints { 3, 1, 3 } }] * rnn.tensor { 1, 10, 100 }):sum():backward()
    assert.same({ { 0, 0, 101 }, { 10, 0, 0 } }, values(w.grad))
    local batch = count(2, 3, 1):with_lengths { 3, 1 }
    assert.same({ { 3 }, { 4 } }, values(batch[{ rnn.arange(2), batch:lengths() }])) -- the last steps
    assert.same({ 3, 1 }, values(count(2, 3, 2, 2):with_lengths { 3, 1 }[{ {}, {}, ints { 1 }, ints { 2 } }]:lengths()))
    fails("lengths", function() return batch[{ {}, ints { 1 }, ints { 1 } }] end)
  end)

  it("of a batch with lengths keeps, drops and refuses as x[i] and slice do", function()
    local batch = count(2, 3, 2):with_lengths { 3, 1 }
    assert.same({ 1 }, values(batch[{ { 2, 2 } }]:lengths()))
    assert.same({ 3, 1 }, values(batch[{ {}, {}, { 2, 2 } }]:lengths()))
    assert.is_nil(batch[{ 2 }]:lengths())
    assert.same({ 8, 10 }, values(batch[{ 2, { 1, 2 }, 2 }]))
    assert.equal(12, batch[{ 2, 3, 2 }]) -- padding as well
    fails("would lose the lengths", function() return batch[{ {}, 1 }] end)
    batch[{ {}, 3 }] = 0
    assert.same({ { 5, 6 }, { 0, 0 } }, { values(batch:without_lengths()[{ 1, 3 }] + rnn.tensor { 5, 6 }),
      values(batch:without_lengths()[{ 2, 3 }]) })
    assert.same({ 3, 1 }, values(batch:lengths()))
  end)

  it("says what is wrong with an entry", function()
    local function read(entries) return x[entries] end
    fails("index: more entries than the 3 axes of (2, 3, 4)", read, { 1, 1, 1, 1 })
    fails("index: 3 is not within 1 to 2, axis 1 of (2, 3, 4)", read, { 3 })
    fails("index: -5 is not within 1 to 4, axis 3", read, { {}, {}, -5 })
    fails("index: entry 2: expected an integer, {}, { from, to [, step] }, int32 ids, a mask, \"...\" or \"newaxis\", "
      .. "got table", read, { 1, { 2 } })
    fails("entry 1: expected", read, { 1.5 })
    fails("entry 1: expected", read, { { 1, "x" } })
    fails("entry 1: expected", read, { { from = 1 } })
    fails("entry 1: expected", read, { { 1, 2, 3, 4 } })
    fails("entry 1: expected", read, { "all" })
    fails("slice: 1 to 4 is not within 1 to 3, axis 2", read, { {}, { 1, 4 } })
    local rows = rnn.tensor({ 1 }, "int32")
    for _, step in ipairs { 1, -1 } do -- places count from 1 in whatever stands beside them
      fails("slice: 0 to 2", read, { { 0, 2, step } })
      fails("slice: 0 to -1", read, { { 0, -1, step } })
      fails("slice: 0 to 2", read, { { 0, 2, step }, rows })
      fails("slice: 0 to 2", read, { rows, { 0, 2, step } })
      fails("slice: 0 to 2", function() rnn.zeros(2, 3)[{ { 0, 2, step } }] = 1 end)
    end
    fails("slice: a step of 0", read, { { 1, 2, 0 } })
    fails("slice: a step of 0", read, { 1, { 1, 2, 0 } })
    fails("slice: a step of 0", function() rnn.zeros(2, 3)[{ {}, { 1, 2, 0 } }] = 1 end)
    fails("; backwards takes a step of -1", read, { {}, { 3, 1 } })
    fails('entry 3: "..." twice', read, { "...", 1, "..." })
    fails("index: more entries than the 3 axes of (2, 3, 4)", read, { "...", 1, 1, 1, 1 })
    fails("unsqueeze: a new axis", read, { "newaxis", "newaxis", "newaxis", "newaxis" })
    fails("index: id 3 at place 2 is not within 1 to 2, axis 1 of (2, 3, 4)", read, { ints { 1, 3 }, ints { 1, 1 } })
    fails("index: id 0 at place 1 is not within 1 to 3, axis 2", read, { ints { 1 }, ints { 0 } })
    fails("index: shapes (2,) and (3,) do not fit together", read, { ints { 1, 2 }, ints { 1, 2, 3 } })
    fails("beside other entries that choose; mask:nonzero()", read, { rnn.ones(2, 3), ints { 1 } })
    fails("does not have the first axes of", read, { rnn.ones(3), ints { 1 } })
    fails("index_put: expected values (2, 1, 4), or", function()
      x[{ ints { { 1 }, { 2 } }, ints { { 1 }, { 1 } } }] = x[1]
    end)
    fails("with lengths, behind which there are none", read, { rnn.ones { 1, 2, type = "int32" }:with_lengths { 1 } })
    fails("a mask holds 0 and 1, but element 2 is 0.5", read, { {}, rnn.tensor { 1, 0.5, 0 } })
    fails("does not have the axes of (2, 3, 4) from axis 2 on", read, { {}, rnn.tensor { 1, 0 } })
    fails("does not have the axes of (2, 2) from axis 2 on", function() rnn.ones(2, 2)[{ {}, rnn.ones(2, 2) }] = 1 end)
    fails("index: more entries", function() rnn.tensor(1)[{ 1 }] = 2 end)
    fails("assign: expected (2, 4)", function() x[{ {}, 1 }] = rnn.zeros(3) end)
  end)
end)

describe("axes", function()
  it("of size 1 come and go", function()
    local x = count(2, 3)
    assert.same({ 1, 2, 3 }, { x:unsqueeze(1):shape() })
    assert.same({ 2, 1, 3 }, { x:unsqueeze(2):shape() })
    assert.same({ 2, 3, 1 }, { x:unsqueeze(-1):shape() })
    assert.same({ 2, 1, 3 }, { x:unsqueeze(-2):shape() })
    assert.same({ 1 }, { rnn.tensor(3):unsqueeze(1):shape() })
    assert.same({ 2, 3 }, { x:reshape(1, 2, 1, 3, 1):squeeze():shape() })
    assert.same({ 1, 2, 3, 1 }, { x:reshape(1, 2, 1, 3, 1):squeeze(3):shape() })
    assert.same({ 1, 2, 1, 3 }, { x:reshape(1, 2, 1, 3, 1):squeeze(-1):shape() })
    assert.same({ 0 }, { rnn.zeros(1, 0):squeeze():shape() })
    assert.equal(5, rnn.tensor { { 5 } }:squeeze():item())
    assert.same({ { 1 }, { 2 } }, values(ints { 1, 2 }:unsqueeze(2)))
    fails("squeeze: axis 2 of (2, 3) has size 3, not 1", x.squeeze, x, 2)
    fails("unsqueeze: a new axis 4 does not fit into (2, 3)", x.unsqueeze, x, 4)
    fails("unsqueeze: a new axis 0", x.unsqueeze, x, 0)
    fails("unsqueeze: a new axis 1", x.unsqueeze, rnn.zeros(1, 1, 1, 1, 1, 1), 1)
    x:unsqueeze(2)[{ 1, 1, 1 }] = 10
    x:transpose(1, 2):unsqueeze(1):squeeze(1)[3] = 0
    assert.same({ { 10, 2, 0 }, { 4, 5, 0 } }, values(x))
  end)

  it("come in any order", function()
    local x = count(2, 3, 4)
    local y = x:permute(3, 1, 2)
    assert.same({ 4, 2, 3 }, { y:shape() })
    assert.equal(x:get(2, 3, 4), y:get(4, 2, 3))
    assert.same(values(y), values(x:permute { 3, 1, 2 }))
    assert.same(values(x), values(y:permute(2, -1, 1)))
    assert.same(values(x:transpose(1, 3)), values(rnn.permute(x, { -1, 2, 1 })))
    assert.equal(7, rnn.tensor(7):permute():item())
    assert.same({ { 1, 3 }, { 2, 4 } }, values(ints { { 1, 2 }, { 3, 4 } }:permute(2, 1)))
    y:fill_(0)
    assert.equal(0, x:sum():item())
    fails("permute: expected each of the 3 axes of (2, 3, 4) once", x.permute, x, 1, 2)
    fails("permute: axis 2 twice", x.permute, x, 1, 2, 2)
    fails("permute: argument 4 (axis): expected 1 to 3 or -1 to -3, got 4", x.permute, x, 1, 2, 4)
    fails("expected an integer, got string", x.permute, x, { 1, 2, "x" })
    local batch = rnn.zeros(2, 3, 4, 5):with_lengths { 1, 2 }
    assert.same({ 1, 2 }, values(batch:permute(1, 2, 4, 3):lengths()))
    fails("would lose the lengths", batch.permute, batch, 2, 1, 3, 4)
    assert.same({ 1, 2 }, values(batch:unsqueeze(-1):lengths()))
    fails("would lose the lengths", batch.unsqueeze, batch, 2)
    fails("would lose the lengths", rnn.squeeze, rnn.zeros(1, 2, 1):with_lengths { 1 })
  end)

  it("are repeated by broadcast_to, int32 and kept sizes too", function()
    assert.same({ { 1, 1 }, { 2, 2 } }, values(ints { { 1 }, { 2 } }:broadcast_to(2, 2)))
    assert.same({ 5, 2, 3 }, { rnn.ones(2, 1):broadcast_to(5, -1, 3):shape() })
    fails("broadcast_to: (2,) cannot become (-1, 2)", rnn.broadcast_to, rnn.ones(2), -1, 2)
    fails("broadcast_to: (2,) cannot become (3,)", rnn.broadcast_to, rnn.ones(2), 3)
  end)
end)

describe("an id for each element:", function()
  local x = count(2, 3)

  it("take_along_axis", function()
    assert.same({ { 3, 1 }, { 5, 5 } }, values(x:take_along_axis(ints { { 3, 1 }, { 2, 2 } }, 2)))
    assert.same({ { 4, 2, 6 } }, values(x:take_along_axis(ints { { 2, 1, 2 } }, 1)))
    assert.same({ { 2 }, { 5 } }, values(rnn.take_along_axis(x, ints { { 2 } }, -1))) -- broadcast
    assert.same({ { 3, 1 }, { 3, 1 } },
      values(rnn.tensor { { 1, 2, 3 } }:take_along_axis(ints { { 3, 1 }, { 3, 1 } }, 2)))
    assert.same({ 9, 7 }, values(ints { 7, 8, 9 }:take_along_axis(ints { 3, 1 }, 1)))
    assert.same({ 2, 0 }, { x:take_along_axis(rnn.zeros { 2, 0, type = "int32" }, 2):shape() })
    local y = rnn.tensor { { 3, 1, 2 }, { 9, 8, 7 } }
    local order = rnn.stack({ y[1]:argsort(), y[2]:argsort() }, 1)
    assert.same({ { 1, 2, 3 }, { 7, 8, 9 } }, values(y:take_along_axis(order, 2)))
    local w = leaf { { 1, 2, 3 }, { 4, 5, 6 } };
    (w:take_along_axis(ints { { 3, 3 }, { 1, 2 } }, 2) * rnn.tensor { { 1, 10 }, { 100, 1000 } }):sum():backward()
    assert.same({ { 0, 0, 11 }, { 100, 1000, 0 } }, values(w.grad))
    fails("take_along_axis: id 4 at place 2 is not within 1 to 3", x.take_along_axis, x, ints { { 1, 4 }, { 1, 1 } }, 2)
    fails("take_along_axis: id 0 at place 1", x.take_along_axis, x, ints { { 0 } }, 2)
    fails("expected 2 axes, got (1,)", x.take_along_axis, x, ints { 1 }, 2)
    fails("do not fit together", x.take_along_axis, x, ints { { 1 }, { 1 }, { 1 } }, 2)
    fails("expected an int32 tensor", x.take_along_axis, x, rnn.ones(2, 1), 2)
  end)

  it("scatter: of equal ids the last counts, for the gradient, too", function()
    assert.same({ { 10, 2, 20 }, { 4, 40, 6 } },
      values(x:scatter(2, ints { { 1, 3 }, { 2, 2 } }, rnn.tensor { { 10, 20 }, { 30, 40 } })))
    assert.same({ { 1, 0, 3 }, { 4, 5, 6 } }, values(x:scatter(-1, ints { { 2 } }, 0))) -- the first row only
    assert.same({ { 0, 1 }, { 1, 0 } }, values(rnn.zeros(2, 2):scatter(2, ints { { 2 }, { 1 } }, 1)))
    assert.same({ 5, 9 }, values(ints { 5, 6 }:scatter(1, ints { 2 }, 9)))
    assert.same({ { 7, 2, 3 }, { 8, 5, 6 } },
      values(x:scatter(2, ints { { 1 }, { 1 } }, rnn.tensor { { 7, 0 }, { 8, 0 } })))
    assert.same(values(x), values(x:scatter(2, rnn.zeros { 2, 0, type = "int32" }, 5)))
    local w, v = leaf { 1, 2, 3 }, leaf { 4, 5, 6 };
    (w:scatter(1, ints { 2, 1, 2 }, v) * rnn.tensor { 1, 10, 100 }):sum():backward()
    assert.same({ 0, 0, 100 }, values(w.grad))
    assert.same({ 0, 1, 10 }, values(v.grad))
    fails("scatter: ids (3, 1) do not fit into x (2, 3)", x.scatter, x, 2, ints { { 1 }, { 1 }, { 1 } }, 0)
    fails("values (2, 2)", x.scatter, x, 2, ints { { 1, 2, 3 } }, rnn.ones(2, 2))
    fails("expected values of the type int32", rnn.scatter, ints { 1 }, 1, ints { 1 }, rnn.ones(1))
  end)

  it("scatter_add and index_add", function()
    assert.same({ 2, 0, 3 }, values(rnn.zeros(3):scatter_add(1, ints { 1, 3, 3, 1, 3 }, 1)))
    assert.same({ { 1, 2, 33 }, { 4, 75, 6 } },
      values(x:scatter_add(2, ints { { 3, 3 }, { 2, 2 } }, rnn.tensor { { 10, 20 }, { 30, 40 } })))
    assert.same({ 3, 1 }, values(rnn.zeros { 2, type = "int32" }:scatter_add(1, ints { 1, 2, 1 }, ints { 1, 1, 2 })))
    assert.same({ { 1, 2, 3 }, { 15, 27, 39 } },
      values(x:index_add(1, ints { 2, 2 }, rnn.tensor { { 10, 20, 30 }, { 1, 2, 3 } })))
    assert.same({ { 2, 4 }, { 8, 10 } }, values(ints { { 1, 2 }, { 3, 4 } }:index_add(2, ints { 1, 2 },
      ints { { 1, 2 }, { 5, 6 } })))
    local w, v = leaf { 1, 2 }, leaf { 3, 4, 5 };
    (w:scatter_add(1, ints { 2, 2, 1 }, v) * rnn.tensor { 1, 10 }):sum():backward()
    assert.same({ 1, 10 }, values(w.grad))
    assert.same({ 10, 10, 1 }, values(v.grad))
    local most = ints { 2147483647 }
    fails("scatter_add: the sum of the id at place 2 is beyond int32", most.scatter_add, most, 1, ints { 1, 1 },
      ints { 0, 1 })
    fails("index_add: the sum in element 1 is beyond int32", most.index_add, most, 1, ints { 1 }, ints { 1 })
    fails("index_add: expected values (2, 3)", x.index_add, x, 1, ints { 1, 2 }, rnn.ones(2, 2))
    fails("id 3 at place 1", x.index_add, x, 1, ints { 3 }, rnn.ones(1, 3))
  end)

  it("keep lengths along features, where padded ids may be anything", function()
    local batch = count(2, 2, 3):with_lengths { 2, 1 }
    local which = ints { { { 3 }, { 1 } }, { { 2 }, { 77 } } }:with_lengths { 2, 1 }
    local y = batch:take_along_axis(which, 3)
    assert.same({ 2, 1 }, values(y:lengths()))
    assert.same({ { { 3 }, { 4 } }, { { 8 }, { 0 } } }, values(y))
    assert.same({ { { 0, 0, 1 }, { 1, 0, 0 } }, { { 0, 1, 0 }, { 0, 0, 0 } } },
      values(rnn.zeros(2, 2, 3):scatter(3, which, 1)))
    fails("along time of (2, 2, 3) with lengths", batch.take_along_axis, batch, ints { { { 1 } } }, 2)
    fails("along the sequences of (2, 2, 3) with lengths", batch.index_add, batch, 1, ints { 1 }, rnn.ones(1, 2, 3))
    fails("id 77 at place 4", batch.take_along_axis, batch, which:without_lengths(), 3)
  end)
end)

describe("places of an axis in another order:", function()
  local x = count(2, 3)

  it("flip", function()
    assert.same({ { 3, 2, 1 }, { 6, 5, 4 } }, values(x:flip(2)))
    assert.same({ { 6, 5, 4 }, { 3, 2, 1 } }, values(x:flip(1, -1)))
    assert.same({ { 6, 5, 4 }, { 3, 2, 1 } }, values(x:flip()))
    assert.same({ { 4, 5, 6 }, { 1, 2, 3 } }, values(rnn.flip(x, { 1 })))
    assert.same({ 2, 1 }, values(ints { 1, 2 }:flip(1)))
    assert.same({ 0, 3 }, { rnn.zeros(0, 3):flip(2):shape() })
    assert.equal(4, rnn.tensor(4):flip():item())
    assert.same({ { 2, 1 }, { 4, 3 }, { 6, 5 } }, values(count(3, 2):transpose(1, 2):flip(1):transpose(1, 2)))
    fails("flip: argument 2 (axis): expected 1 to 2", x.flip, x, 3)
  end)

  it("roll", function()
    assert.same({ { 3, 1, 2 }, { 6, 4, 5 } }, values(x:roll(1, 2)))
    assert.same({ { 2, 3, 1 }, { 5, 6, 4 } }, values(x:roll(-1, -1)))
    assert.same({ { 4, 5, 6 }, { 1, 2, 3 } }, values(x:roll(101, 1)))
    assert.same({ { 6, 1, 2 }, { 3, 4, 5 } }, values(x:roll(1)))
    assert.same({ 2, 3, 1 }, values(ints { 1, 2, 3 }:roll(math.mininteger + 1, 1))) -- -2^63 + 1 is -1 more than 3 k
    assert.same({}, values(rnn.zeros(0):roll(3, 1)))
    assert.equal(4, rnn.tensor(4):roll(2):item())
  end)

  it("pad", function()
    local y = rnn.tensor { 1, 2, 3, 4 }
    assert.same({ 0, 1, 2, 3, 4, 0, 0 }, values(y:pad(1, 1, 2)))
    assert.same({ 9, 1, 2, 3, 4 }, values(y:pad(1, 1, 0, "constant", 9)))
    assert.same({ 2, 3, 4, 0 }, values(y:pad(1, -1, 1)))
    assert.same({}, values(y:pad(1, -2, -2)))
    assert.same({ 1, 1, 1, 2, 3, 4, 4 }, values(y:pad(1, 2, 1, "replicate")))
    assert.same({ 3, 2, 1, 2, 3, 4, 3, 2 }, values(y:pad(-1, 2, 2, "reflect")))
    assert.same({ 3, 4, 3, 2, 1, 2, 3, 4, 3, 2, 1, 2 }, values(y:pad(1, 4, 4, "reflect")))
    assert.same({ 4, 1, 2, 3, 4, 1, 2, 3, 4, 1 }, values(y:pad(1, 1, 5, "circular")))
    assert.same({ 5, 5, 5 }, values(rnn.tensor { 5 }:pad(1, 1, 1, "reflect")))
    assert.same({ -1, 1, 2, -1 }, values(ints { 1, 2 }:pad(1, 1, 1, nil, -1)))
    assert.same({ { 0, 1, 2, 3 }, { 0, 4, 5, 6 } }, values(x:pad(2, 1, 0)))
    assert.same({ { 1, 2, 3 }, { 4, 5, 6 }, { 7, 7, 7 } }, values(x:pad(1, 0, 1, "constant", 7)))
    assert.same({ 2, 2 }, values(rnn.zeros(0):pad(1, 0, 2, "constant", 2)))
    fails("pad: argument 5 (mode): expected one of 'constant', 'replicate', 'reflect', 'circular', got string 'mirror'",
      y.pad, y, 1, 1, 1, "mirror")
    fails("pad: -5 before and 2 behind do not fit axis 1 of (4,)", y.pad, y, 1, -5, 2)
    fails("pad: axis 1 of (0,) has nothing to repeat", rnn.pad, rnn.zeros(0), 1, 1, 0, "reflect")
    fails("pad: 0.5 is no int32", rnn.pad, ints { 1 }, 1, 1, 0, "constant", 0.5)
    fails("mode 'constant' only", y.pad, y, 1, 1, 1, "circular", 2)
    fails("pad: " .. math.maxinteger, y.pad, y, 1, math.maxinteger, math.maxinteger)
  end)

  it("tile and repeat_interleave", function()
    assert.same({ { 1, 2, 3, 1, 2, 3 }, { 4, 5, 6, 4, 5, 6 } }, values(x:tile(2)))
    assert.same({ { 1, 2, 3 }, { 4, 5, 6 }, { 1, 2, 3 }, { 4, 5, 6 } }, values(x:tile(2, 1)))
    assert.same({ { { 1, 2 } }, { { 1, 2 } } }, values(ints { 1, 2 }:tile { 2, 1, 1 }))
    assert.same({ 0, 3 }, { x:tile(0, 1):shape() })
    assert.same({ 7, 7 }, values(rnn.tensor(7):tile(2)))
    assert.same({ 0, 6 }, { rnn.zeros(0, 3):tile(5, 2):shape() })
    assert.same({ { 1, 1, 2, 2, 3, 3 }, { 4, 4, 5, 5, 6, 6 } }, values(x:repeat_interleave(2, 2)))
    assert.same({ 1, 1, 1, 2, 2, 2 }, values(ints { 1, 2 }:repeat_interleave(3, -1)))
    assert.same({ 2, 0 }, { x:repeat_interleave(0, 2):shape() })
    fails("tile: (2, 3) cannot be repeated (-1,) times", x.tile, x, -1)
    fails("repeat_interleave: (2, 3) cannot be repeated -2 times", x.repeat_interleave, x, -2, 1)
    fails("impossible shape", x.tile, x, 1 << 40, 1 << 40)
  end)

  it("have gradients where they come from", function()
    local w = leaf { 1, 2, 3 };
    (w:pad(1, 2, 1, "reflect") * rnn.tensor { 1, 10, 100, 1000, 10000, 100000 }):sum():backward()
    assert.same({ 100, 101010, 10001 }, values(w.grad))
    w:zero_grad();
    (w:tile(2) * rnn.tensor { 1, 2, 3, 4, 5, 6 }):sum():backward()
    assert.same({ 5, 7, 9 }, values(w.grad))
  end)

  it("keep lengths along features only", function()
    local batch = count(2, 2, 2):with_lengths { 2, 1 }
    for _, f in ipairs {
      function(a) return batch:flip(a) end, function(a) return batch:roll(1, a) end,
      function(a) return batch:pad(a, 1, 0) end, function(a) return batch:repeat_interleave(2, a) end,
    } do
      assert.same({ 2, 1 }, values(f(3):lengths()))
      fails("would lose the lengths", f, 2)
      fails("would lose the lengths", f, 1)
    end
    assert.same({ 2, 1 }, values(batch:tile(2):lengths()))
    assert.same({ 2, 1 }, values(batch:tile(1, 1, 2):lengths()))
    fails("would lose the lengths", batch.tile, batch, 1, 2, 1)
    fails("would lose the lengths", batch.tile, batch, 1, 1, 1, 1)
    fails("would lose the lengths", batch.flip, batch)
    fails("would lose the lengths", batch.roll, batch, 1)
  end)
end)

describe("matrices", function()
  local x = count(3, 3)

  it("have triangles", function()
    assert.same({ { 1, 0, 0 }, { 4, 5, 0 }, { 7, 8, 9 } }, values(x:tril()))
    assert.same({ { 0, 0, 0 }, { 4, 0, 0 }, { 7, 8, 0 } }, values(x:tril(-1)))
    assert.same({ { 1, 2, 0 }, { 4, 5, 6 }, { 7, 8, 9 } }, values(x:tril(1)))
    assert.same({ { 1, 2, 3 }, { 0, 5, 6 }, { 0, 0, 9 } }, values(x:triu()))
    assert.same({ { 0, 2, 3 }, { 0, 0, 6 }, { 0, 0, 0 } }, values(x:triu(1)))
    assert.same({ { 1, 2, 3 }, { 4, 5, 6 }, { 0, 8, 9 } }, values(x:triu(-1)))
    assert.same(values(x), values(x:triu(math.mininteger)))
    assert.same({ { 0, 0 }, { 0, 0 } }, values(rnn.ones(2, 2):tril(math.mininteger)))
    assert.same({ { 1, 0, 0 }, { 4, 5, 0 } }, values(ints { { 1, 2, 3 }, { 4, 5, 6 } }:tril()))
    assert.same({ { { 1, 0 }, { 3, 4 } }, { { 5, 0 }, { 7, 8 } } }, values(count(2, 2, 2):tril()))
    assert.same({ 0, 3 }, { rnn.zeros(0, 3):triu():shape() })
    assert.same({ { 0, 0 }, { 5, 0 } }, values(rnn.tensor { { 0 / 0, 1 / 0 }, { 5, 0 / 0 } }:tril(-1)))
    fails("tril: expected at least 2 axes, got (3,)", rnn.tril, rnn.ones(3))
  end)

  it("have diagonals, and are made of one", function()
    assert.same({ 1, 5, 9 }, values(x:diag()))
    assert.same({ 2, 6 }, values(x:diag(1)))
    assert.same({ 4, 8 }, values(x:diag(-1)))
    assert.same({}, values(x:diag(5)))
    assert.same({ 1, 6 }, values(count(2, 4):diag()))
    assert.same({ 3, 8 }, values(count(2, 4):diag(2)))
    assert.same({ { 1, 4 }, { 5, 8 } }, values(count(2, 2, 2):diag()))
    assert.same({ { 1, 0 }, { 0, 2 } }, values(rnn.tensor { 1, 2 }:diag()))
    assert.same({ { 0, 3 }, { 0, 0 } }, values(ints { 3 }:diag(1)))
    assert.same({ { 0, 0, 0 }, { 1, 0, 0 }, { 0, 2, 0 } }, values(rnn.tensor { 1, 2 }:diag(-1)))
    assert.same({ 0, 0 }, { rnn.zeros(0):diag():shape() })
    assert.same({ 0 }, { rnn.zeros(0, 4):diag(-2):shape() })
    for _, k in ipairs { math.mininteger, math.maxinteger } do fails("there is no diagonal", x.diag, x, k) end
    fails("diag: expected a vector or matrices, got ()", rnn.diag, rnn.tensor(1))
    fails("there is no diagonal", x.diag, x, 1 << 40)
  end)
end)

describe("functions made of other ops:", function()
  it("split and chunk", function()
    local x = count(2, 7)
    local function widths(parts)
      local sizes = {}
      for i, part in ipairs(parts) do sizes[i] = part:size(2) end
      return sizes
    end
    assert.same({ 3, 4 }, widths(x:split(-1, { 3, 4 })))
    assert.same({ 3, 3, 1 }, widths(x:split(2, { size = 3 })))
    assert.same({ 7 }, widths(x:split(2, 1)))
    assert.same({ 3, 3, 1 }, widths(x:chunk(2, 3)))
    assert.same({ 2, 2, 2, 1 }, widths(rnn.chunk(x, 2, 5))) -- as PyTorch: no fifth part is left
    assert.same({ 1, 1, 1, 1, 1, 1, 1 }, widths(x:chunk(2, 100)))
    assert.same({ 0 }, widths(rnn.zeros(2, 0):chunk(2, 3)))
    assert.same({ 0 }, widths(rnn.zeros(2, 0):split(2, { size = 2 })))
    x:chunk(2, 2)[2]:fill_(0)
    assert.same({ 1, 2, 3, 4, 0, 0, 0 }, values(x[1]))
    fails("rnn.chunk: expected at most 3 arguments, got 4", x.chunk, x, 1, 2, 3)
    fails("chunk: argument 3 (count): expected a positive integer, got number 0", x.chunk, x, 1, 0)
    fails("chunk: argument 2 (axis): expected 1 to 2 or -1 to -2, got number 0", x.chunk, x, 0, 1)
    fails("split: size: expected a positive integer", x.split, x, 2, { size = 0 })
  end)

  it("flatten", function()
    local x = count(2, 3, 4)
    assert.same({ 24 }, { x:flatten():shape() })
    assert.same({ 2, 12 }, { x:flatten(2):shape() })
    assert.same({ 6, 4 }, { x:flatten(1, 2):shape() })
    assert.same({ 2, 3, 4 }, { x:flatten(2, 2):shape() })
    assert.same({ 6, 4 }, { rnn.flatten(x, -3, -2):shape() })
    assert.same({ 1 }, { rnn.tensor(1):flatten():shape() })
    assert.same({ 0 }, { rnn.zeros(2, 0):flatten():shape() })
    fails("flatten: last axis 1 comes before the first, 2", x.flatten, x, 2, 1)
  end)

  it("outer, meshgrid, unfold", function()
    assert.same({ { 3, 4 }, { 6, 8 } }, values(rnn.tensor { 1, 2 }:outer(rnn.tensor { 3, 4 })))
    assert.same({ { 3, 4 } }, values(rnn.outer(ints { 1 }, ints { 3, 4 })))
    local a, b = rnn.meshgrid(ints { 1, 2 }, ints { 3, 4, 5 })
    assert.same({ { 1, 1, 1 }, { 2, 2, 2 } }, values(a))
    assert.same({ { 3, 4, 5 }, { 3, 4, 5 } }, values(b))
    fails("meshgrid: argument 2: expected a tensor of 1 axis", rnn.meshgrid, ints { 1 }, rnn.ones(2, 2))
    fails("meshgrid: argument 1: expected a tensor of 1 axis, got nil", rnn.meshgrid)
    local x = rnn.arange(7)
    assert.same({ { 1, 2, 3 }, { 3, 4, 5 }, { 5, 6, 7 } }, values(x:unfold(1, 3, 2)))
    assert.same({ { { 1, 4 } }, { { 2, 5 } }, { { 3, 6 } } }, values(count(2, 3):transpose(1, 2):unfold(2, 2)))
    assert.same({ 8, 0 }, { x:unfold(1, 0):shape() })
    fails("unfold: argument 3 (size): expected an integer from 0 to 7", x.unfold, x, 1, 8)
  end)

  it("nonzero of any number of axes", function()
    assert.same({ 1, 4 }, values(rnn.tensor({ 2, 0, 0, -1 }):nonzero()))
    assert.same({ { 1, 2 }, { 2, 1 }, { 2, 3 } }, values(ints({ { 0, 5, 0 }, { 1, 0, 1 } }):nonzero()))
    local x = rnn.zeros(2, 3, 4)
    x:set(2, 3, 1, 1)
    x:set(1, 1, 4, 0 / 0)
    assert.same({ { 1, 1, 4 }, { 2, 3, 1 } }, values(x:nonzero()))
    assert.same({ { 1, 3, 2 }, { 4, 1, 1 } }, values(x:transpose(1, 3):nonzero()))
    assert.same({ 0, 3 }, { x:zeros_like():nonzero():shape() })
    assert.same({ 0, 2 }, { rnn.zeros(2, 0):nonzero():shape() })
    assert.same({ 0 }, { rnn.zeros(0):nonzero():shape() })
    fails("nonzero: expected a tensor with an axis, got a scalar", rnn.nonzero, rnn.tensor(1))
    fails("would lose the lengths", rnn.nonzero, rnn.ones(2, 3):with_lengths { 3, 1 })
  end)

  it("masked_fill", function()
    local w = leaf { { 1, 2 }, { 3, 4 } }
    local y = w:masked_fill(rnn.tensor { 0, 1 }, -1)
    assert.same({ { 1, -1 }, { 3, -1 } }, values(y));
    (y * y):sum():backward()
    assert.same({ { 2, 0 }, { 6, 0 } }, values(w.grad))
    assert.same({ 9, 2 }, values(ints { 1, 2 }:masked_fill(rnn.tensor { 1, 0 }, 9)))
    assert.same({ -math.huge, 2 }, values(rnn.masked_fill(rnn.tensor { 1, 2 }, rnn.tensor { 1, 0 }, -math.huge)))
    fails("masked_fill: the mask (2, 1) cannot be broadcast to (2)", rnn.masked_fill, rnn.ones(2), rnn.ones(2, 1), 0)
    fails("a mask holds 0 and 1, but element 1 is 2", w.masked_fill, w, w * 2, 0)
    fails("masked_fill: argument 3 (value): expected a number, got nil", w.masked_fill, w, w)
  end)

  it("one element of what has a history keeps it, until backward has used it up", function()
    local w = leaf { 1, 2, 3 };
    (w:square():sum() + 10 * w[3] ^ 2):backward()
    assert.same({ 2, 4, 66 }, values(w.grad))
    assert.equal(66, w.grad[3]) -- without one it is a number
    local m = leaf { { 1, 2 }, { 3, 4 } };
    (m[1][2] * m[{ 2, -1 }]):backward()
    assert.same({ { 0, 4 }, { 0, 2 } }, values(m.grad))
    local sum = 0
    for _, element in ipairs(w) do sum = sum + element end
    w:zero_grad()
    sum:backward()
    assert.same({ 1, 1, 1 }, values(w.grad))
    local before = w[1]
    rnn.no_grad(w.fill_, w, 5)
    assert.equal(1, before:item()) -- a copy: what a script keeps of a parameter stays
    assert.is_false((pcall(function() w[1]:fill_(7) end)))
    w:assign(rnn.tensor { 1, 2, 3 })
    local y = w * 2
    assert.equal(4, rnn.no_grad(function() return y[2] end))
    y:sum():backward()
    assert.equal(4, y[2])
  end)

  it("a scalar has no element to choose, whatever chooses", function()
    local one = ints { 1 }
    for _, which in ipairs { one, ints { { 1, 1 } }, ints(1), { one }, { one, one }, rnn.tensor(1), rnn.ones(1, 1) } do
      for _, f in ipairs { function() return rnn.tensor(3)[which] end, function() rnn.tensor(3)[which] = 2 end } do
        local ok, message = pcall(f)
        assert.is_false(ok)
        assert.matches("ax[ei]s", message)
      end
    end
  end)
end)

describe("each way to choose or to write", function()
  local ids, scalar, mask = rnn.tensor({ 2, 1 }, "int32"), rnn.tensor(2, "int32"), rnn.tensor { 1, 0, 1 }
  local square = rnn.tensor({ { 1, 2 }, { 3, 3 } }, "int32")
  local WAYS = {
    place = function(x) return x[2] end,
    element = function(x) return x[{ 2, 3 }] end,
    element_of_line = function(x) return x[2][3] end,
    ids = function(x) return x[ids] end,
    scalar = function(x) return x[scalar] end,
    square = function(x) return x[square] end,
    mask = function(x) return x[mask] end,
    lists = function(x) return x[{ ids, ids }] end,
    column = function(x) return x[{ {}, scalar }] end,
    range = function(x) return x[{ { 1, 2 }, { 2, 3 } }] end,
    gather = function(x) return x:gather(2, ids) end,
    each = function(x)
      local sum = 0
      for _, v in ipairs(x[3]) do sum = sum + v end
      return sum
    end,
    write_place = function(x)
      x = x * 1
      x[2] = x[1] * 2
      return x
    end,
    write_element = function(x)
      x = x * 1
      x[{ 2, 3 }] = x[{ 1, 1 }]
      return x
    end,
    write_ids = function(x)
      x = x * 1
      x[ids] = x:rows(1, 2) * 3
      return x
    end,
    write_lists = function(x)
      x = x * 1
      x[{ ids, ids }] = x[{ 1, { 1, 2 } }]
      return x
    end,
    write_mask = function(x)
      x = x * 1
      x[mask] = x[{ 1, 1 }]
      return x
    end,
  }

  local function gradient(way)
    local x = rnn.arange(12):to_float():reshape(3, 4):requires_grad(true)
    local value = way(x)
    value:square():sum():backward()
    return value:totable(), x.grad:totable()
  end

  for name, way in pairs(WAYS) do
    it("leaves nothing half made where memory fails, and is the same afterwards: " .. name, function()
      local value, grad = gradient(way)
      local failed, made = 0, false
      while not made do
        local x = rnn.arange(12):to_float():reshape(3, 4):requires_grad(true)
        core.fail_allocation(failed + 1, 100)
        made = pcall(way, x)
        core.fail_allocation(0)
        collectgarbage()
        failed = made and failed or failed + 1
        local again, slope = gradient(way)
        assert.same({ value, grad }, { again, slope })
      end
      assert.is_true(failed > 0)
    end)
  end
end)
