-- Moves elements that are not there.
-- limits: --time 1s
table.move({}, 1, math.maxinteger - 1, 2)
