-- einsum.lua: products and sums of tensors by Einstein's convention, made of permute, reshape, products and sums.
--
-- An operand on the way is { x = tensor, labels = { "i", "j" } }, one label for each axis. The axes that "..." stands
-- for have the labels "1", "2", ... counted from the last of them, so that they are broadcast.

local core = require "rnn.core"
local check = require "rnn.check"

local function bad(equation, what, ...)
  core.fail("einsum: '%s': " .. what, equation, ...)
end

-- "b...i" as a list of labels, where "..." stands for as many axes as more(letters) says.
local function labels_of(equation, term, more)
  local letters, dots = term:gsub("%.%.%.", "")
  if dots > 1 or letters:find "%A" then bad(equation, "expected letters and at most one ... in '%s'", term) end
  local labels, count = {}, dots == 1 and more(#letters) or 0
  for letter in term:gsub("%.%.%.", "."):gmatch "." do
    if letter == "." then
      for i = count, 1, -1 do labels[#labels + 1] = tostring(i) end
    else
      labels[#labels + 1] = letter
    end
  end
  return labels
end

local function set_of(labels)
  local set = {}
  for i, label in ipairs(labels) do set[label] = i end
  return set
end

-- The labels of the result when "->" is not there: those of "...", then the letters that stand only once, sorted.
local function implicit(operands, widest)
  local counts, labels, letters = {}, {}, {}
  for _, o in ipairs(operands) do
    for _, label in ipairs(o.labels) do counts[label] = (counts[label] or 0) + 1 end
  end
  for i = widest, 1, -1 do labels[#labels + 1] = tostring(i) end
  for label, count in pairs(counts) do
    if count == 1 and label:find "%a" then letters[#letters + 1] = label end
  end
  table.sort(letters)
  return table.move(letters, 1, #letters, #labels + 1, labels)
end

local function permute(o, labels)
  local at, axes = set_of(o.labels), {}
  local moved = false
  for i, label in ipairs(labels) do
    axes[i] = at[label]
    moved = moved or axes[i] ~= i
  end
  return { x = moved and o.x:permute(axes) or o.x, labels = labels }
end

local function without(o, axis, x)
  local labels = table.move(o.labels, 1, #o.labels, 1, {})
  table.remove(labels, axis)
  return { x = x, labels = labels }
end

-- A label that stands twice: its diagonal.
local function diagonal(o, sizes)
  for i, label in ipairs(o.labels) do
    for j = i + 1, #o.labels do
      if o.labels[j] == label then
        local n, rest = sizes[label], {}
        for k = 1, #o.labels do
          if k ~= i and k ~= j then rest[#rest + 1] = k end
        end
        local axes = table.move({ i, j }, 1, 2, #rest + 1, table.move(rest, 1, #rest, 1, {}))
        local shape, labels = {}, {}
        for k, axis in ipairs(rest) do shape[k], labels[k] = o.x:size(axis), o.labels[axis] end
        shape[#shape + 1], labels[#labels + 1] = n * n, label
        local x = o.x:permute(axes):reshape(table.unpack(shape))
        return diagonal({ x = n > 0 and x:slice(#shape, 1, n * n, n + 1) or x, labels = labels }, sizes)
      end
    end
  end
  return o
end

-- Sums over the labels that nothing else needs.
local function reduce(o, needed)
  for axis = #o.labels, 1, -1 do
    if not needed[o.labels[axis]] then o = without(o, axis, o.x:sum(axis)) end
  end
  return o
end

local function product_of(labels, sizes)
  local n = 1
  for _, label in ipairs(labels) do n = n * sizes[label] end
  return n
end

local function joined(...)
  local all = {}
  for _, list in ipairs { ... } do table.move(list, 1, #list, #all + 1, all) end
  return all
end

-- The product of two operands, summed over what is not needed. Their labels are of four kinds: of both and needed (the
-- batch), of a alone, of b alone, and of both to be summed over; each becomes one axis.
local function contract(a, b, needed, sizes)
  local at_a, at_b = set_of(a.labels), set_of(b.labels)
  local batch, of_a, of_b, summed = {}, {}, {}, {}
  for _, label in ipairs(a.labels) do
    local list = not at_b[label] and of_a or needed[label] and batch or summed
    list[#list + 1] = label
  end
  for _, label in ipairs(b.labels) do
    if not at_a[label] then of_b[#of_b + 1] = label end
  end
  local n, k = product_of(batch, sizes), product_of(summed, sizes)
  local rows, columns = product_of(of_a, sizes), product_of(of_b, sizes)
  local x, y
  if rows * columns == 1 then -- a sum of products: no matrices
    x = permute(a, joined(batch, of_a, summed)).x:reshape(n, k)
    y = permute(b, joined(batch, of_b, summed)).x:reshape(n, k)
    x = #summed > 0 and (x * y):sum(2) or x * y
  elseif #summed == 0 then
    x = permute(a, joined(batch, of_a)).x:reshape(n, rows, 1) * permute(b, joined(batch, of_b)).x:reshape(n, 1, columns)
  else
    x = permute(a, joined(batch, of_a, summed)).x:reshape(n, rows, k)
    y = permute(b, joined(batch, summed, of_b)).x:reshape(n, k, columns)
    x = x:matmul(y)
  end
  local labels, shape = joined(batch, of_a, of_b), {}
  for i, label in ipairs(labels) do shape[i] = sizes[label] end
  if #shape > 6 then core.fail("einsum: the product of two operands has %d axes, at most 6 are possible", #shape) end
  return { x = x:reshape(shape), labels = labels }
end

-- The operands with their labels, and the size of each label. Padding becomes 0 where it stays by itself.
local function read(equation, terms, ...)
  local operands, sizes, widest = {}, {}, 0
  for i = 1, #terms do
    local x = select(i, ...)
    check.tensor("einsum", ("argument %d"):format(i + 1), x, "float")
    local o = { x = x, labels = labels_of(equation, terms[i], function(letters) return x:ndim() - letters end) }
    if #o.labels ~= x:ndim() then
      bad(equation, "'%s' does not name the axes of argument %d, %s", terms[i], i + 1, check.shape(x))
    end
    for axis, label in ipairs(o.labels) do
      local size, known = x:size(axis), sizes[label]
      if known and known ~= size and known ~= 1 and size ~= 1 then
        bad(equation, "%s has the sizes %d and %d", label:find "%a" and label or "an axis of ...", known, size)
      end
      if not known or known == 1 then sizes[label] = size end
      widest = math.max(widest, tonumber(label) or 0)
    end
    operands[i] = o
  end
  return operands, sizes, widest
end

-- Lengths go on when the axes that they belong to are the first two of the result.
local function strip(o, result, i)
  local lengths = o.x:lengths()
  if not lengths then return nil end
  if #result < 2 or result[1] ~= o.labels[1] or result[2] ~= o.labels[2] or o.labels[1] == o.labels[2] then
    core.fail("einsum: would add up or move steps of argument %d %s, padding included; x:zero_padding()"
      .. ":without_lengths() drops its lengths on purpose", i + 1, check.shape(o.x))
  end
  o.x = o.x:zero_padding():without_lengths()
  return lengths
end

--- rnn.einsum(equation, a, b, ...) -> tensor
---
--- Products of tensors, summed over the axes that the result does not have: einsum("ij,jk->ik", a, b) is the matrix
--- product, "bij,bij->b" a sum for each b, "ii->i" a diagonal, "ij->ji" a transpose, "...i,i->..." a product with a
--- vector. Each operand has a letter for each of its axes, and ... for any number of others, which are broadcast;
--- equal letters are equal axes. Without -> the result has the axes of ..., then the letters that stand once, sorted.
--- Operands are taken from left to right. As numpy.einsum.
--- Errors: letters that do not name the axes, sizes that differ (1 is broadcast), int32, steps that would be added up,
--- more than 6 axes at a time.
---@param equation string
---@param ... rnn.Tensor
---@return rnn.Tensor
local function einsum(equation, ...)
  check.string("einsum", "argument 1 (equation)", equation)
  local text = equation:gsub("%s", "")
  local left, right = text:match "^(.-)%->(.*)$"
  left = left or text
  local terms = {}
  for term in (left .. ","):gmatch "([^,]*)," do terms[#terms + 1] = term end
  if select("#", ...) ~= #terms then
    bad(equation, "expected %d tensor%s, got %d", #terms, #terms == 1 and "" or "s", select("#", ...))
  end
  local operands, sizes, widest = read(equation, terms, ...)
  local result = right and labels_of(equation, right, function() return widest end) or implicit(operands, widest)
  local in_result, count = set_of(result), 0
  for label in pairs(in_result) do
    count = count + 1
    if not sizes[label] then bad(equation, "no operand has the axis %s of the result", label) end
  end
  if count < #result then bad(equation, "an axis stands twice in the result '%s'", right) end

  local lengths
  for i, o in ipairs(operands) do
    local own = strip(o, result, i)
    if lengths and own and lengths:eq(own):min():item() == 0 then
      core.fail("einsum: the arguments have different lengths")
    end
    lengths = lengths or own
    for axis = #o.labels, 1, -1 do -- a size of 1 that is broadcast is no axis at all
      if o.x:size(axis) ~= sizes[o.labels[axis]] then o = without(o, axis, o.x:select(axis, 1)) end
    end
    operands[i] = diagonal(o, sizes)
  end

  local y
  for i, o in ipairs(operands) do
    local needed = set_of(result)
    for j = i + 1, #operands do
      for _, label in ipairs(operands[j].labels) do needed[label] = true end
    end
    if y then
      y = contract(y, reduce(o, setmetatable(set_of(y.labels), { __index = needed })), needed, sizes)
    else
      y = reduce(o, needed)
    end
  end
  local x = permute(y, result).x
  return lengths and x:with_lengths(lengths) or x
end

return einsum
