-- split.lua: which examples are for training, to choose by, and for the test.

local split = {}

local PART = { ["0"] = "test", ["1"] = "dev", test = "test", testing = "test", dev = "dev", valid = "dev", val = "dev",
  validation = "dev" } -- any other: train

--- split.by_column(list) -> parts by the field part of the entries | nil without any for training or test
function split.by_column(list)
  if type(list[1]) ~= "table" or not list[1].part then return nil end
  local parts = { train = {}, dev = {}, test = {} }
  for _, entry in ipairs(list) do table.insert(parts[PART[entry.part] or "train"], entry) end
  return parts.train[1] and parts.test[1] and parts or nil
end

--- split.cuts(n, shares) -> last of train, last of dev, of n things in an order
function split.cuts(n, shares)
  local a, b, c = table.unpack(shares)
  local last = n * (a + b) // (a + b + c)
  return a + b > 0 and last * a // (a + b) or 0, last
end

--- split.cut(list, shares, by) -> { train, dev, test }; see experiment:parts.
function split.cut(list, shares, by)
  local parts, counts, places, groups = { train = {}, dev = {}, test = {} }, {}, {}, 0
  local train, dev = split.cuts(#list, shares)
  local a, b, c = table.unpack(shares)
  for i, entry in ipairs(list) do
    local place
    if type(by) == "table" then
      local value = entry[by[1]]
      if not places[value] then groups, places[value] = groups + 1, groups + 1 end
      place = places[value]
    elseif by then
      place = (counts[entry[by]] or 0) + 1
      counts[entry[by]] = place
    end
    local u = place and place * 0.6180339887498949 % 1 * (a + b + c) -- spread evenly, however few there are
    local is_train, is_dev = i <= train, i <= dev
    if place then is_train, is_dev = u < a, u < a + b end
    table.insert(parts[is_train and "train" or is_dev and "dev" or "test"], entry)
  end
  return parts
end

return split
