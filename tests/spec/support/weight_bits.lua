-- A number made from every bit of a model's weights: dofile gives the function.
return function(model)
  local hash = 0
  for _, p in ipairs(model:parameters()) do
    for _, v in ipairs(p:reshape(-1):totable()) do
      hash = (hash * 31 + string.unpack("<I8", string.pack("<d", v)) % 2147483647) % 2147483647
    end
  end
  return hash
end
