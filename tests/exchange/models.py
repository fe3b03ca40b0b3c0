"""Random models for run.py: what people build of the layers that both sides have, each saved with its check."""
import dataclasses
import os
import random
import re
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

warnings.filterwarnings("ignore")
STEPS = 12


@dataclasses.dataclass
class Made:
    file: str
    check: str
    options: list
    about: str
    x: np.ndarray  # batch first, as the written models take it
    y: np.ndarray
    valid: np.ndarray = None  # steps that are no padding


# ---- PyTorch ----


class Net(nn.Module):
    """Stages of random kinds: their modules, and what forward does with them."""

    def __init__(self, rng):
        super().__init__()
        self.parts, self.runs, self.said, self.shorter = nn.ModuleDict(), [], [], False
        self.rng = random.Random(rng.random())
        self.ids = rng.random() < 0.3
        self.time_first = rng.random() < 0.2
        width = 6
        if self.ids:
            width = rng.randint(2, 7)
            self.add("embed", nn.Embedding(20, width))
        sequence = True
        for k in range(rng.randint(1, 4)):
            width, sequence = self.stage(rng, f"s{k}", width, sequence)
        if sequence and not self.time_first and rng.random() < 0.4:
            self.over_time(rng)
        for k in range(rng.randint(0, 2)):
            width = self.dense(rng, f"d{k}", width)
        if not list(self.parameters()):
            width = self.dense(rng, "d", width)
        if rng.random() < 0.3:
            self.functional("F.softmax", lambda x: F.softmax(x, dim=-1))

    def say(self, text):
        self.said.append(text)

    def normed(self, module):
        """One of its weights kept apart by weight_norm, in the new way or the old one."""
        if self.rng.random() < 0.2:
            norm = self.rng.choice([nn.utils.parametrizations.weight_norm, nn.utils.weight_norm])
            norm(module, "weight_hh_l0" if hasattr(module, "weight_hh_l0") else "weight", dim=self.rng.choice([0, 0, 1]))
        return module

    def add(self, name, module):
        self.parts[name] = module
        self.say(f"{name}: {module}")
        self.runs.append(lambda x, n=name: self.parts[n](x))

    def functional(self, name, f):
        self.say(name)
        self.runs.append(f)

    def dense(self, rng, name, width):
        out = rng.randint(1, 6)
        self.add(name, self.normed(nn.Linear(width, out, bias=rng.random() < 0.8)))
        kind = rng.choice(["relu", "Tanh", "GELU", "leaky", "none", "LayerNorm", "ELU", "SiLU", "logsoftmax", "Dropout"])
        if kind == "relu":
            self.functional("F.relu", rng.choice([F.relu, F.relu_, torch.relu_]))
        elif kind == "leaky":
            self.functional("F.leaky_relu", lambda x: F.leaky_relu(x, 0.07))
        elif kind == "LayerNorm" and out > 3:  # of two features it makes much of the last bits
            self.add(name + "n", nn.LayerNorm(out, eps=rng.choice([1e-5, 1e-3])))
        elif kind == "logsoftmax":
            self.add(name + "l", nn.LogSoftmax(dim=-1))
        elif kind == "Dropout":
            self.add(name + "p", nn.Dropout(0.3))
        elif kind not in ("none", "LayerNorm"):
            self.add(name + "a", getattr(nn, kind)())
        return out

    def stage(self, rng, name, width, sequence):
        if not sequence:
            return self.dense(rng, name, width), False
        kind = rng.choice(["rnn", "rnn", "rnn", "conv", "dense", "batchnorm", "flatten", "pool"])
        if kind == "pool" and not self.time_first and not self.shorter:
            size, stride, mean = rng.randint(1, 4), rng.choice([None, 1, 2, 3]), rng.random() < 0.5
            self.functional("transpose(1, 2)", lambda x: x.transpose(1, 2))
            if rng.random() < 0.5:
                self.add(name, (nn.AvgPool1d if mean else nn.MaxPool1d)(size, stride))
            else:
                self.functional(f"pool {size} {stride}", lambda x: (F.avg_pool1d if mean else F.max_pool1d)(
                    x, size, stride=stride or size))
            self.functional("transpose(1, 2)", lambda x: x.transpose(1, 2))
            self.shorter = True
            return width, True
        if kind == "dense" and not self.shorter and not self.time_first and rng.random() < 0.3:
            self.functional("reshape(-1, C)", lambda x: x.reshape(-1, width))
            out = self.dense(rng, name, width)
            self.functional("view(-1, T, C)", lambda x: x.view(-1, STEPS, out))
            return out, True
        if kind == "dense":
            return self.dense(rng, name, width), True
        if kind == "conv" and not self.time_first:
            filters, kernel, dilation = rng.randint(2, 6), rng.randint(1, 4), rng.randint(1, 2)
            same = rng.random() < 0.5
            self.functional("transpose(1, 2)", lambda x: x.transpose(1, 2))
            span = dilation * (kernel - 1)
            causal = not same and span > 0 and rng.random() < 0.5
            if causal:
                self.functional("F.pad", lambda x: F.pad(x, (span, 0)))
            self.add(name, self.normed(nn.Conv1d(width, filters, kernel, dilation=dilation, bias=rng.random() < 0.8,
                                                 padding="same" if same else 0)))
            self.functional("F.relu", F.relu)
            if same and not self.shorter and rng.random() < 0.3:
                self.functional("flatten of (N, C, T)", lambda x: x.flatten(1))
                out = rng.randint(1, 6)
                self.add(name + "f", nn.Linear(filters * STEPS, out))
                return out, False
            self.functional("permute(0, 2, 1)", lambda x: x.permute(0, 2, 1))
            if not same and not causal:
                self.shorter = True
            return filters, True
        if kind == "batchnorm" and not self.time_first:
            norm = nn.BatchNorm1d(width, eps=1e-4)
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
            self.functional("transpose(1, 2)", lambda x: x.transpose(1, 2))
            self.add(name, norm)
            self.functional("transpose(2, 1)", lambda x: x.transpose(2, 1))
            return width, True
        if kind == "flatten" and not self.time_first and not self.shorter:
            self.functional("flatten(1)", lambda x: x.flatten(1))
            return width * STEPS, False
        return self.recurrent(rng, name, width)

    def over_time(self, rng):
        """All steps of x (N, T, C) as one."""
        way = rng.randrange(6)
        self.say(f"over time {way}")
        if way > 3:
            self.functional("transpose(1, 2)", lambda x: x.transpose(1, 2))
            self.add("all", (nn.AdaptiveAvgPool1d if way == 4 else nn.AdaptiveMaxPool1d)(1))
            self.functional("squeeze(-1)", lambda x: x.squeeze(-1))
        else:
            self.functional("mean, max", lambda x: [lambda: x.mean(1), lambda: x.max(dim=1).values, lambda: x.amax(1),
                                                    lambda: x.transpose(1, 2).mean(dim=-1)][way]())

    def recurrent(self, rng, name, width):
        cls = rng.choice([nn.LSTM, nn.GRU, nn.RNN])
        units, layers, both = rng.randint(1, 9), rng.choice([1, 1, 2, 3]), rng.random() < 0.4
        more = {"nonlinearity": rng.choice(["tanh", "relu"])} if cls is nn.RNN else {}
        out = units
        if cls is nn.LSTM and units > 2 and rng.random() < 0.25:
            out = more["proj_size"] = units - 1
        module = cls(width, units, num_layers=layers, bidirectional=both, bias=rng.random() < 0.9,
                     batch_first=not self.time_first, dropout=0.2 if layers > 1 else 0, **more)
        self.parts[name] = self.normed(module)
        self.say(f"{name}: {module}")
        how = rng.choice(["all", "all", "last", "final", "zeros"])
        way = rng.randrange(5)
        if both and how == "last":
            how = "final"
        self.say(f"{how} {way}")

        def call(x):
            if how == "zeros":
                n = x.shape[1 if self.time_first else 0]
                h = torch.zeros(layers * (2 if both else 1), n, out)
                state = (h, torch.zeros(layers * (2 if both else 1), n, units)) if cls is nn.LSTM else h
                y, _ = module(x, state)
                return y
            y, state = module(x)
            if how == "all":
                return y
            if how == "last" and self.time_first:
                return [lambda: y[-1], lambda: y[-1:].squeeze(0), lambda: y[-1, :, :], lambda: y.select(0, -1),
                        lambda: y.transpose(0, 1)[:, -1]][way]()
            if how == "last":
                return [lambda: y[:, -1, :], lambda: y[:, -1:].squeeze(1), lambda: y[..., -1, :],
                        lambda: y.select(1, y.shape[1] - 1), lambda: y[:, -1:, :].flatten(1)][way]()
            h = state[0] if cls is nn.LSTM else state
            if both:
                return [lambda: torch.cat((h[-2], h[-1]), dim=1), lambda: torch.cat((h[-2, :, :], h[-1, :, :]), 1),
                        lambda: torch.cat(h[-2:].unbind(0), -1), lambda: torch.hstack(tuple(h[-2:])),
                        lambda: h.view(layers, 2, -1, out)[-1].transpose(0, 1).reshape(-1, 2 * out)][way]()
            return [lambda: h[-1], lambda: h[-1, :, :], lambda: h[-1:].squeeze(0), lambda: h.unbind(0)[-1],
                    lambda: h.transpose(0, 1)[:, -1]][way]()

        self.runs.append(call)
        return out * (2 if both else 1), how in ("all", "zeros")

    def forward(self, x):
        for run in self.runs:
            x = run(x)
        return x


