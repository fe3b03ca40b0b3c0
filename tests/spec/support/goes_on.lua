-- goes_on(train, epochs, first): what train(folder, n) returns, which trains for n epochs with its run in the folder,
-- for all epochs at once and then for the first ones and the rest: to be the same to the last bit.
return function(train, epochs, first)
  local one, two = os.tmpname(), os.tmpname()
  os.remove(one)
  os.remove(two)
  local whole = train(one, epochs)
  train(two, first)
  local parts = train(two, epochs)
  os.execute(("rm -r '%s' '%s'"):format(one, two))
  return whole, parts
end
