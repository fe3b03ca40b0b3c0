-- Whole layers against PyTorch's (projection, both directions, packed sequences) and against Keras' (the GRU's two
-- readings, masks, stateful), with the numbers of tests/reference.
local rnn = require "rnn"
local nn = rnn.nn

local FOLDER = debug.getinfo(1, "S").source:match("^@(.-)[^/]*$") .. "../reference/"
local TOLERANCE = rnn.precision() == "double" and 1e-10 or 1e-5

-- { case = { name = tensor } }
local function cases(name)
  local found = {}
  for key, t in pairs(assert(rnn.archive_read(FOLDER .. name .. ".safetensors"))) do
    local case, argument = key:match("^([^.]+)%.(.+)$")
    found[case] = found[case] or {}
    found[case][argument] = t
  end
  assert(next(found))
  return found
end

local function agree(what, got, want)
  assert.is_truthy(got, what .. ": missing")
  got = got:detach()
  if got:lengths() then got = got:without_lengths() end
  local scale = math.max(want:abs():max():item(), 1e-30)
  local error = (got - want):abs():max():item() / scale
  assert.is_true(error <= TOLERANCE, ("%s differs by %.2g of its largest value"):format(what, error))
end

local function input(r)
  local x = r.x:copy()
  if r.lengths then x = x:with_lengths(r.lengths) end
  return x:requires_grad(true) or x
end

local function inner(y, dy) return ((y:lengths() and y:without_lengths() or y) * dy):sum() end

describe("whole layers agree with PyTorch:", function()
  local kinds = { rnn = nn.RNN, lstm = nn.LSTM, gru = nn.GRU }
  for case, r in pairs(cases "layers") do
    it(case, function()
      local layer = kinds[case:match "^%a+"](3, 5, { layers = 2, bidirectional = case:find "bidirectional" ~= nil,
        projection = case:find "projection" and 2 or nil })
      local weights = {}
      for name in pairs(layer:state_dict()) do weights[name] = assert(r[name], name) end
      layer:load_state_dict(weights)
      local x = input(r)
      local y, state = layer(x)
      agree("y", y, r.y)
      local loss, i = inner(y, r.dy), 1
      while r["state." .. i] do
        agree("state." .. i, state[i], r["state." .. i])
        loss, i = loss + inner(state[i], r["dstate." .. i]), i + 1
      end
      assert.equal(i - 1, #state)
      loss:backward()
      agree("dx", x.grad, r.dx)
      for _, entry in ipairs(layer:named_parameters()) do
        agree("d" .. entry[1], entry[2].grad, r["d" .. entry[1]])
      end
    end)
  end
end)

describe("whole layers agree with Keras:", function()
  local function make(case)
    if case:find "^gru" then return nn.GRU(3, 5, { reset = case:match "^gru_(%a+)" }) end
    return (case:find "^lstm" and nn.LSTM or nn.RNN)(3, 5)
  end

  for case, r in pairs(cases "keras") do
    it(case, function()
      local layer = make(case)
      local names = { "weight_ih", "weight_hh", "bias_ih", r.bias_hh and "bias_hh" or nil }
      for _, name in ipairs(names) do layer[name .. "_l0"]:assign(r[name]) end
      local x = input(r)
      local y, state
      if case:find "stateful" then -- here the state is a value, handed on by the caller
        local first, between = layer(x:slice(2, 1, 3))
        y, state = layer(x:slice(2, 4, 6), nn.detach(between))
        y = rnn.concat({ first, y }, 2)
      else
        y, state = layer(x)
      end
      agree("y", y, r.y)
      agree("h", state[1], r.h)
      if r.c then agree("c", state[2], r.c) end
      if not r.dx then return end
      inner(y, r.dy):backward()
      agree("dx", x.grad, r.dx)
      for _, name in ipairs(names) do agree("d" .. name, layer[name .. "_l0"].grad, r["d" .. name]) end
    end)
  end
end)