def torch_model(seed, folder, name, recipe):
    rng = random.Random(seed)
    torch.manual_seed(seed)
    model = Net(rng)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1 * torch.randn_like(p))
    model.to(rng.choice([torch.float32, torch.float32, torch.float32, torch.float16, torch.bfloat16]))
    shape = (4, STEPS) if model.ids else (4, STEPS, 6)
    x = torch.randint(0, 20, shape) if model.ids else torch.randn(shape)
    first = x.transpose(0, 1).contiguous() if model.time_first else x
    check = os.path.join(folder, name + ".npz")
    text = re.sub(r"^x = .*$", "", recipe, flags=re.M).replace("check.npz", check).replace(
        "model.pt", os.path.join(folder, name + ".pt"))
    space = {"model": model, "x": first}
    exec(text, space)
    y = space["y"].numpy()
    if model.time_first and y.ndim == 3:
        y = y.swapaxes(0, 1)
    file = name + ".pt"
    if rng.random() < 0.4:
        import safetensors.torch

        file = name + ".safetensors"
        safetensors.torch.save_file({k: v.contiguous() for k, v in model.state_dict().items()},
                                    os.path.join(folder, file))
    about = f"ids={model.ids} time_first={model.time_first}\n" + "\n".join(model.said)
    return Made(file, name + ".npz", [], about, x.numpy(), y)


