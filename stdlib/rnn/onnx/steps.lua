-- steps.lua: recurrent nodes that no layer of nn can be: activations that only ONNX has, others for each direction,
-- clipped sums. Step by step in ordinary ops, as onnx.ai/onnx/operators writes them.

local core = require "rnn.core"
local recurrent = require "rnn.onnx.recurrent"

local function elu(x, alpha) return core.where(x:gt(0), x, core.minimum(x, 0):expm1() * alpha) end

-- name -> function(x, alpha, beta), defaults
local ACTIVATIONS = {
  tanh = { core.tanh }, sigmoid = { core.sigmoid }, relu = { core.relu }, softsign = { core.softsign },
  softplus = { core.softplus },
  affine = { function(x, alpha, beta) return x * alpha + beta end, 1, 0 },
  leakyrelu = { function(x, alpha) return core.leaky_relu(x, alpha) end, 0.01 },
  thresholdedrelu = { function(x, alpha) return x * x:gt(alpha) end, 1 },
  scaledtanh = { function(x, alpha, beta) return (x * beta):tanh() * alpha end, 1, 1 },
  hardsigmoid = { function(x, alpha, beta) return (x * alpha + beta):clamp(0, 1) end, 0.2, 0.5 },
  elu = { elu, 1 },
}

-- The functions of each direction, in the order of its activations; alpha and beta go to those that have any.
local function functions_of(kind, a, directions)
  local count = kind == "LSTM" and 3 or kind == "GRU" and 2 or 1
  local names, at, list, clip = a.activations or {}, { 0, 0 }, {}, a.clip
  for i = 1, count * directions do
    local name = names[i] or (count > 1 and (i - 1) % count == 0 and "Sigmoid" or "Tanh")
    local row, numbers = ACTIVATIONS[name:lower()], {}
    if not row then return nil, ("activation '%s'"):format(name) end
    for which = 1, 2 do
      if row[1 + which] then
        at[which] = at[which] + 1
        local number = recurrent.number(a, which, at[which])
        if recurrent.unsaid(name, number) then return nil, ("activation '%s' without its numbers"):format(name) end
        numbers[which] = number or row[1 + which]
      end
    end
    local d, k = (i - 1) // count + 1, (i - 1) % count + 1
    list[d] = list[d] or {}
    table.insert(list[d], function(x)
      if clip and k < 3 then x = x:clamp(-clip, clip) end -- sums are clipped, and c is not
      return row[1](x, numbers[1], numbers[2])
    end)
  end
  return #names <= count * directions and list, "more activations than it can have"
end

local cells = {}

-- sums of x W' and of h R', each with its bias; parts(t) are the gates of one of them; f has the activations.
function cells.RNN(s, f, h)
  h = f[1](s.x + s.recurrent(h))
  return h
end

function cells.GRU(s, f, h)
  local x, own = s.parts(s.x), s.parts(s.recurrent(h))
  local z, r = f[1](x[1] + own[1]), f[1](x[2] + own[2])
  local n = f[2](x[3] + (s.after and r * own[3] or s.parts(s.recurrent(r * h))[3]))
  return (1 - z) * n + z * h
end

function cells.LSTM(s, f, h, c)
  local sums, p = s.parts(s.x + s.recurrent(h)), s.peepholes
  local function see(k, cell) return p and p[k] * cell or 0 end
  local input = f[1](sums[1] + see(1, c))
  local forget = s.coupled and 1 - input or f[1](sums[3] + see(3, c))
  c = forget * c + input * f[2](sums[4])
  return f[1](sums[2] + see(2, c)) * f[3](c), c
end

local function split(t, axis, n)
  local list, size = {}, t:size(axis) // n
  for i = 1, n do list[i] = t:slice(axis, (i - 1) * size + 1, i * size) end
  return list
end

--- steps(kind, a, directions) -> function(x, lengths, h, c, W, R, B, P) -> y, h, c | nil, what cannot be
---
--- x (N, T, C); lengths, h, c (directions, N, units), B and P may be nil; y (N, T, directions units), h and c (N,
--- directions units).
return function(kind, a, directions)
  local functions, why = functions_of(kind, a, directions)
  if not functions then return nil, why end
  local gates = kind == "LSTM" and 4 or kind == "GRU" and 3 or 1
  return function(x, lengths, h0, c0, W, R, B, P)
    local samples, steps, units = x:size(1), x:size(2), R:size(3)
    local valid = lengths and core.arange(steps):le(lengths:reshape(-1, 1))
    local ys, hs, cs = {}, {}, {}
    for d = 1, directions do
      local function of(t) return t:select(1, d) end
      local bias = B and split(of(B), 1, 2) or {}
      local s = { after = (a.linear_before_reset or 0) ~= 0, coupled = (a.input_forget or 0) ~= 0,
        peepholes = P and split(of(P), 1, 3),
        parts = function(t) return split(t, 2, gates) end,
        recurrent = function(h) return core.linear(h, of(R), bias[2]) end }
      local h = h0 and of(h0) or core.zeros(samples, units)
      local c = c0 and of(c0) or core.zeros(samples, units)
      local sums, rows = core.linear(x, of(W), bias[1]), {}
      for i = 1, steps do
        local t = (d == 2 or a.direction == "reverse") and steps + 1 - i or i
        s.x = sums:select(2, t)
        local new, cell = cells[kind](s, functions[d], h, c)
        if valid then
          local on = valid:select(2, t):reshape(samples, 1)
          rows[t], h = core.where(on, new, 0), core.where(on, new, h)
          c = cell and core.where(on, cell, c) or c
        else
          rows[t], h, c = new, new, cell or c
        end
      end
      ys[d] = steps > 0 and core.stack(rows, 2) or core.zeros(samples, 0, units)
      hs[d], cs[d] = h, c
    end
    return core.concat(ys, 3), core.concat(hs, 2), core.concat(cs, 2)
  end
end
