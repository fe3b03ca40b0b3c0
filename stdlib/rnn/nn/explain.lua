-- explain.lua: the plan of a cell as text: what is computed when, what belongs to one product or pass, what is kept.

local core = require "rnn.core"
local formula = require "rnn.nn.formula"
local of_rows = require "rnn.nn.program_builder".of_rows

local WIDTH <const> = 96

-- ---- names ----

-- What a value is called: by a local variable of the step, a parameter, or its op.
local function name_of(about, value)
  local name
  if value.kind == "number" then
    name = ("%.6g"):format(about.numbers[value.index] or value.value)
  elseif value.kind == "captured" then
    name = about.captured[value.index] or "a tensor (" .. table.concat(value.dims, ", ") .. ")"
    if about.numbers[value.index] then name = ("%.6g"):format(about.numbers[value.index]) end
  elseif value.kind == "shift" then name = name_of(about, value.of) .. " of the step before"
  elseif value.kind == "state" then name = about.states[value.index]
  elseif value.kind == "x" or value.kind == "t" then name = value.kind
  elseif value.place and about.locals[value.place] then name = about.locals[value.place]
  elseif value.op == "reshape" then name = name_of(about, value.inputs[1])
  elseif value.op == "part" then
    name = ("%s[%d..%d]"):format(name_of(about, value.inputs[1]), value.from + 1, value.from + value.width)
  elseif value.place then name = value.op
  elseif value.inputs[2] and value.inputs[2].kind == "mask" then
    name = name_of(about, value.inputs[1]) .. " times its dropout"
  else name = value.op end
  return name
end

-- ---- lines ----

