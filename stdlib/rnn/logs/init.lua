-- rnn.logs: what is kept of a training run for reading it later: event files for TensorBoard, and a page that shows the
-- run in any browser.

return require "rnn.lazy"("logs.", {}, {
  writer = "rnn.logs.open",
  report = "rnn.logs.report",
}, {})
