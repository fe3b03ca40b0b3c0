-- script_cases.lua: every script of scripts/ for a few steps.

-- script -> its options; data: a file that it needs; figures: what its result must have, beside the losses; losses =
-- false: it has no such figures; least: what figures must reach; known: a word of what is known of the data.
return {
  adding = { "--length 20 --steps 20 --epochs 2 --cell lstm,mingru", figures = { "lstm.test_mse", "mingru.test_mse" } },
  cells = { "--task adding,copy --cell Elman,minGRU,PhasedLSTM --length 20 --blanks 5 --steps 40 --epochs 2",
    figures = { "minGRU.adding", "Elman.copy", "PhasedLSTM.adding_memory", "minGRU.copy_parameters" } },
  copy = { "--length 10 --steps 10 --epochs 2 --units 32", figures = { "lstm.test_nats", "gru.test_accuracy" } },
  forecast = { "--epochs 1", figures = { "rnn1.test_mse", "deep.test_mse" } },
  ridership = { "--model rnn1 --epochs 3", known = "pandemic", figures = { "rnn1.val_mae", "rnn1.test_mae" },
    data = "cta-ridership/CTA_-_Ridership_-_Daily_Boarding_Totals.csv" },
  reservoir = { "--series mackey-glass --units 60 --seeds 1", losses = false, figures = { "mackey-glass.nrmse84" } },
  handwriting = { "--epochs 1 --units 8", known = "nearest neighbour", figures = { "test.accuracy", "valid.accuracy" },
    data = "pendigits/train.tsv" },
  draw = { "--epochs 4", figures = { "unseen.accuracy", "average.accuracy" },
    least = { ["drawn.accuracy"] = 0.8 }, data = "pendigits/train.tsv" },
  m4_hourly = { "--epochs 1 --units 8 --members 1", known = "winner",
    figures = { "test.smape", "test.mase", "interval.coverage" },
    data = "m4-hourly/Hourly-train.csv" },
  own_csv = { ("--data %s/seattle-weather/seattle-weather.csv --target temp_max --test 2015 --members 1 --epochs 2")
    :format((os.getenv "RNNLUA_DATA" or ""):match "[^:]*"), figures = { "model.mae", "theta.mae", "interval.coverage" },
    data = "seattle-weather/seattle-weather.csv" },
  sentiment = { "--units 8 --epochs 1", known = "naive Bayes",
    figures = { "test.accuracy" }, data = "rt-polarity/rt-polarity.tsv" },
  char_lm = { "--epochs 1 --units 16", known = "Transformers",
    figures = { "valid.nats" }, data = "tiny-shakespeare/tiny-shakespeare.txt" },
  translate = { "--epochs 1 --units 16 --size 400 --beam 1", figures = { "test.bleu" },
    data = "libreoffice-ui-en-pt/train.tsv" },
  behaviour = { "--epochs 2 --units 8", known = "0.7123",
    figures = { "test.accuracy" }, data = "helpdesk-log/helpdesk.csv" },
  caption = { "--epochs 1 --hidden 16 --beam 1", figures = { "test.bleu" }, data = "coco-layout-captions/README.md" },
  chorales = { "--epochs 1", known = "published", figures = { "test.nats", "test.joint" },
    data = "jsb-chorales/README.md" },
  digit_strings = { "--epochs 2 --units 8 --strings 48", figures = { "valid.error", "test.error" },
    data = "free-spoken-digits/README.md" },
  digits = { "--epochs 1 --units 4", known = "kernel ridge",
    figures = { "test.accuracy" }, data = "free-spoken-digits/README.md" },
}