-- The script's lines of some values: "cell.lua:5, 7"; nothing for cells of the library.
local function lines_of(about, values)
  local file, numbers, seen = nil, {}, {}
  for _, value in ipairs(values) do
    local path, number = tostring(value.line or ""):match "^(.*):(%d+)$"
    if path and not about.library and not seen[number] then
      file, seen[number] = file or path:match "[^/]*$", true
      numbers[#numbers + 1] = math.tointeger(number)
    end
  end
  table.sort(numbers)
  return file and ("  %s:%s"):format(file, table.concat(numbers, ", ")) or ""
end

-- Appends text, in lines of WIDTH columns.
local function put(list, indent, text)
  local line = (" "):rep(indent)
  for space, word in text:gmatch "(%s*)(%S+)" do
    if #line + #space + #word > WIDTH and line:find "%S" then
      list[#list + 1] = line
      line = (" "):rep(indent + 2) .. word
    else
      line = line .. (line:find "%S" and space or "") .. word
    end
  end
  list[#list + 1] = line
end

-- ---- sections ----

local function count_text(n, noun) return ("%d %s%s"):format(n, noun, n == 1 and "" or "s") end

local function product_text(about, values)
  local matrices = {}
  for i, value in ipairs(values) do
    matrices[i] = name_of(about, value.inputs[2])
    if value.inputs[3] then matrices[i] = matrices[i] .. " + " .. name_of(about, value.inputs[3]) end
  end
  return ("%s of %s with %s"):format(#values == 1 and "product" or count_text(#values, "product"),
    name_of(about, values[1].inputs[1]), table.concat(matrices, "; "))
end

-- Ops outside of the loop, each over all steps at once.
local function put_ops(list, about, values)
  local k = 1
  while k <= #values do
    local group, value = { values[k] }, values[k]
    local product = formula.products[value.op]
    while values[k + 1] and (formula.products[values[k + 1].op] or false) == (product or false)
      and (not product or values[k + 1].inputs[1] == value.inputs[1]) do
      k = k + 1
      group[#group + 1] = values[k]
    end
    local names = {}
    for i, each in ipairs(group) do names[i] = each.op end
    put(list, 4, (product and product_text(about, group) or table.concat(names, ", ")) .. lines_of(about, group))
    k = k + 1
  end
  if #values == 0 then put(list, 4, "nothing") end
end

-- The instructions of the loop: products of one left side, passes of elements, the rest one by one.
local function put_loop(list, about, made)
  local loop, by_id = made.loop, {}
  for value, own in pairs(loop.made) do by_id[own.id] = value end
  local code, k = loop.text.forward, 1
  local function kind(i)
    if i.op == "product" then return "product " .. i.a end
    return of_rows[i.op] and i or loop.text.values[i.to].width
  end
  while k <= #code do
    local first, values, names, count = code[k], {}, {}, 0
    local same = kind(first)
    repeat
      count = count + 1
      values[#values + 1] = by_id[code[k].to]
      names[count] = code[k].op
      k = k + 1
    until not code[k] or kind(code[k]) ~= same
    local text
    if first.op == "product" then text = product_text(about, values)
    elseif of_rows[first.op] then text = ("%s (%d)"):format(first.op, loop.text.values[first.to].width)
    else text = ("one pass over %d features: %s"):format(same, table.concat(names, ", ")) end
    put(list, 4, text .. lines_of(about, values))
  end
end

local function put_kept(list, about, made)
  local loop, names, states, before, bytes = made.loop, {}, 0, 0, core.precision == "double" and 8 or 4
  for value, own in pairs(loop.made) do
    if own.kind == "saved" then names[#names + 1] = ("%s (%d)"):format(name_of(about, value), own.width) end
    if own.kind == "stream" then before = before + own.width end
  end
  table.sort(names)
  for k, state in ipairs(made.graph.states) do states = states + (loop.slots[k] and state.width or 0) end
  local count = loop.saved + states + before
  put(list, 2, ("kept by the loop for backward: %d numbers, %d bytes, of each sample and step: %d of states, %d from "
    .. "before the loop, %d saved in it%s"):format(count, count * bytes, states, before, loop.saved,
    #names > 0 and ": " .. table.concat(names, ", ") or ""))
  local products, code = 0, loop.text.backward
  for _, i in ipairs(code) do products = products + (i.op == "product" and 1 or 0) end
  put(list, 2, ("backward: a loop of %s, of which %s; behind it %s over all steps, for gradients of matrices"):format(
    count_text(#code, "instruction"), count_text(products, "product"), count_text(#loop.text.products, "product")))
  if about.recompute then
    put(list, 2, "recompute: this is kept of one segment at a time, which backward runs again")
  end
end

local function put_plan(list, about, made)
  local graph, once = made.graph, {}
  for index = 1, #graph.captured_dims do
    if about.results[index] then once[#once + 1] = about.results[index] end
  end
  put(list, 2, "once a call")
  put(list, 4, #once > 0 and table.concat(once, ", ") or "nothing")
  local before, behind = {}, {}
  for _, value in ipairs(formula.order(formula.roots_of(graph))) do
    local work = value.kind == "op" and value.op ~= "part"
    if work and value.class == "before" then before[#before + 1] = value end
    if work and value.class == "behind" then behind[#behind + 1] = value end
  end
  put(list, 2, "before the loop, for all steps at once")
  put_ops(list, about, before)
  for k, value in ipairs(graph.new) do
    if graph.shifted[k] then
      put(list, 4, ("%s needs no loop: it is %s of the step before"):format(about.states[k], name_of(about, value)))
    end
  end
  put(list, 2, "in the loop, step by step")
  if made.loop then put_loop(list, about, made)
  elseif made.any then put(list, 4, "the same ops one by one, as " .. made.why)
  else put(list, 4, "nothing: there is no loop") end
  put(list, 2, "behind the loop, for all steps at once")
  put_ops(list, about, behind)
  if made.loop and made.loop.backward then put_kept(list, about, made) end
end

--- explain(list, title, made, about)
---
--- Appends lines on one cell. made: its plan, or nil where the step is no formula, and about.why says why. about:
--- captured, index -> name of a tensor; results, index -> what is computed once a call; numbers, index -> number;
--- states, their names; locals, place -> name of a variable; library, recompute: booleans.
---@param list string[]
---@param title string
---@param made? table
---@param about table
return function(list, title, made, about)
  put(list, 0, title)
  if made then return put_plan(list, about, made) end
  put(list, 2, "runs step by step in Lua, as it is no formula: " .. about.why)
end
