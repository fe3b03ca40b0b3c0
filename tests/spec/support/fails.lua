-- fails(pattern, f, ...): f(...) raises an error whose message has the pattern.
return function(pattern, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok and tostring(message):find(pattern), message)
end
