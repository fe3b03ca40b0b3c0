-- program.lua: what a formula leaves in the loop over time, as instructions for core.scan, and the way back through
-- them.
--
-- program_rules.lua says what becomes of each op, forward and back; program_builder.lua gathers the instructions. What
-- the way back needs is kept for all steps, unless it is cheap to compute again from what is kept anyway.

local core = require "rnn.core"
local formula = require "rnn.nn.formula"
local Builder = require "rnn.nn.program_builder"
local rules = require "rnn.nn.program_rules"

local is_constant, backward = formula.is_constant, rules.backward

local program = {}

-- ---- the order of instructions ----

-- The width of what an instruction goes through element by element, or 0.
local function width_of(i)
  if Builder.of_rows[i.op] then return 0 end
  return i.op == "accumulate" and i.a.width or i.to.width
end

-- The same instructions, those that go element by element as often behind each other as they can.
local function group(code)
  local writers, left, result = {}, {}, {} -- of a value, those of itself and its parts
  local function writers_of(value)
    local whole = value.whole or value
    writers[whole] = writers[whole] or {}
    return writers[whole]
  end
  local function add_after(i, value)
    local from = value.from or 0
    for _, w in ipairs(writers_of(value)) do
      if w.from < from + value.width and from < w.to then
        i.waits = i.waits + 1
        table.insert(w.by.awaited, i)
      end
    end
  end
  local function add_writer(i, value)
    local list, from = writers_of(value), value.from or 0
    list[#list + 1] = { by = i, from = from, to = from + value.width }
  end
  for k, i in ipairs(code) do
    left[k], i.waits, i.awaited, i.columns = i, 0, {}, width_of(i)
    for _, name in ipairs { "a", "b", "c" } do
      if i[name] then add_after(i, i[name]) end
    end
    if i.add then add_after(i, i.to) end
    if i.op ~= "accumulate" then add_writer(i, i.to) end
    if i.op == "norm" then add_writer(i, i.b) end
  end
  local width
  while #left > 0 do
    local found
    for k, i in ipairs(left) do -- of the width at hand; else of whole rows; else the first
      if i.waits == 0 and (i.columns == width or not found) then
        found = k
        if i.columns == width then break end
      end
    end
    local i = table.remove(left, found)
    width = i.columns
    for _, later in ipairs(i.awaited) do later.waits = later.waits - 1 end
    result[#result + 1] = i
  end
  return result
end

local function numbered(code)
  local list = {}
  for k, i in ipairs(group(code)) do
    list[k] = { op = i.op, to = i.to.id, a = i.a and i.a.id, b = i.b and i.b.id, c = i.c and i.c.id, p = i.p, q = i.q,
      add = i.add, turned = i.turned }
  end
  return list
end

-- ---- the whole ----

-- Which values depend on something whose gradient is wanted.
local function find_needs(graph, list, about)
  local needs = {}
  local states = {}
  repeat
    local changed = false
    for _, value in ipairs(list) do
      local need = value.needs or (value.kind == "x" and about.x_needs) or (value.kind == "state" and states[value])
        or (value.kind == "shift" and needs[value.of]) or false
      if value.kind == "state" and about.state_needs[value.index] then need = true end
      if value.kind == "shift" and about.state_needs[value.index] then need = true end
      if value.kind == "op" and backward[value.op] ~= false then
        for _, input in ipairs(value.inputs) do need = need or (input and needs[input]) or false end
      end
      if need and not needs[value] then
        needs[value] = true
        changed = true
      end
    end
    for k, state in ipairs(graph.states) do
      if needs[graph.new[k]] and not states[state] then
        states[state] = true
        changed = true
      end
    end
  until not changed
  return needs
end

-- Cheap enough to be computed twice.
local cheap = { add = true, sub = true, mul = true, neg = true, square = true, eq = true, ne = true, lt = true,
  le = true, gt = true, ge = true, where = true, fma = true, maximum = true, minimum = true }

-- Values of the loop that the way back reads: saved, or computed again at its head from others that are there.
local function settle(b, list, forward_code)
  local there, first, head, code, columns = {}, {}, {}, b.code, {}
  for i = #list, 1, -1 do -- of which all columns are kept, part by part, is kept as it is
    local value = list[i]
    local whole = value.class == "loop" and (value.op == "part" or value.op == "reshape") and b.kept[value]
      and value.inputs[1]
    if whole then
      columns[whole] = (columns[whole] or 0) + value.width
      b.kept[whole] = b.kept[whole] or columns[whole] >= whole.width
    end
  end
  b.code, b.wide = head, {} -- what stands wide further on is not there yet
  for _, value in ipairs(list) do
    local made = b.made[value]
    b.at = value
    if value.kind == "state" then there[value] = true
    elseif value.op == "reshape" and value.class == "loop" then
      there[value], b.made[value] = there[value.inputs[1]], b.made[value.inputs[1]]
      if b.made[value] ~= made then first[value] = made end
    elseif value.op == "part" and value.class == "loop" then
      there[value] = there[value.inputs[1]] or b.kept[value]
      if b.replaced[made.whole] then
        b.replaced[made] = rules.of(value)(b, value)
        b.made[value], first[value] = b.replaced[made], made
      elseif b.kept[value] and not there[value.inputs[1]] then
        b.replaced[made] = b:value("saved", value.width)
        b.code = forward_code
        b.made[value] = b:emit("copy", value.width, made, nil, nil, { to = b.replaced[made] })
        b.code = head
      end
    elseif value.class == "loop" and b.kept[value] and made.kind == "temporary" then
      local again = cheap[value.op]
      for _, input in ipairs(value.inputs) do
        again = again and (not input or is_constant(input) or input.class ~= "loop" or there[input])
      end
      if again then
        b.replaced[made] = rules.of(value)(b, value)
        b.made[value] = b.replaced[made]
        first[value] = made
      else
        made.kind = "saved"
      end
      there[value] = true
    elseif made and made.kind ~= "temporary" then there[value] = true
    end
  end
  for value, made in pairs(first) do b.made[value] = made end
  for _, i in ipairs(code) do
    for _, name in ipairs { "a", "b", "c" } do i[name] = b.replaced[i[name]] or i[name] end
    head[#head + 1] = i
  end
end

-- What the way back leaves: gradients of first states, streams and products.
local function finish(b, graph, about)
  local taken = {}
  local function put(kind, width, d, index)
    if d and d.kind == "temporary" and not taken[d] and d.width == width then
      d.kind, d.index = kind, index
      taken[d] = d
      return d
    end
    local to = b:value(kind, width, { index = index })
    b:emit("copy", width, d or b:constant(b.zero, width), nil, nil, { to = to })
    if d then taken[d] = to end
    return to
  end
  for value, made in pairs(b.made) do
    if made.kind == "stream" and b.needs[value] then b.streams[#b.streams + 1] = { value = value, made = made } end
  end
  table.sort(b.streams, function(x, y) return x.made.index < y.made.index end)
  for _, s in ipairs(b.streams) do put("d_stream", s.made.width, b.sums[s.value], s.made.index) end
  local function kept(gradient) -- for all steps
    local d = taken[gradient] or gradient
    local whole = d.whole or d
    if d.whole and whole.kind == "temporary" then whole.kind, whole.index = "d_product", 1 end
    if whole.kind == "d_stream" or whole.kind == "d_product" then return d end
    return put("d_product", gradient.width, gradient, 1)
  end
  for _, p in ipairs(b.products) do p.d = kept(p.gradient) end
  for k, value in ipairs(graph.new) do
    if about.watched and b.slot[k] == 1 and b.sums[value] then
      b.flow = kept(b.sums[value])
      if b.flow.whole then b.flow = put("d_product", value.width, b.flow, 1) end
    end
  end
  for k, state in ipairs(graph.states) do
    if not graph.shifted[k] then put("d_before", state.width, b.sums[state], b.slot[k]) end
  end
end

local activations = { tanh = false, relu = false, softsign = false, sigmoid = true, hard_sigmoid = true }

--- program.build(graph, about) -> { program, inputs, slots, states, results, ... } | nil, reason
---
--- about: { records, x_needs, state_needs, watched }. inputs are values of the graph whose tensors the program takes;
--- slots[k] is the place of state k among its states, nil for one that has left the loop; results are { value, batch }.
--- For explain: saved, the numbers kept of a sample and step; text, the program; made, its value of each of the
--- graph's; backward, whether there is a way back.
function program.build(graph, about)
  local list = formula.order(formula.roots_of(graph))
  local b = Builder.new()
  local states = 0
  for k in ipairs(graph.new) do
    if not graph.shifted[k] then
      states = states + 1
      b.slot[k] = states
    end
  end
  local function build()
    b.needs = about.records and find_needs(graph, list, about) or {}
    for k, state in ipairs(graph.states) do
      if b.slot[k] then b.made[state] = b:value("before", state.width, { index = b.slot[k] }) end
    end
    for _, value in ipairs(list) do
      b.at = value
      if value.class == "loop" and value.kind == "op" then
        local make = rules.of(value)
        if not make then b:refuse(value.op .. " has no rule for the loop") end
        if b.needs[value] and backward[value.op] == nil then
          b:refuse(value.op .. " has no gradient rule for the loop")
        end
        b.made[value] = make(b, value)
      end
    end
    -- New states, and what is wanted behind the loop.
    for k, value in ipairs(graph.new) do
      if b.slot[k] then
        local made = not is_constant(value) and b:own(value)
        if made and made.kind == "temporary" then
          made.kind, made.index = "after", b.slot[k]
        else
          local to = b:value("after", graph.states[k].width, { index = b.slot[k] })
          b:emit("copy", to.width, made or b:constant(value, to.width), nil, nil, { to = to })
        end
      end
    end
    -- Of the values of the loop, those that are needed at all steps.
    local results = {}
    local kept = { [true] = {}, [false] = {} } -- as a batch, and as steps
    local function keep(value, batch)
      if kept[batch][value] then return end
      kept[batch][value] = true
      local made = b:own(value)
      if made.whole then made = b:emit("copy", value.width, made) end
      if made.kind == "temporary" then made.kind = "saved" end
      results[#results + 1] = { value = value, made = made, batch = batch }
    end
    for _, value in ipairs(list) do
      for _, input in ipairs(value.class == "behind" and value.inputs or {}) do
        if input and input.class == "loop" then keep(input, false) end
      end
    end
    if graph.y.class == "loop" then keep(graph.y, true) end
    for _, value in ipairs(graph.recorded) do
      if value.class == "loop" then keep(value, false) end
    end
    b.results = results
    local forward_code = b.code
    -- The way back.
    b.code, b.wide = {}, {}
    local any = false
    for _, value in ipairs(list) do any = any or (b.needs[value] and value.class == "loop") end
    for k, value in ipairs(graph.new) do any = any or b.slot[k] and (b.needs[value] or about.state_needs[k]) end
    if any then
      for k, value in ipairs(graph.new) do
        if b.slot[k] and b.needs[graph.states[k]] or b.slot[k] and b.needs[value] then
          b:give(value, b:value("d_after", graph.states[k].width, { index = b.slot[k] }), value.width)
        end
      end
      for j, r in ipairs(results) do
        if b.needs[r.value] and r.made.kind ~= "after" then
          b:give(r.value, b:value("d_result", r.value.width, { index = j }), r.value.width)
        end
      end
      for i = #list, 1, -1 do
        local value = list[i]
        b:join(value)
        b.at = value
        if value.class == "loop" and value.kind == "op" and b.sums[value] and backward[value.op] then
          backward[value.op](b, value, b.sums[value])
        end
      end
      settle(b, list, forward_code)
      finish(b, graph, about)
    end
    -- The first factors of products: kept for all steps.
    for _, p in ipairs(b.products) do
      local left = b:own(p.left)
      left = left.whole or left
      if left.kind == "temporary" then left.kind = "saved" end
    end
    local text = { flow = b.flow and b.flow.id, states = states, results = {}, products = {}, watched = {},
      values = {} }
    for j, r in ipairs(results) do text.results[j] = { value = r.made.id, batch = r.batch } end
    for _, value in ipairs(list) do
      local made = b.made[value]
      if any and value.class == "loop" and activations[value.op] ~= nil and made.kind == "saved" then
        text.watched[#text.watched + 1] = { value = made.id, activation = value.op, gate = activations[value.op] }
      end
    end
    for k, p in ipairs(b.products) do
      text.products[k] = { left = b:own(p.left).id, matrix = b:matrix(p.matrix, p.turned).id, gradient = p.d.id,
        turned = p.turned }
    end
    text.forward, text.backward = numbered(forward_code), numbered(b.code)
    for i, value in ipairs(b.values) do
      text.values[i] = { kind = value.kind, index = value.index, width = value.width, rows = value.rows,
        form = value.form, from = value.from }
    end
    text.inputs = #b.inputs
    return text
  end
  local ok, text = pcall(build)
  if not ok then
    if type(text) == "table" and text.refused then return nil, text.refused end
    error(text, 0)
  end
  local saved = 0
  for _, value in ipairs(b.values) do
    if value.kind == "saved" then saved = saved + value.width end
  end
  for value in pairs(b.made) do -- what was reshaped is its input's, which explain names
    if value.op == "reshape" and value.class == "loop" then b.made[value] = nil end
  end
  return { program = core.program(text), inputs = b.inputs, slots = b.slot, states = states, results = b.results,
    saved = saved, text = text, made = b.made, backward = #text.backward > 0 }
end

return program
