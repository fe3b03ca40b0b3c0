-- Gives itself out for a part of the library, which has all that there is.
-- held by: 1 4
assert(require "rnn.core".make_folder "rnn")
assert(io.open("rnn/evil.lua", "w")):write("return pcall(debug.getregistry)"):close()
print(require "rnn.evil" and "ESCAPED")
