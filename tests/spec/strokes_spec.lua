-- rnn.strokes: movements of a pen as text, points and lines.
local rnn = require "rnn"
local fails = require "support.fails"
local strokes = rnn.strokes

describe("rnn.strokes", function()
  it("reads text, of any numbers, and nothing else", function()
    assert.same({ { { 1, 2 }, { 3, 4 } }, { { -0.5, 0.25 } } }, strokes.read "1 2 3 4|-.5 0.25")
    assert.same({ { { 1, 2 }, { 3, 4 } } }, strokes.read "1,2 3,4|")
    for _, text in ipairs { "", "|", "7", "label", "1 2 x" } do assert.is_nil(strokes.read(text), text) end
  end)

  it("gives points at equal distances within -1 .. 1, whatever the size and pace", function()
    local square = { { { 0, 0 }, { 10, 0 }, { 10, 5 } }, { { 0, 5 } } }
    local points = strokes.points(square, { spacing = 0.5 })
    assert.same({ { -1, -0.5, 1 }, { -0.5, -0.5, 0 }, { 0, -0.5, 0 }, { 0.5, -0.5, 0 }, { 1, -0.5, 0 }, { 1, 0, 0 },
      { 1, 0.5, 0 }, { -1, 0.5, 1 } }, points:totable())
    local slow = { { { 0, 0 }, { 2, 0 }, { 2, 0 }, { 7, 0 }, { 10, 0 }, { 10, 2.5 }, { 10, 5 } }, { { 0, 5 } } }
    assert.is_true((points - strokes.points(slow, { spacing = 0.5 })):abs():max():item() < 1e-6)
    for i, stroke in ipairs(slow) do
      for k, p in ipairs(stroke) do slow[i][k] = { 300 + 4 * p[1], -70 + 4 * p[2] } end
    end
    assert.is_true((points - strokes.points(slow, { spacing = 0.5 })):abs():max():item() < 1e-6)
  end)

  it("gives so many points from the first to the last", function()
    local list = { { { 0, 0 }, { 2, 0 } }, { { 0, 1 }, { 2, 1 } } }
    local four = rnn.tensor { { -1, -0.5, 1 }, { 1 / 3, -0.5, 0 }, { -1 / 3, 0.5, 1 }, { 1, 0.5, 0 } }
    assert.is_true((strokes.points(list, { count = 4 }) - four):abs():max():item() < 1e-6)
    for _, count in ipairs { 1, 2, 7, 50 } do
      local points = strokes.points(list, { count = count })
      assert.equal(count, #points)
      assert.equal(1, points:get(1, 3))
      if count > 1 then assert.same({ 1, 0.5 }, points:slice(2, 1, 2)[count]:totable()) end
    end
    local dot = { { { 4, 4 } } }
    assert.same({ { 0, 0, 1 }, { 0, 0, 0 } }, strokes.points(dot, { count = 2 }):totable())
    assert.same({ { 0, 0, 1 } }, strokes.points(dot):totable())
  end)

  it("writes what it reads, and a line with gaps", function()
    local points = strokes.points({ { { 0, 0 }, { 1, 1 } }, { { 1, 0 }, { 0, 1 } } }, { spacing = 1 })
    local text = strokes.text(points)
    assert.equal("-1.000 -1.000 -0.293 -0.293 0.414 0.414|1.000 -1.000 0.293 -0.293 -0.414 0.414", text)
    local again = strokes.read(text)
    assert.equal(2, #again)
    assert.near(0.414, again[1][3][2], 1e-9)
    local line = strokes.line(points)
    assert.equal(7, #line.x)
    assert.is_true(line.x[4] ~= line.x[4] and line.y[4] ~= line.y[4])
    assert.near(1, line.x[5], 1e-6)
    assert.equal(3, #strokes.line(rnn.zeros(3, 4)).x) -- the first point begins a stroke anyway
  end)

  it("says how the pen moves, and follows it", function()
    local points = rnn.tensor { { -1, 0, 1 }, { -0.5, 0.5, 0 }, { 1, 1, 1 } }
    local moves = strokes.moves(points, 0.5)
    assert.same({ { -2, 0, 1, 0 }, { 1, 1, 0, 0 }, { 3, 1, 1, 1 } }, moves:totable())
    assert.same(points:totable(), strokes.follow(rnn.concat({ moves, rnn.ones(2, 4) }, 1), 0.5):totable())
    assert.same({ { 0, 0, 1 }, { 0, 0, 0 } }, strokes.follow(rnn.zeros(2, 4)):totable())
    assert.same({ { 2, 3, 1, 1 } }, strokes.moves(rnn.tensor { { 2, 3, 1 } }):totable())
    assert.same({ 0, 4 }, { strokes.moves(rnn.zeros(0, 3)):shape() })
    assert.same({ 0, 3 }, { strokes.follow(rnn.zeros(0, 4)):shape() })
    fails("strokes.moves: argument 1 %(points%): expected rows %(T, 3%)", strokes.moves, rnn.zeros(2, 4))
    fails("argument 2 %(unit%): expected a positive number", strokes.follow, rnn.zeros(2, 4), 0)
  end)

  it("refuses what is no movement", function()
    fails("strokes.read: argument 1 %(text%): expected a string", strokes.read, 3)
    fails("strokes.points: argument 1 %(strokes%): expected a list of strokes", strokes.points, {})
    fails("stroke 2 has no point", strokes.points, { { { 1, 2 } }, {} })
    fails("stroke 1, point 2: expected { x, y }", strokes.points, { { { 1, 2 }, { 3 } } })
    fails("expected points %(T, 3%)", strokes.text, rnn.zeros(3, 2))
    fails("expected", strokes.line, rnn.zeros(3))
  end)
end)
