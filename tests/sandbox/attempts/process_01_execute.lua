-- Runs a program.
-- held by: 1 2 4
print(os.execute "exit 0" and "ESCAPED" or "held")
