-- beside.lua: what rnn asks of the parts beside it, plots and reports. They depend on rnn, and rnn on none of them. So
-- it asks here, and init.lua, which knows all parts, says who answers.

local beside = {}

--- beside.rnn: the table rnn, for whoever looks names up in it. It is not loaded in this way.
beside.rnn = nil

--- beside.plot() -> the table rnn.plot
function beside.plot() end

--- beside.logger() -> a callback that reports on a run of rnn.fit (logs/logger.lua)
function beside.logger() end

--- beside.quantise() -> rnn.quantise, which measures as training does, for model:quantise
function beside.quantise() end

return beside
