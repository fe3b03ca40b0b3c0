-- Reads the registry.
-- held by: 4
print(debug.getregistry() and "ESCAPED")
