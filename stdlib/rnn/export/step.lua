-- step.lua: the graph of one step as a C function. What goes element by element with the same width is one loop;
-- products, sums of rows and the like are calls between loops. What a loop leaves for later lies in the state.

local core = require "rnn.core"
local graph = require "rnn.export.graph"
local functions = require "rnn.export.functions"
local constants = require "rnn.export.constants"
local passes = require "rnn.export.passes"

local step = {}

local float = constants.float

-- ---- element by element: the C expression of an op: (writer, its numbers, expressions of its inputs) ----

local function infix(sign) return function(_, _, a, b) return ("(%s %s %s)"):format(a, sign, b) end end
local function compare(sign) return function(_, _, a, b) return ("(%s %s %s ? 1.0f : 0.0f)"):format(a, sign, b) end end

local each = {
  add = infix "+", sub = infix "-", mul = infix "*", div = infix "/",
  neg = function(_, _, a) return "(-" .. a .. ")" end,
  eq = compare "==", ne = compare "!=", lt = compare "<", le = compare "<=", gt = compare ">", ge = compare ">=",
  logical_and = infix "*", logical_xor = compare "!=",
  logical_or = function(_, _, a, b) return ("(%s >= %s ? %s : %s)"):format(a, b, a, b) end,
  logical_not = function(_, _, a) return ("(%s == 0.0f ? 1.0f : 0.0f)"):format(a) end,
  maximum = function(_, _, a, b) return ("(%s >= %s || %s != %s ? %s : %s)"):format(a, b, a, a, a, b) end,
  minimum = function(_, _, a, b) return ("(%s <= %s || %s != %s ? %s : %s)"):format(a, b, a, a, a, b) end,
  where = function(_, _, m, a, b) return ("(%s != 0.0f ? %s : %s)"):format(m, a, b) end,
  fma = function(w, _, a, b, c) return w:call("FMA", a, b, c) end,
  square = function(_, _, a) return ("(%s * %s)"):format(a, a) end,
  reciprocal = function(_, _, a) return ("(1.0f / %s)"):format(a) end,
  rsqrt = function(w, _, a) return ("(1.0f / %s)"):format(w:call("sqrt", a)) end,
  relu = function(_, _, a) return ("(0.0f >= %s ? 0.0f : %s)"):format(a, a) end,
  leaky_relu = function(_, n, a) return ("(%s > 0.0f ? %s : %s * %s)"):format(a, a, float(n[1]), a) end,
  elu = function(w, _, a) return ("(%s > 0.0f ? %s : %s)"):format(a, a, w:call("expm1", a)) end,
  selu = function(w, _, a)
    return ("(1.05070102f * (%s > 0.0f ? %s : 1.67326319f * %s))"):format(a, a, w:call("expm1", a))
  end,
  softsign = function(w, _, a)
    return ("(%s == PRE_number(0x7f800000u) ? (%s > 0.0f ? 1.0f : -1.0f) : %s / (1.0f + %s))"):format(w:call("abs", a),
      a, a, w:call("abs", a))
  end,
  hard_sigmoid = function(_, _, a)
    return ("(%s <= -3.0f ? 0.0f : %s >= 3.0f ? 1.0f : %s / 6.0f + 0.5f)"):format(a, a, a)
  end,
  clamp = function(_, n, a)
    local text = a
    if n[2] < math.huge then text = ("(%s > %s ? %s : %s)"):format(a, float(n[2]), float(n[2]), text) end
    if n[1] > -math.huge then text = ("(%s < %s ? %s : %s)"):format(a, float(n[1]), float(n[1]), text) end
    return text
  end,
  sign = function(_, _, a) return ("(float)((%s > 0.0f) - (%s < 0.0f))"):format(a, a) end,
  ceil = function(w, _, a) return "(-" .. w:call("floor", "-" .. a) .. ")" end,
  floor_div = function(w, _, a, b) return w:call("floor", ("%s / %s"):format(a, b)) end,
  is_finite = function(_, _, a) return ("(%s - %s == 0.0f ? 1.0f : 0.0f)"):format(a, a) end,
  silu = function(w, _, a)
    return ("(%s == PRE_number(0xff800000u) ? 0.0f : %s * %s)"):format(a, a, w:call("sigmoid", a))
  end,
  log_sigmoid = function(w, _, a) return "(-" .. w:call("softplus", "-" .. a) .. ")" end,
}
for _, name in ipairs { "exp", "tanh", "sigmoid", "log", "log1p", "softplus", "gelu", "erf", "expm1", "sin", "cos",
  "sqrt", "floor", "round", "mod", "abs" } do
  each[name] = function(w, _, ...) return w:call(name, ...) end
