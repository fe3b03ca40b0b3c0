std = "lua54"
max_line_length = 120
files["tests/spec"].std = "lua54+busted"
files["tests/sandbox/attempts"] = { only = { "0" } } -- programs that do what they should not
