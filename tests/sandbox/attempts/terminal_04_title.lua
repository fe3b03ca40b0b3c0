-- Asks the terminal to answer, and hides what it prints.
-- held by: the parent
io.stderr:write("\27[21t\27[8m\27[2J\155\194\15531m\226\128\174\n")
print "printed"
