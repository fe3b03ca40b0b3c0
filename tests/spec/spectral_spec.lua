-- rfft, irfft and stft against NumPy (tests/reference/make_spectral.py), and what they refuse.
local core = require "rnn.core"
local rnn = require "rnn"
local approx = require "support.approx"

local TOLERANCE = core.precision == "double" and 1e-14 or 1e-6

describe("Fourier transforms", function()
  local r = assert(core.npz_read "tests/reference/spectral.npz")

  local function near(y, want, name)
    assert.same({ want:shape() }, { y:shape() })
    assert.is_true(approx.distance(y, want) <= TOLERANCE, ("%s: %g"):format(name, approx.distance(y, want)))
  end

  it("are NumPy's, of any length", function()
    local count = 0
    for name, want in pairs(r) do
      local kind, n, m = name:match "^(%a+)_(%d+)_?(%d*)$"
      n, m = tonumber(n), tonumber(m)
      if kind == "X" then near(r["x_" .. n]:rfft(), want, name) end
      if kind == "y" then near(r["X_" .. n]:irfft(m), want, name) end
      if kind == "pad" then near(core.rfft(r["x_" .. n], m), want, name) end
      if kind == "X" and n > 1 then near(want:irfft(n), r["x_" .. n], name) end
      if kind == "X" and n % 2 == 0 then near(core.irfft(want), r["x_" .. n], name) end
      count = count + (kind and 1 or 0)
    end
    assert.is_true(count > 80)
  end)

  it("take any leading axes, views and no rows", function()
    local x = core.randn(2, 3, 8)
    local y = x:rfft()
    assert.same({ 2, 3, 5, 2 }, { y:shape() })
    assert.same(x:select(1, 2):select(1, 3):rfft():totable(), y:select(1, 2):select(1, 3):totable())
    assert.same(x:transpose(1, 3):copy():rfft():totable(), x:transpose(1, 3):rfft():totable())
    assert.same({ 0, 5, 2 }, { core.zeros(0, 8):rfft():shape() })
    assert.same({ 0, 8 }, { core.zeros(0, 5, 2):irfft():shape() })
    assert.same({ { { 0, 0 }, { 0, 0 } } }, { core.zeros(0):rfft(2):totable() }) -- zeros behind nothing
    assert.same({ { 3, 0 } }, core.tensor { 3 }:rfft():totable())
  end)

  it("leave a row with nan to itself", function()
    local x = core.tensor { { 1, 2, 3, 4 }, { 1, 0 / 0, 3, 4 } }
    assert.same({ 10, -2, -2 }, x:rfft():select(1, 1):select(2, 1):totable())
    assert.is_true(x:rfft():select(1, 2):select(2, 1):is_finite():max():item() == 0)
  end)

  it("keep lengths where the last axis is not time", function()
    local x = core.randn(2, 3, 4):with_lengths { 3, 1 }
    assert.same({ 3, 1 }, x:rfft():lengths():totable())
    assert.same({ 3, 1 }, x:rfft():irfft():lengths():totable())
    assert.error_matches(function() core.randn(2, 3):with_lengths({ 3, 1 }):rfft() end, "padding included")
    assert.error_matches(function() core.randn(2, 3, 2):with_lengths({ 3, 1 }):irfft() end, "padding included")
  end)

  it("of short frames are NumPy's", function()
    near(rnn.stft(r.sound, 8, 4), r.stft_hann, "hann")
    near(r.sound:stft(r.weights, 3), r.stft_weights, "weights")
    near(rnn.stft(r.sound, 8, 8, 16), r.stft_fft, "fft")
    near(rnn.stft(r.sound:select(1, 2), 8, 4), r.stft_hann:select(1, 2), "one")
    assert.same({ 3, 1, 26, 2 }, { r.sound:stft(50, 1):shape() })
    assert.same({ 3, 2 }, { rnn.stft(core.randn(2, 3, 9):with_lengths { 3, 2 }, 4, 2):lengths():totable()[1], 2 })
  end)

  it("of short frames have gradients", function()
    local x = core.randn(2, 11):requires_grad(true)
    local weights = core.randn(4):requires_grad(true)
    local g = core.randn(2, 3, 3, 2);
    (rnn.stft(x, weights, 3) * g):sum():backward()
    local step = core.precision == "double" and 1e-5 or 1e-2
    local tolerance = core.precision == "double" and 1e-8 or 1e-2
    local a, b = x:detach(), weights:detach()
    local function moved(t, i, by)
      local values = t:detach():copy():reshape(-1)
      values[i] = values[i] + by
      return values:reshape(t:shape())
    end
    local function value(v, w) return (rnn.stft(v, w, 3) * g):sum():item() end
    for i = 1, 22 do
      local slope = (value(moved(a, i, step), b) - value(moved(a, i, -step), b)) / 2 / step
      assert.near(slope, x.grad:reshape(-1)[i], tolerance)
    end
    for i = 1, 4 do
      local slope = (value(a, moved(b, i, step)) - value(a, moved(b, i, -step))) / 2 / step
      assert.near(slope, weights.grad[i], tolerance)
    end
  end)

  it("say what they expect", function()
    for message, f in pairs {
      ["rfft: expected n of 1 or more, got 0, with %(4,%)"] = function() core.randn(4):rfft(0) end,
      ["rfft: expected n of 1 or more, got %-1, with %(4,%)"] = function() core.randn(4):rfft(-1) end,
      ["rfft: expected n of 1 or more, got 0, with %(0,%)"] = function() core.randn(0):rfft() end,
      ["rfft: expected %(..., n%), got %(%)"] = function() core.tensor(1):rfft() end,
      ["rfft: argument 1: expected a float tensor"] = function() core.arange(4):rfft() end,
      ["rfft: .* has no room for an axis"] = function() core.zeros(1, 1, 1, 1, 1, 1):rfft() end,
      ["irfft: expected %(..., frequencies, 2%), real and imaginary parts, got %(4, 3%)"] = function()
        core.randn(4, 3):irfft()
      end,
      ["irfft: expected %(..., frequencies, 2%), got %(4,%)"] = function() core.randn(4):irfft() end,
      ["irfft: expected n of 1 or more, got 0"] = function() core.randn(1, 2):irfft() end,
      ["stft: expected %(..., samples%) with at least the 8 samples of the window, got %(7%)"] = function()
        rnn.stft(core.randn(7), 8, 2)
      end,
      ["stft: argument 4 %(fft%): expected an integer of at least 8"] = function() rnn.stft(core.randn(9), 8, 2, 4) end,
      ["stft: argument 3 %(hop%): expected a positive integer"] = function() rnn.stft(core.randn(9), 8, 0) end,
      ["stft: the samples of %(2, 9%) are time"] = function()
        rnn.stft(core.randn(2, 9):with_lengths { 9, 4 }, 4, 2)
      end,
    } do
      assert.error_matches(f, message)
    end
  end)
end)
