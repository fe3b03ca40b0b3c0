-- network.lua: the network of a Forecaster that is given no other: a linear model of the window, fitted by ridge
-- regression or, where that foretells rows held out better, a simple forecast that is one as well (simple.lua); and a
-- recurrent network that learns what is wrong with it. Before training it is the linear model; trust, from 0 to 1, is
-- the share of what was learnt that is added to it.

local core = require "rnn.core"
local nn = require "rnn.nn"
local simple = require "rnn.forecast.simple"

local PENALTIES = { 3e-3, 3e-2, 3e-1 } -- for each window, of the ridge regression
local PRODUCTS = 2 ^ 33 -- of all normal equations: some seconds

-- sizes: inputs (columns of a step), targets (the first of them), length, horizon, future (columns known in advance of
-- each step ahead), static (columns of a series), series (how many, for an embedding), season (steps, or nil), known
-- (the last columns of a step, which are future at that step), columns (of each number, see nn.Distribution), centre
-- (the one that is the forecast), units, cell, layers, dropout.
local Network = nn.module("rnn.forecast.Network", function(self, sizes)
  self.sizes = sizes
  local units, hidden = sizes.units, math.max(16, sizes.units // 2)
  local constant = sizes.static + (sizes.series > 1 and 8 or 0)
  if sizes.series > 1 then self.names = nn.Embedding(sizes.series, 8) end
  self.recurrent = nn[sizes.cell](sizes.inputs + constant, units, { layers = sizes.layers, returns = "last",
    dropout = sizes.layers > 1 and sizes.dropout or nil })
  self.dropout = nn.Dropout(sizes.dropout)
  self.memory = nn.Linear(units, hidden)
  self.steps = nn.Embedding(sizes.horizon, hidden)
  if sizes.future > 0 then self.coming = nn.Linear(2 * sizes.future, hidden, { bias = false }) end
  self.head = nn.Linear(hidden, sizes.targets * sizes.columns, { kernel = "zeros" })
  local outputs = sizes.horizon * sizes.targets
  self.change = nn.Linear(self:terms(), outputs, { kernel = "zeros" })
  self.window_weight, self.constant = core.zeros(outputs, self:terms()), core.zeros(outputs) -- of the regression
  if sizes.future > 0 then self.calendar_weight = core.zeros(sizes.horizon, sizes.future, sizes.targets) end
  self.trust = core.ones(1)
end)

local RECENT <const> = 3 -- steps of which the linear model sees the columns beside the target

-- Columns of a step that are neither targets nor known in advance.
local function beside(sizes) return sizes.inputs - sizes.targets - sizes.future end

-- Inputs of the linear model: the changes of the window against its last step, this step, what stood beside it lately,
-- and what is known of that step.
function Network:terms()
  local sizes = self.sizes
  return sizes.length * sizes.targets + beside(sizes) * math.min(RECENT, sizes.length) + sizes.future
end

-- last (N, 1, K), terms (N, terms)
local function window_of(self, series)
  local sizes = self.sizes
  local n, k, steps = #series, sizes.targets, sizes.length
  local targets = series:slice(3, 1, k)
  local last = targets:slice(2, steps, steps)
  local parts = { last:reshape(n, k) }
  if steps > 1 then parts[2] = (targets:slice(2, 1, steps - 1) - last):reshape(n, -1) end
  if beside(sizes) > 0 then
    parts[#parts + 1] = series:slice(2, math.max(1, steps - RECENT + 1), steps)
      :slice(3, k + 1, sizes.inputs - sizes.future):reshape(n, -1)
  end
  if sizes.future > 0 then
    parts[#parts + 1] = series:select(2, steps):slice(2, sizes.inputs - sizes.future + 1, sizes.inputs)
  end
  return last, #parts > 1 and core.concat(parts, 2) or parts[1]
end

-- The linear forecast (N, H, K), and what training has changed in it.
local function linear(self, x)
  local sizes = self.sizes
  local n, h, k = #x.series, sizes.horizon, sizes.targets
  local last, terms = window_of(self, x.series)
  local base = last:broadcast_to(n, h, k)
    + core.linear(terms, self.window_weight, self.constant):reshape(n, h, k)
  if self.calendar_weight then -- of each step ahead its own columns: (H, N, F) x (H, F, K)
    base = base + x.future:transpose(1, 2):matmul(self.calendar_weight):transpose(1, 2)
  end
  return base, self.change(terms)
end

function Network:forward(x)
  local sizes = self.sizes
  local n, h, steps = #x.series, sizes.horizon, sizes.length
  local parts = { x.series }
  local base, change = linear(self, x)
  if sizes.static > 0 then
    parts[2] = x.static:reshape(n, 1, sizes.static):broadcast_to(n, steps, sizes.static)
  end
  if self.names then
    parts[#parts + 1] = self.names(x.id:select(2, 1)):reshape(n, 1, 8):broadcast_to(n, steps, 8)
  end
  local state = self.recurrent(#parts > 1 and core.concat(parts, 3) or x.series)
  local hidden = self.memory(self.dropout(state)):unsqueeze(2) + self.steps(core.arange(h))
  if self.coming then
    local now = x.series:slice(2, steps, steps):slice(3, sizes.inputs - sizes.future + 1, sizes.inputs)
    hidden = hidden + self.coming(core.concat({ x.future, now:broadcast_to(n, h, sizes.future) }, 3))
  end
  local y = self.head(self.dropout(hidden:relu())):reshape(n, h * sizes.targets, sizes.columns)
  local centre = sizes.centre
  local learnt = y:slice(3, centre, centre) + change:unsqueeze(3)
  local columns = { base:reshape(n, h * sizes.targets, 1) + learnt * self.trust }
  if centre > 1 then table.insert(columns, 1, y:slice(3, 1, centre - 1)) end
  if centre < sizes.columns then columns[#columns + 1] = y:slice(3, centre + 1, sizes.columns) end
  return (#columns > 1 and core.concat(columns, 3) or columns[1]):reshape(n, -1)
end

-- What the linear model of step j reads: (N, terms + future + 1).
local function design(terms, future, j)
  local parts = { terms, core.ones(#terms, 1) }
  if future then parts[2], parts[3] = future:select(2, j), parts[2] end
  return core.concat(parts, 2)
end

-- Takes a simple forecast, weights (H, steps) of the changes of a window against its last step.
local function take_simple(self, weights)
  local sizes = self.sizes
  local h, k, steps = sizes.horizon, sizes.targets, sizes.length
  local parts = { core.zeros(h * k, k) }
  if steps > 1 then
    local each = weights:slice(2, 1, steps - 1):reshape(h, 1, steps - 1, 1) * core.eye(k):reshape(1, k, 1, k)
    parts[2] = each:reshape(h * k, (steps - 1) * k)
  end
  local rest = self:terms() - steps * k
  if rest > 0 then parts[#parts + 1] = core.zeros(h * k, rest) end
  self.window_weight:assign(#parts > 1 and core.concat(parts, 2) or parts[1])
end

-- The simple forecast with the least error in windows, its name and the error, summed over the steps ahead.
local function best_simple(sizes, series, y, weights)
  local n, h, k, steps = #series, sizes.horizon, sizes.targets, sizes.length
  local targets = series:slice(3, 1, k)
  local last = targets:slice(2, steps, steps)
  local changes, goal = (targets - last):transpose(2, 3), y:reshape(n, h, k) - last
  local best, least, label = nil, math.huge, nil
  for _, each in ipairs(simple.all(steps, h, sizes.season)) do
    local e = (changes:matmul(each.weights:transpose(1, 2)):transpose(2, 3) - goal):abs()
    if weights then e = e * weights:reshape(n, h, k) end
    local sum = e:mean():item() * h
    if sum < least then best, least, label = each.weights, sum, each.label end
  end
  return best, least, label
end

--- network:begin(train, valid [, base]) -> base: the linear model of the windows of train with the penalty that is best
--- on valid, a number, or a better simple forecast, { weights =, label = }; or that one; of "simple" ones the best.
function Network:begin(train, valid, base)
  if type(base) == "table" then
    take_simple(self, base.weights)
    return base
  end
  local sizes, penalty, penalties = self.sizes, base, base and { base } or PENALTIES
  if base == "simple" then penalties = {} end
  local width = self:terms() + sizes.future + 1
  local most = math.max(PRODUCTS / (width * width * sizes.horizon * #penalties), 4 * width)
  local x, y, weights = train:some(most)
  local vx, vy, vweights = valid:some(2000)
  local k, h = sizes.targets, sizes.horizon
  local last, terms = window_of(self, x.series)
  local vlast, vterms = window_of(self, vx.series)
  local function goal(t, from, j) return t:reshape(#t, h, k):select(2, j) - from:select(2, 1) end
  local found, least = nil, math.huge
  for _, each in ipairs(penalties) do
    local error_sum, solution = 0.0, {}
    for j = 1, h do
      local a, b = design(terms, x.future, j), goal(y, last, j)
      if weights then
        local whole = weights:reshape(#y, h, k):select(2, j):min(2):gt(0):nonzero()
        if #whole < 2 then break end
        a, b = a:gather(1, whole), b:gather(1, whole)
      end
      local w = core.ridge(a, b, each * #a)
      local e = (design(vterms, vx.future, j):matmul(w) - goal(vy, vlast, j)):abs()
      if vweights then e = e * vweights:reshape(#vy, h, k):select(2, j) end
      solution[j], error_sum = w, error_sum + e:mean():item()
    end
    if #solution == h and error_sum < least then found, least, penalty = solution, error_sum, each end
  end
  if not base or base == "simple" then
    local weights_of, error_sum, label = best_simple(sizes, vx.series, vy, vweights)
    if weights_of and error_sum <= least then
      take_simple(self, weights_of)
      return { weights = weights_of, label = label }
    end
  end
  if not found then return end
  local n = self:terms()
  local window, calendar, constant = {}, {}, {}
  for j, w in ipairs(found) do -- (width, K)
    window[j], constant[j] = w:rows(1, n):transpose(1, 2), w:rows(width, width):reshape(k)
    if self.calendar_weight then calendar[j] = w:rows(n + 1, n + sizes.future) end
  end
  self.window_weight:assign(core.concat(window, 1))
  self.constant:assign(core.concat(constant, 1))
  if self.calendar_weight then self.calendar_weight:assign(core.stack(calendar, 1)) end
  return penalty
end

return Network
