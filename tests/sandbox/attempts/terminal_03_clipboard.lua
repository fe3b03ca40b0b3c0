-- Writes to the clipboard by what it prints (OSC 52).
-- held by: the parent
io.write("\27]52;c;RVNDQVBFRA==\7\n")
print "printed"
