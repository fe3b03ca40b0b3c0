-- stft.lua: short-time Fourier transforms, made of windows and rfft.

local core = require "rnn.core"
local check = require "rnn.check"

-- Hann's window of n samples, periodic: the next one would begin again.
local function hann(n)
  return ((core.arange(n):to_float() - 1) * (2 * math.pi / n)):cos() * -0.5 + 0.5
end

--- rnn.stft(x, window, hop [, fft]) -> tensor
---
--- Short-time Fourier transform of x (..., samples): frames of as many samples as the window has, from every hop-th
--- sample on, each times the window and transformed by rfft as fft samples (those of the window, or more):
--- (..., frames, fft // 2 + 1, 2), real and imaginary parts. window is a tensor of weights (samples), or how many
--- samples Hann's periodic window has. There are 1 + (samples - window) // hop frames; nothing is put before or
--- behind x.
--- Errors: an x shorter than the window; int32; time of a batch with lengths.
---@param x rnn.Tensor
---@param window integer|rnn.Tensor
---@param hop integer
---@param fft? integer
---@return rnn.Tensor
local function stft(x, window, hop, fft)
  check.tensor("stft", "argument 1", x, "float")
  if not core.is_tensor(window) then window = hann(check.int("stft", "argument 2 (window)", window, 1)) end
  check.tensor("stft", "argument 2 (window)", window, "float", 1)
  local width, shape = #window, { x:shape() }
  hop = check.int("stft", "argument 3 (hop)", hop, 1)
  fft = check.int("stft", "argument 4 (fft)", fft or width, math.max(width, 1))
  local samples = table.remove(shape)
  if not samples or samples < width or width == 0 then
    core.fail("stft: expected (..., samples) with at least the %d samples of the window, got %s", width, check.shape(x))
  end
  if x:lengths() and #shape < 2 then
    core.fail("stft: the samples of %s are time, of which padding would become frames; x:without_lengths() drops the "
      .. "lengths on purpose", check.shape(x))
  end
  local starts = {}
  for at = 1, samples - width + 1, hop do starts[#starts + 1] = at end
  local lengths, count = x:lengths(), 1
  for _, size in ipairs(shape) do count = count * size end
  local frames = core.windows(x:without_lengths():reshape(count, samples):transpose(1, 2), core.tensor(starts, "int32"),
    width) -- (frames, width, count)
  table.move({ #starts, width }, 1, 2, #shape + 1, shape)
  local y = (frames:transpose(2, 3):transpose(1, 2):reshape(table.unpack(shape)) * window):rfft(fft)
  return lengths and y:with_lengths(lengths) or y
end

return { stft = stft }
