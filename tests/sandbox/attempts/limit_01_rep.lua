-- Makes a string of 500 MB.
-- limits: --memory 100M
print(#("x"):rep(500000000) > 0 and "ESCAPED")
