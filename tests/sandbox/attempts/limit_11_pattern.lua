-- Matches a pattern that takes for ever.
-- limits: --time 1s
print(("a"):rep(40):find(("a?"):rep(40) .. ("a"):rep(41)))
