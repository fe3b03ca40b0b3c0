-- The experiments: name, script, options, and the figures that count. @NAME in the options stands for the folder
-- NAME of the data sets.
--
-- A figure: key of the script's result, title, format, must (has to be reached) and goal, for figures that should be
-- large (more = true) or small, and reference, a published figure or that of a baseline. percent: shown times 100.

local function accuracy(must, goal, reference, title, key)
  return { key = key or "test.accuracy", title = title or "accuracy", format = "%.1f %%", percent = true, more = true,
    must = must, goal = goal, reference = reference }
end

local function bleu(must, goal, reference)
  return { key = "test.bleu", title = "BLEU", format = "%.1f", more = true, must = must, goal = goal,
    reference = reference }
end

local function small(key, title, format, must, goal, reference)
  return { key = key, title = title, format = format, must = must, goal = goal, reference = reference }
end

return {
  { "ridership", "ridership", "--model multivariate --seeds 5", {
    small("multivariate.val_mae", "MAE, riders a day", "%.0f", nil, nil, "22,062 (Géron)") } },
  { "forecast", "forecast", "", { small("deep.test_mse", "MSE", "%.4f", nil, nil, "0.003 (Géron)") } },
  { "reservoir", "reservoir", "--seeds 5", {
    small("mackey-glass.nrmse84", "NRMSE84, Mackey-Glass", "%.5f", 0.005, nil, "0.000063, 1000 units (Jaeger, Haas)"),
    small("ridership.val_mae", "MAE, riders a day", "%.0f", nil, nil, "22,062 (Géron)") } },
  { "char_lm", "char_lm", "", { small("valid.nats", "nats a character", "%.3f", 1.50, 1.45, "1.669 (5-gram)") } },
  { "sentiment", "sentiment", "--seeds 5", { accuracy(0.77, 0.789, "78.1 % (naive Bayes)") } },
  { "translate", "translate", "", { bleu(30, 40) } },
  { "translate pt-en", "translate", "--direction pt-en", { bleu() } },
  { "translate tatoeba", "translate", "--data @tatoeba-en-pt", { bleu(18, 28) } },
  { "translate tatoeba pt-en", "translate", "--data @tatoeba-en-pt --direction pt-en", { bleu() } },
  { "digits", "digits", "", {
    accuracy(0.975, nil, "95.3 % (kernel ridge)", "accuracy, official split"),
    accuracy(nil, 0.88, "75.7 % (kernel ridge)", "accuracy, unknown speakers", "loso.accuracy") } },
  { "digit_strings", "digit_strings", "", {
    { key = "test.error", title = "label error rate", format = "%.2f %%", percent = true, must = nil, goal = 0.04 } } },
  { "synthesis", "synthesis", "--written build/written.tsv --plot build/written.svg", {
    small("test.nats", "nats a move", "%.2f") } },
  { "handwriting", "handwriting", "--save build/reader.safetensors", {
    accuracy(0.983, 0.99, "97.8 % (nearest neighbour)") } },
  { "synthesis, read", "handwriting",
    "--evaluate build/reader.safetensors --data build/written.tsv --split 0/0/100", {
    accuracy(nil, 0.95, nil, "written digits that are read") } },
  { "draw", "draw", "--seeds 3", {
    accuracy(0.8, nil, "95.9 % (what people wrote)", "drawn digits that are read", "drawn.accuracy"),
    accuracy(0.8, nil, nil, "in a hand not seen to write them", "unseen.accuracy") } },
  { "behaviour", "behaviour", "", { accuracy(0.7123, nil, "71.2 % (Tax et al. 2017)") } },
  { "caption", "caption", "", { bleu(13, 16, "11.0 (nearest image)") } },
  { "caption emoji", "caption", "--data @emoji-captions", { bleu() } },
  { "chorales", "chorales", "--wav build/chorale.wav --midi build/chorale.mid", {
    small("test.nats", "nats a frame", "%.2f", 8.45, 8.0, "8.45 (LSTM)"),
    small("test.joint", "nats a frame, jointly", "%.2f", nil, nil, "5.56 (RNN-NADE)"),
    accuracy(0.82, nil, "82 % (Géron)", "next note", "test.accuracy") } },
  { "m4_hourly", "m4_hourly", "", {
    small("test.smape", "sMAPE", "%.2f", 13.8, 12, "13.84 (MLP); 9.33 (winner)"),
    small("test.mase", "MASE", "%.3f", nil, nil, "2.607 (MLP); 0.893 (winner)") } },
  { "own_csv", "own_csv", "--data @seattle-weather/seattle-weather.csv --target temp_max --test 2015", {
    small("model.mae_1", "MAE, next day's temperature", "%.3f", 2.24, 2.1, "2.240 (last value)"),
    small("interval.coverage", "within 90 %", "%.3f", nil, nil, "0.9") } },
  { "adding", "adding", "", {
    small("lstm.test_mse", "LSTM, MSE at T = 750", "%.5f", 0.005, nil, "0.1667 (no memory)"),
    small("gru.test_mse", "GRU, MSE at T = 750", "%.5f", 0.005, nil, "0.1667 (no memory)"),
    small("ln_lstm.test_mse", "LSTM with layer norm", "%.5f", nil, nil, "0.1667 (no memory)"),
    small("mingru.test_mse", "minGRU", "%.5f", nil, nil, "0.1667 (no memory)"),
    small("janet.test_mse", "JANET", "%.5f", nil, nil, "0.1667 (no memory)"),
    small("rnn.test_mse", "simple RNN, MSE at T = 750", "%.4f", nil, nil, "0.1667 (no memory)") } },
  { "cells", "cells", "", {
    small("minGRU.adding", "minGRU, MSE at T = 100", "%.4f", 0.005, nil, "0.1667 (no memory)"),
    small("JANET.adding", "JANET, MSE at T = 100", "%.4f", 0.005, nil, "0.1667 (no memory)"),
    { key = "LRU.copy", title = "LRU, symbols copied", format = "%.3f", more = true, reference = "0.125 (no memory)" },
    small("minGRU.ridership", "minGRU, MAE, riders a day", "%.0f") } },
  { "copy", "copy", "", {
    small("lstm.test_nats", "LSTM, nats at T = 100", "%.4f", 0.1733, nil, "0.1733 (no memory)"),
    small("gru.test_nats", "GRU, nats at T = 100", "%.4f", 0.1733, nil, "0.1733 (no memory)"),
    small("rnn.test_nats", "simple RNN, nats at T = 100", "%.4f", nil, nil, "0.1733 (no memory)") } },
}