# ---- Keras ----


def keras_model(seed, folder, name, recipe):
    import keras
    from keras import layers as L

    rng = random.Random(seed)
    keras.utils.set_random_seed(seed)
    policy = rng.choice(["float32", "float32", "float32", "mixed_float16", "mixed_bfloat16"])
    keras.config.set_dtype_policy(policy)
    mixed = policy != "float32"  # the input of a model in a model rounds then, and its policy cannot be set
    ids, masked = rng.random() < 0.3, rng.random() < 0.25
    stages = []
    if ids:
        stages.append(L.Embedding(20, rng.randint(2, 7), mask_zero=masked))
    elif masked:
        stages.append(L.Masking(0.0))
    inside = ["tanh", "tanh", "relu", "sigmoid", "softsign", "linear", "hard_sigmoid", "selu", "leaky_relu"]
    outside = [None, "relu", "tanh", "gelu", "elu", "silu", "softplus", "leaky_relu", "hard_sigmoid", "selu"]

    def recurrent(returns):
        units, bias = rng.randint(1, 9), rng.random() < 0.85
        options = dict(return_sequences=returns, use_bias=bias, activation=rng.choice(inside))
        kind = rng.choice(["LSTM", "GRU", "GRU", "SimpleRNN"])
        if kind != "SimpleRNN":
            options["recurrent_activation"] = rng.choice(["sigmoid", "sigmoid", "hard_sigmoid"])
        if kind == "GRU":
            options["reset_after"] = rng.random() < 0.5
        if rng.random() < 0.15:
            cells = {"LSTM": L.LSTMCell, "GRU": L.GRUCell, "SimpleRNN": L.SimpleRNNCell}
            options.pop("return_sequences")
            return L.RNN(cells[kind](units, **options), return_sequences=returns)
        layer = getattr(L, kind)(units, **options)
        if rng.random() < 0.35:
            return L.Bidirectional(layer, merge_mode=rng.choice(["concat", "sum", "ave"]))
        return layer

    sequence = True
    for _ in range(rng.randint(1, 4)):
        kind = rng.choice(["rnn", "rnn", "conv", "dense", "norm", "timed", "drop", "leaky", "nested", "pool"])
        if kind == "rnn" and sequence:
            sequence = rng.random() < 0.6
            stages.append(recurrent(sequence))
        elif kind == "conv" and sequence and not masked:
            stages.append(L.Conv1D(rng.randint(1, 6), rng.randint(1, 4), strides=rng.choice([1, 1, 2]),
                                   padding=rng.choice(["same", "causal"]), activation=rng.choice(outside),
                                   use_bias=rng.random() < 0.8))
        elif kind == "pool" and sequence and not masked:
            stages.append(rng.choice([L.MaxPooling1D, L.AveragePooling1D])(
                2, strides=rng.choice([None, 1, 2, 3]), padding="same"))
        elif kind == "dense":
            stages.append(L.Dense(rng.randint(1, 7), activation=rng.choice(outside), use_bias=rng.random() < 0.8))
        elif kind == "norm":
            stages.append(rng.choice([L.LayerNormalization(), L.BatchNormalization(), L.LayerNormalization(center=False),
                                      L.BatchNormalization(scale=False, epsilon=1e-4)]))
        elif kind == "timed" and sequence and not mixed:
            inner = [L.Dense(rng.randint(1, 6), activation=rng.choice(outside)), L.LayerNormalization(epsilon=0.1)]
            stages.append(L.TimeDistributed(rng.choice([inner[0], keras.Sequential(inner)])))
        elif kind == "nested" and not masked and not mixed:
            stages.append(keras.Sequential([L.Dense(rng.randint(1, 6), activation="tanh"), L.Dropout(0.2),
                                            L.BatchNormalization()]))
        elif kind == "drop":
            stages.append(rng.choice([L.Dropout(0.3), L.SpatialDropout1D(0.2) if sequence else L.Dropout(0.1)]))
        elif kind == "leaky":
            stages.append(rng.choice([L.LeakyReLU(), L.ReLU(), L.Activation("tanh"), L.ELU()]))
    if sequence and not masked and rng.random() < 0.3:
        stages.append(L.Flatten())
        sequence = False
    elif sequence and rng.random() < 0.3:
        stages.append(L.GlobalAveragePooling1D() if masked or rng.random() < 0.5 else L.GlobalMaxPooling1D())
        sequence = False
    elif sequence and rng.random() < 0.7:
        stages.append(recurrent(False))
        sequence = False
    if not sequence and rng.random() < 0.2:
        stages += [L.RepeatVector(5), L.GRU(3, return_sequences=True)]
        sequence = True
    stages.append(L.Dense(rng.randint(1, 4), activation=rng.choice([None, "softmax", "sigmoid"])))

    shape = (STEPS,) if ids else (STEPS, 6)
    start = keras.Input(shape, dtype="int32") if ids else keras.Input(shape)
    if rng.random() < 0.5:
        x = start
        for stage in stages:
            x = stage(x)
        model = keras.Model(start, x)
    else:
        model = keras.Sequential([start] + stages)
    keras.config.set_dtype_policy("float32")
    numbers = np.random.default_rng(seed)
    for variable in model.weights:
        if variable.dtype == "float32":
            value = np.asarray(variable)
            new = value + 0.2 * numbers.standard_normal(value.shape)
            variable.assign(np.abs(new) if "variance" in variable.path else new)
    valid = None
    batch = numbers.integers(0 if not masked else 1, 20, (4, *shape)) if ids else \
        numbers.standard_normal((4, *shape)).astype("float32")
    if masked:
        valid = np.arange(STEPS)[None, :] < numbers.integers(1, STEPS + 1, 4)[:, None]
        batch = batch * (valid if ids else valid[:, :, None].astype("float32"))
    space = {"model": model}
    check = os.path.join(folder, name + ".npz")
    text = re.sub(r"^(x|shape) = .*$", "", recipe, flags=re.M).replace("check.npz", check)
    exec(text, space | {"x": batch})
    y = np.load(check)["y"]
    kind = rng.choice(["keras", "keras", "weights", "h5"])
    if kind == "h5" and '"Sequential"' in model.to_json()[40:]:  # models in models are refused there
        kind = "keras"
    options, file = [], f"{name}.{kind}"
    if kind == "weights":
        file = name + ".weights.h5"
        model.save_weights(os.path.join(folder, file))
        with open(os.path.join(folder, name + ".json"), "w") as out:
            out.write(model.to_json())
        options = ["--config", os.path.join(folder, name + ".json")]
    else:
        model.save(os.path.join(folder, file))
    about = f"{kind} {type(model).__name__} ids={ids} masked={masked}\n" + "\n".join(
        f"{type(s).__name__} {[k for k in s.get_config().items() if 'initializer' not in k[0]]}"[:600] for s in stages)
    return Made(file, name + ".npz", options, about, batch, y, valid if y.ndim == 3 and y.shape[1] == STEPS else None)
