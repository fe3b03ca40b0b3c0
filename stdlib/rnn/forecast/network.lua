-- network.lua: the network of a Forecaster that is given no other: a linear model of the window, fitted by ridge
-- regression or, where that foretells rows held out better, a simple forecast that is one as well (simple.lua); and a
-- recurrent network that learns what is wrong with it. Before training it is the linear model; trust, from 0 to 1, is
-- the share of what was learnt that is added to it.

local core = require "rnn.core"
local nn = require "rnn.nn"
local simple = require "rnn.forecast.simple"

local PENALTIES = { 3e-6, 3e-5, 3e-4, 3e-3, 3e-2, 3e-1 } -- for each window, of the ridge regression
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

-- A simple forecast, weights (H, steps) of the changes of a window against its last step, as weights of the window.
local function of_simple(self, weights)
  local sizes = self.sizes
  local h, k, steps = sizes.horizon, sizes.targets, sizes.length
  local parts = { core.zeros(h * k, k) }
  if steps > 1 then
    local each = weights:slice(2, 1, steps - 1):reshape(h, 1, steps - 1, 1) * core.eye(k):reshape(1, k, 1, k)
    parts[2] = each:reshape(h * k, (steps - 1) * k)
  end
  local rest = self:terms() - steps * k
  if rest > 0 then parts[#parts + 1] = core.zeros(h * k, rest) end
  return #parts > 1 and core.concat(parts, 2) or parts[1]
end

-- Simple forecasts with their errors in windows, of a step ahead in the mean, as further candidates.
local function add_simple(list, sizes, series, y, weights)
  local n, h, k, steps = #series, sizes.horizon, sizes.targets, sizes.length
  local targets = series:slice(3, 1, k)
  local last = targets:slice(2, steps, steps)
  local changes, goal = (targets - last):transpose(2, 3), y:reshape(n, h, k) - last
  for _, each in ipairs(simple.all(steps, h, sizes.season)) do
    local e = (changes:matmul(each.weights:transpose(1, 2)):transpose(2, 3) - goal):abs()
    if weights then e = e * weights:reshape(n, h, k) end
    list[#list + 1] = { simple = each.weights, label = each.label, error = e:mean():item() }
  end
end

-- What the targets change from the last step of windows to the j-th ahead: (N, K).
local function change_of(sizes, y, last, j)
  return y:reshape(#y, sizes.horizon, sizes.targets):select(2, j) - last:select(2, 1)
end

-- Regressions of the steps ahead, one for each penalty: the penalties with their solutions, (width, K) of each step.
local function regressions(self, x, y, weights, penalties)
  local k, h = self.sizes.targets, self.sizes.horizon
  local last, terms = window_of(self, x.series)
  local list, scaled = {}, {}
  for i, penalty in ipairs(penalties) do list[i] = { penalty = penalty, solution = {} } end
  for j = 1, h do
    local a, b = design(terms, x.future, j), change_of(self.sizes, y, last, j)
    if weights then
      local whole = weights:reshape(#y, h, k):select(2, j):min(2):gt(0):nonzero()
      if #whole < 2 then return {} end
      a, b = a:gather(1, whole), b:gather(1, whole)
    end
    for i, penalty in ipairs(penalties) do scaled[i] = penalty * #a end
    for i, w in ipairs(core.ridge(a, b, scaled)) do list[i].solution[j] = w end
  end
  return list
end

-- Their errors in other windows.
local function judge(self, list, x, y, weights)
  local k, h = self.sizes.targets, self.sizes.horizon
  local last, terms = window_of(self, x.series)
  for j = 1, #list > 0 and h or 0 do
    local a, b = design(terms, x.future, j), change_of(self.sizes, y, last, j)
    for _, each in ipairs(list) do
      local e = (a:matmul(each.solution[j]) - b):abs()
      if weights then e = e * weights:reshape(#y, h, k):select(2, j) end
      each.error = (each.error or 0) + e:mean():item() / h
    end
  end
end

-- Shares of candidates by their errors in n independent values, error^-n, as their likelihood has it where errors are
-- Laplace's (Hoeting et al. 1999, "Bayesian model averaging"): few windows do not tell the best from those nearly as
-- good, and the mean of these errs less.
local function share(list, n)
  local best, sum = nil, 0.0
  for _, each in ipairs(list) do
    if each.error == each.error and (not best or each.error < best.error) then best = each end
  end
  if not best then return nil end
  for _, each in ipairs(list) do
    each.share = each.error == best.error and 1 or each.error == each.error and (best.error / each.error) ^ n or 0
    if each.share < simple.LEAST then each.share = 0 end
    sum = sum + each.share
  end
  local base = { label = best.label, penalties = {}, shares = {} }
  for _, each in ipairs(list) do
    each.share = each.share / sum
    if each.share > 0 and each.penalty then
      table.insert(base.penalties, each.penalty)
      table.insert(base.shares, each.share)
    elseif each.share > 0 then
      base.simple = (base.simple or 0) + each.simple * each.share
    end
  end
  return base
end

-- Takes the mean of what a base says, its regressions fitted to windows.
local function take(self, base, x, y, weights)
  local sizes, n, k = self.sizes, self:terms(), self.sizes.targets
  local fitted = #base.penalties > 0 and regressions(self, x, y, weights, base.penalties) or {}
  if base.simple then self.window_weight:assign(of_simple(self, base.simple)) end
  for i, each in ipairs(fitted) do
    local window, calendar, constant = {}, {}, {}
    for j, w in ipairs(each.solution) do
      local width = #w
      window[j], constant[j] = w:rows(1, n):transpose(1, 2), w:rows(width, width):reshape(k)
      if self.calendar_weight then calendar[j] = w:rows(n + 1, n + sizes.future) end
    end
    local part = base.shares[i]
    self.window_weight:assign(self.window_weight + core.concat(window, 1) * part)
    self.constant:assign(self.constant + core.concat(constant, 1) * part)
    if self.calendar_weight then
      self.calendar_weight:assign(self.calendar_weight + core.stack(calendar, 1) * part)
    end
  end
end

--- network:begin(train, valid [, base]) -> base: the mean of the linear models of the windows of train and of the
--- simple forecasts that are good on valid: { label =, the best's name where it is a simple one, penalties =, shares =,
--- of regressions, simple =, weights of the others }; or of that base; of "simple" no regression.
function Network:begin(train, valid, base)
  local sizes = self.sizes
  local width = self:terms() + sizes.future + 1
  local most = math.max(PRODUCTS / (width * width * sizes.horizon), 4 * width)
  local x, y, weights = train:some(most)
  if type(base) ~= "table" then
    local vx, vy, vweights = valid:some(2000)
    local list = base == "simple" and {} or regressions(self, x, y, weights, PENALTIES)
    judge(self, list, vx, vy, vweights)
    add_simple(list, sizes, vx.series, vy, vweights)
    base = share(list, simple.VALUES * math.max(#valid / sizes.horizon, 1))
  end
  if base then take(self, base, x, y, weights) end
  return base
end

return Network
