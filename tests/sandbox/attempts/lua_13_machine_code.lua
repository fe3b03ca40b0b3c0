-- Gives itself out for a part of the library in machine code, which the linker then looks at.
-- held by: 1 4
assert(require "rnn.core".make_folder "rnn")
assert(io.open("rnn/code.so", "w")):write("no machine code"):close()
local _, why = pcall(require, "rnn.code")
print((why:find "ELF header" or why:find "too short") and "ESCAPED" or why)
