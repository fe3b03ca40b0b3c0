-- rows.lua: what is computed for each step by itself, on a tensor of rows.

--- rows(t [, lengths]) -> rows (n, columns), back
---
--- Of t (..., columns), with the lengths given or its own: the rows, those behind the lengths 0. back(y) gives a y (n,
--- other columns) the axes and the lengths of t.
return function(t, lengths)
  local shape = { t:shape() }
  local columns = shape[#shape]
  lengths = lengths or t:lengths()
  if lengths then t = t:without_lengths():with_lengths(lengths):zero_padding():without_lengths() end
  return t:reshape(-1, columns), function(y)
    shape[#shape] = y:size(2)
    y = y:reshape(table.unpack(shape))
    return lengths and y:with_lengths(lengths) or y
  end
end
