-- gradcheck.lua: backward against central differences, at every coordinate, signs kept. For the double build only.

local core = require "rnn.core"

local STEP, TOLERANCE = 1e-5, 1e-6

-- The project of y on fixed numbers, so that every element of y counts and none by the same factor.
local function scalar(y)
  if y:count() == 1 then return y:reshape(1):sum() end
  local values = {}
  for i = 1, y:count() do values[i] = math.cos(1.7 * i) end
  local flat = (y:lengths() and y:without_lengths() or y):reshape(y:count())
  return (flat * core.tensor(values)):sum()
end

-- f(x, state ...) may return several tensors, or tables of them: all count.
local function total(...)
  local sum = core.tensor(0)
  for _, result in ipairs { ... } do
    if core.is_tensor(result) then
      sum = sum + scalar(result)
    else
      for _, t in ipairs(result) do sum = sum + scalar(t) end
    end
  end
  return sum
end

--- gradcheck(f, tensors): raises where a gradient of f() with respect to one of the leaves tensors (name -> tensor that
--- requires a gradient) is off by more than 1e-6 of its size. f must give the same numbers each time it is called.
return function(f, tensors)
  assert(core.precision == "double", "gradient checks need --double")
  for _, t in pairs(tensors) do t:zero_grad() end
  local loss = total(f())
  loss:backward()
  for name, t in pairs(tensors) do
    local got = assert(t.grad, name .. " got no gradient"):reshape(t:count()):totable()
    local flat = t:detach()
    flat = (flat:lengths() and flat:without_lengths() or flat):reshape(t:count()) -- shares the memory of t
    for i = 1, t:count() do
      local value = flat:get(i)
      flat:set(i, value + STEP)
      local above = core.no_grad(function() return total(f()):item() end)
      flat:set(i, value - STEP)
      local below = core.no_grad(function() return total(f()):item() end)
      flat:set(i, value)
      local want = (above - below) / (2 * STEP)
      local off = math.abs(got[i] - want) / math.max(math.abs(got[i]), math.abs(want), 1e-3)
      if off ~= off or off > TOLERANCE then
        error(("gradient of %s, element %d: backward %.10g, differences %.10g"):format(name, i, got[i], want), 2)
      end
    end
  end
end
