-- nn/init.lua: the table rnn.nn. Each layer's file is loaded when it is first used.

local lazy = require "rnn.lazy"

local parts = { module = "rnn.nn.define", cell = "rnn.nn.define", detach = "rnn.state", loss = "rnn.nn.loss",
  Encoder = "rnn.nn.seq2seq", Seq2Seq = "rnn.nn.seq2seq" }
for _, name in ipairs { "RNNCell", "LSTMCell", "GRUCell" } do parts[name] = "rnn.nn.cell" end
for _, name in ipairs { "mse", "mae", "huber", "quantile", "cross_entropy", "binary_cross_entropy", "kl_div",
  "poisson_nll", "gaussian_nll", "student_t_nll", "negative_binomial_nll", "hinge", "hinge_embedding", "ordinal",
  "focal", "multi_margin", "distillation" } do
  parts[name] = "rnn.nn.loss"
end
for _, name in ipairs { "MaxPool1d", "AvgPool1d", "GlobalMaxPool1d", "GlobalAvgPool1d" } do
  parts[name] = "rnn.nn.pool1d"
end
for _, name in ipairs { "cosine_embedding", "margin_ranking", "triplet_margin" } do parts[name] = "rnn.nn.near" end
for _, name in ipairs {
  "Tanh", "Sigmoid", "HardSigmoid", "ReLU", "LeakyReLU", "ELU", "SELU", "GELU", "SiLU", "Softplus", "Softsign",
  "Softmax", "LogSoftmax", "tanh", "sigmoid", "hard_sigmoid", "relu", "leaky_relu", "elu", "selu", "gelu", "silu",
  "softplus", "softsign", "softmax", "log_softmax",
} do
  parts[name] = "rnn.nn.activation"
end

return lazy("nn.", {}, {
  Module = "rnn.nn.module",
  Sequential = "rnn.nn.sequential",
  Linear = "rnn.nn.linear",
  Conv1d = "rnn.nn.conv1d",
  Embedding = "rnn.nn.embedding",
  RNN = "rnn.nn.rnn",
  LSTM = "rnn.nn.lstm",
  GRU = "rnn.nn.gru",
  Recurrent = "rnn.nn.recurrent",
  Reservoir = "rnn.nn.reservoir",
  Attention = "rnn.nn.attention",
  Decoder = "rnn.nn.decoder",
  Distribution = "rnn.nn.distribution",
  MixtureDensity = "rnn.nn.mixture_density",
  MixtureOfSoftmaxes = "rnn.nn.softmaxes",
  MADE = "rnn.nn.made",
  NeuralCache = "rnn.nn.cache",
  RepeatVector = "rnn.nn.repeatvector",
  TimeDistributed = "rnn.nn.timedistributed",
  State = "rnn.state",
  LayerNorm = "rnn.nn.layernorm",
  BatchNorm = "rnn.nn.batchnorm",
  Dropout = "rnn.nn.dropout",
  Flatten = "rnn.nn.flatten",
  Masking = "rnn.nn.masking",
  initializers = "rnn.nn.initializers",
}, parts)