end

-- Which functions of functions.lua an op's text calls beside the one of its name.
local homes = { abs = "bits", softsign = "bits", silu = "sigmoid", number = "bits" }

-- ---- of whole rows ----

-- (writer, value, where its result goes, names of its inputs' first elements) -> lines of C
local rows = {}

function rows.concat(w, v, to, ...)
  local lines, at = {}, 0
  for i, from in ipairs { ... } do
    local n = v.inputs[i].width
    lines[i] = w:copy(("%s + %d"):format(to, at), from, n)
    at = at + n
  end
  return table.concat(lines, "\n")
end

local function reduce(name, format)
  return function(w, v, to, from)
    w.wanted[name] = true
    return ("  *(%s) = "):format(to) .. format:format(v.inputs[1].width, from) .. ";"
  end
end
rows.sum = reduce("sum", "(float)PRE_sum(%d, %s)")
rows.mean = function(w, v, to, from)
  w.wanted.sum = true
  local n = v.inputs[1].width
  return ("  *(%s) = (float)(PRE_sum(%d, %s) / %d.0);"):format(to, n, from, n)
end
rows.max, rows.min = reduce("extreme", "PRE_extreme(%d, %s, 0)"), reduce("extreme", "PRE_extreme(%d, %s, 1)")

local function whole(name)
  return function(w, v, to, from)
    w.wanted[name] = true
    return ("  PRE_%s(%d, %s, %s);"):format(name, v.width, from, to)
  end
end
rows.softmax, rows.log_softmax = whole "softmax", whole "log_softmax"

function rows.layer_norm(w, v, to, from, gain, bias)
  w.wanted.layer_norm = true
  return ("  PRE_layer_norm(%d, %s, %s, %s, %.17g, %s);"):format(v.width, from, gain, bias or "0", v.numbers[1], to)
end

-- y = start + W x. The weights lie in blocks of columns, in each by inputs.
function rows.linear(w, v, to, from, _, start)
  local k, n, lines, at = v.inputs[1].width, v.width, {}, 0
  local name, blocks = w:matrix(v.inputs[2], v.op == "matmul")
  w.macs = w.macs + k * n
  for i, width in ipairs(blocks) do
    lines[i] = ("  %s(%d, %s, %s + %d, %s, %s + %d);"):format(w:product(width, v.inputs[2].bytes), k, from, name,
      at * k, start and ("%s + %d"):format(start, at) or "0", to, at)
    at = at + width
  end
  return table.concat(lines, "\n")
end
rows.matmul = rows.linear

function rows.embedding(_, v, to, id, name)
  local element = ("%s%s[(%s - 1) * %d + j]"):format(v.inputs[2].bytes and "(float)" or "", name, id, v.width)
  return ("  for (j = 0; j < %d; j++) (%s)[j] = %s > 0 ? %s : 0.0f;"):format(v.width, to, id, element)
end

-- ---- a graph ----

local Writer = {}
Writer.__index = Writer

function Writer:call(name, ...)
  local home = homes[name] or name
  if functions.known(home) then self.wanted[home] = true end
  return ("PRE_%s(%s)"):format(name, table.concat({ ... }, ", "))
end

function Writer:copy(to, from, n) -- luacheck: no self
  return ("  for (j = 0; j < %d; j++) (%s)[j] = (%s)[j];"):format(n, to, from)
end

-- What a value lies in, and from which column on.
local function base_of(value)
  local from = 0
  while value.op == "part" do value, from = value.inputs[1], from + value.from end
  return value, from
end

-- The first element of a value that lies somewhere.
function Writer:place(value)
  local base, from = base_of(value)
  local name
  if base.kind == "x" then name = base.ids and "id" or "x"
  elseif base.kind == "state" then name = ("s->%s"):format(self.state_names[base.index])
  elseif base.kind == "constant" then name = self:array(base)
  elseif base.kind == "t" then name = "&t"
  else
    name = self.home[base]
  end
  return from > 0 and ("%s + %d"):format(name, from) or name
end

-- Element j of what begins at a place.
local function at_j(place)
  local name, from = place:match "^(.*) %+ (%d+)$"
  return name and ("%s[%s + j]"):format(name, from) or place .. "[j]"
end

-- Its element j, in a loop over width of them.
function Writer:element(value, width)
  if value.kind == "number" then return float(value.value) end
  if value.kind == "constant" and value.count == 1 then return float(value.tensor:reshape(1):select(1, 1):item()) end
  local base, from = base_of(value)
  if base.kind == "t" then return "t" end
  if self.scalars[base] then return self.scalars[base] end
  local place = (base.bytes and "(float)" or "") .. self:place(base)
  if value.width == 1 and width > 1 then return ("%s[%d]"):format(place, from) end
  return at_j(from > 0 and ("%s + %d"):format(place, from) or place)
end

function Writer:refuse(value, format, ...) -- luacheck: no self
  core.fail("rnn.export_c: %s%s: %s", value.line and value.line ~= "" and value.line .. ": " or "", value.op,
    format:format(...))
end

local function check(self, v)
  if v.kind ~= "op" or v.op == "part" then return end
  local name = v.op
  if each[name] then return end
  if not rows[name] then self:refuse(v, "this operation cannot be exported") end
  local over_last = { softmax = true, log_softmax = true, concat = true }
  if over_last[name] and v.integers[1] ~= 1 then self:refuse(v, "along another axis than the last") end
  if (name == "linear" or name == "matmul") then
    local w = v.inputs[2]
    if w.kind ~= "constant" or #w.dims ~= 2 then self:refuse(v, "a product of two values that both change") end
  end
end

-- ---- the order: loops as long as they can be ----

local function is_loop(v) return each[v.op] ~= nil end

-- Groups: { width, values } of a loop, or { values = { one } }.
local function group(list)
  local waiting, groups, done, made = {}, {}, {}, {}
  for _, v in ipairs(list) do
    if v.kind == "op" and v.op ~= "part" then waiting[#waiting + 1] = v else done[v] = true end
  end
  local function ready(v, width)
    for _, input in ipairs(v.inputs) do
      local base, from = base_of(input)
      if base.kind == "op" then
        if made[base] then -- in the group at hand: the same column of it
          local same = width and v.width == width and base.width == width and from == 0 and input.width == width
          if not same then return false end
        elseif not done[base] then return false
        end
      end
    end
    return true
  end
  while #waiting > 0 do
    local first
    for i, v in ipairs(waiting) do -- first what is no loop: more may be ready for the loop then
      if ready(v) and (not first or not is_loop(v) and is_loop(waiting[first])) then first = i end
    end
    local v = table.remove(waiting, first)
    local now = { values = { v }, width = is_loop(v) and v.width or nil }
    made = { [v] = true }
    if now.width then
      local i = 1
      while waiting[i] do
        if is_loop(waiting[i]) and waiting[i].width == now.width and ready(waiting[i], now.width) then
          local more = table.remove(waiting, i)
          made[more], now.values[#now.values + 1] = true, more
          i = 1
        else
          i = i + 1
        end
      end
    end
    for _, each_value in ipairs(now.values) do done[each_value] = true end
    made = {}
    groups[#groups + 1] = now
  end
  return groups
end

-- For each value that lies somewhere the last group that reads it; math.huge: the end.
local function last_reads(g, groups)
  local last, outside = {}, {}
  for k, group_now in ipairs(groups) do
    local own = {}
    for _, v in ipairs(group_now.values) do own[v] = true end
    for _, v in ipairs(group_now.values) do
      for _, input in ipairs(v.inputs) do
        local base, from = base_of(input)
        last[base] = k
        if not own[base] then outside[base] = true end
        if base.kind == "state" and not (group_now.width == base.width and from == 0 and input.width == base.width) then
          last[base] = k + 0.5 -- not the same columns: not to be overwritten in this group
        end
      end
    end
  end
  for _, v in ipairs(g.new) do
    local base = base_of(v)
    if base ~= v or base.kind ~= "op" then last[base] = math.huge end
    outside[base] = true
  end
  local y = base_of(g.y)
  outside[y] = true
  if y ~= g.y or y.kind ~= "op" then last[y] = math.huge end
  return last, outside
end

-- Where values lie: the output, a state that nothing reads any more, or a place of the state for work.
local function give_homes(self, g, groups)
  local last, outside = last_reads(g, groups)
  local free, count, ends = {}, 0, {}
  local states_of = {}
  for k, v in ipairs(g.new) do
    states_of[v] = states_of[v] or {}
    table.insert(states_of[v], k)
  end
  self.also = {} -- of a value in a loop, further places
  for at, now in ipairs(groups) do
    for _, v in ipairs(now.values) do
      if outside[v] or not now.width then
        local homes_of_v = {}
        for _, k in ipairs(states_of[v] or {}) do
          local read = last[g.states[k]] or 0
          if read < at or (read == at and now.width) then
            homes_of_v[#homes_of_v + 1] = "s->" .. self.state_names[k]
            self.direct[k] = true
          end
        end
        if v == g.y then table.insert(homes_of_v, 1, "y") end
        local needed = (last[v] or 0) > at or (states_of[v] and #homes_of_v == 0)
        for _, k in ipairs(states_of[v] or {}) do needed = needed or not self.direct[k] end
        if #homes_of_v == 0 or (needed and homes_of_v[1] == "y" and not homes_of_v[2]) then
          local list = free[v.width] or {}
          free[v.width] = list
          local name = table.remove(list)
          if not name then
            count = count + 1
            name = ("w%d"):format(count)
            self.fields[#self.fields + 1] = { name = self.prefix .. name, width = v.width }
            name = "s->" .. self.prefix .. name
            self.works[name] = true
          end
          table.insert(homes_of_v, 1, name)
          local till = last[v] or at
          for _, k in ipairs(states_of[v] or {}) do till = self.direct[k] and till or math.huge end
          if till < math.huge then ends[#ends + 1] = { till = till, name = name, width = v.width } end
        elseif homes_of_v[1] == "y" and homes_of_v[2] then -- read from the state, which is ours
          table.insert(homes_of_v, table.remove(homes_of_v, 1))
        end
        self.home[v] = table.remove(homes_of_v, 1)
        self.also[v] = homes_of_v
      end
    end
    for i = #ends, 1, -1 do
      if ends[i].till <= at then
        table.insert(free[ends[i].width], ends[i].name)
        table.remove(ends, i)
      end
    end
  end
  return last
end

local function loop_text(self, values, width)
  local lines = { ("  for (j = 0; j < %d; j++) {"):format(width) }
  self.scalars = {}
  for _, v in ipairs(values) do
    local operands = {}
    for i, input in ipairs(v.inputs) do operands[i] = self:element(input, width) end
    self.count = self.count + 1
    local name = ("v%d"):format(self.count)
    local text = each[v.op](self, v.numbers, table.unpack(operands))
    if text:find "PRE_number" then self.wanted.bits = true end
    lines[#lines + 1] = ("    const float %s = %s;"):format(name, text:match "^%((.*)%)$" and text:find "^%b()$"
      and text:sub(2, -2) or text)
    self.scalars[v] = name
  end
  for _, v in ipairs(values) do
    if self.home[v] then
      lines[#lines + 1] = ("    %s = %s;"):format(at_j(self.home[v]), self.scalars[v])
      for _, more in ipairs(self.also[v] or {}) do
        lines[#lines + 1] = ("    %s = %s;"):format(at_j(more), self.scalars[v])
      end
    end
  end
  self.scalars = {}
  lines[#lines + 1] = "  }"
  return table.concat(lines, "\n")
end

-- A group of values as loops; is_last(base): nobody reads it behind them.
local function loops_text(self, now, is_last)
  local function homes_of(v)
    local list = {}
    for _, place in ipairs { self.home[v], table.unpack(self.also[v] or {}) } do
      list[#list + 1] = self.state_of[place] or place
    end
    return list
  end
  local function spare(base)
    local home = self.home[base]
    return home and self.works[home] and is_last(base) and home
  end
  local list, places = passes(now.values, now.width, base_of, homes_of, spare)
  for v, place in pairs(places or {}) do self.home[v] = place end
  local lines = {}
  for i, values in ipairs(list or { now.values }) do lines[i] = loop_text(self, values, now.width) end
  return table.concat(lines, "\n")
end

local function row_text(self, v)
  local places = {}
  for i, input in ipairs(v.inputs) do
    if input.kind == "number" or (v.op == "linear" or v.op == "matmul") and i == 2 then places[i] = "0"
    elseif i == 3 and (v.op == "linear" or v.op == "matmul") and input.width ~= v.width then
      places[i] = self:array(graph.constant(input.tensor:reshape(1):broadcast_to(v.width)))
    else
      places[i] = self:place(input)
    end
  end
  local lines = { rows[v.op](self, v, self.home[v], table.unpack(places)) }
  for _, more in ipairs(self.also[v]) do lines[#lines + 1] = self:copy(more, self.home[v], v.width) end
  return table.concat(lines, "\n")
end

--- step.write(file, g, name, prefix) -> text of the function
---
--- file gathers what is of the whole file: array(constant), matrix(constant, turned), product(width, bytes, starts),
--- wanted (functions), fields of the state, macs. prefix begins the names of this graph's fields.
function step.write(file, g, name, prefix)
  local self = setmetatable({ wanted = file.wanted, fields = file.fields, prefix = prefix, macs = 0, count = 0,
    home = {}, scalars = {}, direct = {}, state_names = {}, state_of = {}, works = {},
    array = function(_, value) return file:array(value) end,
    matrix = function(_, ...) return file:matrix(...) end,
    product = function(_, ...) return file:product(...) end }, Writer)
  for k, state in ipairs(g.states) do
    self.state_names[k] = ("%sh%d"):format(prefix, k)
    self.state_of["s->" .. self.state_names[k]] = state
    file.fields[#file.fields + 1] = { name = self.state_names[k], width = state.width, start = g.start[k] }
  end
  local list = graph.order(g)
  local timed = false
  for _, v in ipairs(list) do
    check(self, v)
    timed = timed or v.kind == "t"
  end
  local groups = group(list)
  local last = give_homes(self, g, groups)
  local lines = {}
  for at, now in ipairs(groups) do
    lines[at] = now.width and loops_text(self, now, function(base) return last[base] == at end)
      or row_text(self, now.values[1])
  end
  if base_of(g.y) ~= g.y or g.y.kind ~= "op" then lines[#lines + 1] = self:copy("y", self:place(g.y), g.y.width) end
  -- States that did not get their values where these were made; first those made of other states.
  local moved = {}
  for k, v in ipairs(g.new) do
    if not self.direct[k] and v ~= g.states[k] then
      local from = self:place(v)
      if base_of(v).kind == "state" then
        local place = ("%sm%d"):format(prefix, k)
        file.fields[#file.fields + 1] = { name = place, width = v.width }
        lines[#lines + 1] = self:copy("s->" .. place, from, v.width)
        from = "s->" .. place
      end
      moved[#moved + 1] = self:copy("s->" .. self.state_names[k], from, v.width)
    end
  end
  table.move(moved, 1, #moved, #lines + 1, lines)
  file.macs = file.macs + self.macs
  if timed then
    file.timed[prefix] = true
    table.insert(lines, 1, ("  const float t = (float)++s->%st;"):format(prefix))
  end
  local body = table.concat(lines, "\n")
  local x = g.x.ids and "int32_t id" or "const float *PRE_RESTRICT x"
  local unused = ""
  if not g.x.ids and not body:find "%f[%w_]x%f[^%w_]" then unused = "  (void)x;\n" end
  if not body:find "s%->" then unused = unused .. "  (void)s;\n" end
  return ("static void %s(PRE_state *PRE_RESTRICT s, %s, float *PRE_RESTRICT y) {\n%s%s%s\n}\n"):format(name, x,
    body:find "%f[%w_]j%f[^%w_]" and "  int32_t j;\n" or "", unused, body)
end

return step
