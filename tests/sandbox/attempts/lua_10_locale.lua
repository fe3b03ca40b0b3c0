-- Changes how numbers are read.
-- held by: 4
print(os.setlocale("C") and "ESCAPED")
