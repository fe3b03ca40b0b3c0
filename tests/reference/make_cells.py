"""cells.json: the cells of stdlib/rnn/cells by NumPy, in double, each written once more from its paper; for cells_spec.lua.

    python3 -m venv env && env/bin/pip install numpy==2.4.6 && env/bin/python make_cells.py

A case has the name of a cell, its options, inputs x (N, T, inputs), the parameters by their names here and there,
multiples of 1/64, which both precisions hold, and the outputs y (N, T, outputs) from the zero state. What the cells do
for stability or speed is left out here: wkv is a sum over all steps before, sLSTM has its exponentials as they are, LRU
complex numbers, QRNN convolves, Clockwork goes group by group, the LMU's matrices are series of
fractions.
"""
import json
import os
from fractions import Fraction

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
N, T, D, H = 2, 6, 3, 4
random = np.random.default_rng(20240229)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


FUNCTIONS = {
    "tanh": np.tanh, "sigmoid": sigmoid, "identity": lambda a: a, "relu": lambda a: np.maximum(a, 0),
    "softsign": lambda a: a / (1 + abs(a)), "hard_sigmoid": lambda a: np.clip(a / 6 + 0.5, 0, 1),
    "leaky_relu": lambda a: np.where(a > 0, a, 0.2 * a),
    "selu": lambda a: 1.0507009873554805 * np.where(a > 0, a, 1.6732632423543772 * (np.exp(a) - 1)),
}


def norm(a, gain, bias):
    return gain * (a - a.mean()) / np.sqrt(a.var() + 1e-5) + bias


def numbers(*sizes, scale=1.0):
    return np.round(random.uniform(-scale, scale, sizes) * 64) / 64


cases = []


def case(cell, step, parameters, options=None, state=(H,), inputs=D, units=H, missing=None, **more):
    """step(p, x, state, t) -> y, state, for vectors; or a function of a whole sequence x (T, inputs) -> y (T, outputs).

    Inputs above missing are nan for the step."""
    x = numbers(N, T, inputs, scale=2.0)
    y = []
    if missing:
        more["missing"] = missing
    for sequence in np.where(x > (missing or np.inf), np.nan, x):
        if state is None:
            y.append(step(parameters, sequence))
            continue
        s, rows = [np.zeros(width) for width in state], []
        for t, row in enumerate(sequence):
            out, s = step(parameters, row, s, t)
            rows.append(out)
        y.append(rows)
    names = {}
    for name, value in parameters.items():
        if isinstance(value, list):
            names.update({f"{name}.{i + 1}": v.tolist() for i, v in enumerate(value)})
        else:
            names[name] = value.tolist()
    cases.append(dict(cell=cell, options=options or {}, inputs=inputs, units=units, x=x.tolist(), y=np.array(y).tolist(),
                      parameters=names, **more))


def weights(gates, inputs=D, units=H, recurrent=None, biases=1):
    p = dict(weight_ih=numbers(gates * units, inputs), bias_ih=numbers(gates * units))
    if recurrent is not False:
        p["weight_hh"] = numbers(gates * units, recurrent or units)
    if biases == 2:
        p["bias_hh"] = numbers(gates * units)
    return p


def parts(a, n):
    return np.split(a, n)


# ---- Elman, Jordan, IRNN, IndRNN ----

def elman(f, layer_norm):
    def step(p, x, s, t):
        if layer_norm:
            a = norm(p["weight_ih"] @ x, p["gain_ih"], p["bias_ih"]) + norm(p["weight_hh"] @ s[0], p["gain_hh"], p["bias_hh"])
        else:
            a = p["weight_ih"] @ x + p["bias_ih"] + p["weight_hh"] @ s[0] + p["bias_hh"]
        h = FUNCTIONS[f](a)
        return h, [h]
    return step


def gains(p, count):
    return dict(p, gain_ih=1 + numbers(count), gain_hh=1 + numbers(count))


for name in FUNCTIONS:
    case("Elman", elman(name, False), weights(1, biases=2), dict(activation=name))
case("Elman", elman("tanh", True), gains(weights(1, biases=2), H), dict(layer_norm=True))
case("Elman", elman("relu", True), gains(weights(1, biases=2), H), dict(layer_norm=True, activation="relu"))


def jordan(decay, f, f_y):
    def step(p, x, s, t):
        h = FUNCTIONS[f](p["weight_ih"] @ x + p["weight_hh"] @ s[0] + p["bias_ih"])
        y = FUNCTIONS[f_y](p["weight_out"] @ h + p["bias_out"])
        return y, [decay * s[0] + y]
    return step


for outputs, decay, f, f_y in ((H, 0, "tanh", "identity"), (2, 0.5, "softsign", "sigmoid")):
    p = dict(weights(1, recurrent=outputs), weight_out=numbers(outputs, H), bias_out=numbers(outputs))
    options = {} if outputs == H else dict(outputs=outputs, decay=decay, activation=f, output_activation=f_y)
    case("Jordan", jordan(decay, f, f_y), p, options, state=(outputs,))


def irnn(p, x, s, t):
    h = np.maximum(p["weight_ih"] @ x + p["weight_hh"] @ s[0] + p["bias_ih"], 0)
    return h, [h]


case("IRNN", irnn, weights(1))


def indrnn(f, bound):
    def step(p, x, s, t):
        h = FUNCTIONS[f](p["weight_ih"] @ x + np.clip(p["weight_hh"], -bound, bound) * s[0] + p["bias_ih"])
        return h, [h]
    return step


case("IndRNN", indrnn("relu", np.inf), dict(weights(1, recurrent=False), weight_hh=numbers(H)))
case("IndRNN", indrnn("tanh", 0.35), dict(weights(1, recurrent=False), weight_hh=numbers(H)),
     dict(activation="tanh", bound=0.35))


# ---- LSTM, GRU and their kin ----

def lstm_step(p, x, h, c, coupled=False, without="nothing", t="tanh", s="sigmoid"):
    t, s = FUNCTIONS[t], FUNCTIONS[s]
    names = [g for g in "ifgo" if not (g == "i" and (coupled or without == "input_gate")
                                       or g == "f" and without == "forget_gate" or g == "o" and without == "output_gate")]
    if "gain_ih" in p:
        a = norm(p["weight_ih"] @ x, p["gain_ih"], p["bias_ih"]) + norm(p["weight_hh"] @ h, p["gain_hh"], p["bias_hh"])
    else:
        a = p["weight_ih"] @ x + p["bias_ih"] + p["weight_hh"] @ h + p["bias_hh"]
    a = dict(zip(names, parts(a, len(names))))
    peep = p.get("peephole", np.zeros((3, len(c))))
    f = s(a["f"] + peep[1] * c) if "f" in a else 1.0
    i = 1 - f if coupled else s(a["i"] + peep[0] * c) if "i" in a else 1.0
    g = a["g"] if without == "input_activation" else t(a["g"])
    c = f * c + i * g
    o = s(a["o"] + peep[2] * c) if "o" in a else 1.0
    seen = norm(c, p["gain_c"], p["bias_c"]) if "gain_c" in p else c
    m = o * (seen if without == "output_activation" else t(seen))
    return (p["weight_hr"] @ m if "weight_hr" in p else m), c


def lstm_case(options):
    gates = 4 - (options.get("coupled", False) or options.get("without", "") in ("input_gate", "forget_gate", "output_gate"))
    width = options.get("projection", H)
    p = weights(gates, recurrent=width, biases=2)
    if options.get("layer_norm"):
        p = dict(gains(p, gates * H), gain_c=1 + numbers(H), bias_c=numbers(H))
    if options.get("peepholes"):
        p["peephole"] = numbers(3, H)
    if "projection" in options:
        p["weight_hr"] = numbers(width, H)

    def step(p, x, s, t):
        h, c = lstm_step(p, x, *s, options.get("coupled", False), options.get("without", "nothing"),
                         options.get("activation", "tanh"), options.get("recurrent_activation", "sigmoid"))
        return h, [h, c]
    case("LSTM", step, p, options, state=(width, H))


for options in ({}, dict(peepholes=True), dict(coupled=True), dict(projection=2), dict(layer_norm=True),
                dict(peepholes=True, coupled=True, projection=3, layer_norm=True),
                dict(activation="softsign", recurrent_activation="hard_sigmoid", peepholes=True, layer_norm=True),
                dict(coupled=True, layer_norm=True), dict(projection=3, peepholes=True),
                *(dict(without=part, peepholes=True) for part in
                  ("input_gate", "forget_gate", "output_gate", "input_activation", "output_activation"))):
    lstm_case(options)


def gru_step(p, x, h, before, t="tanh", s="sigmoid"):
    t, s = FUNCTIONS[t], FUNCTIONS[s]
    wr, wz, wn = parts(p["weight_ih"], 3)
    ur, uz, un = parts(p["weight_hh"], 3)
    br, bz, bn = parts(p["bias_ih"], 3)
    cr, cz, cn = parts(p["bias_hh"], 3)
    r, z = s(wr @ x + br + ur @ h + cr), s(wz @ x + bz + uz @ h + cz)
    n = t(wn @ x + bn + (un @ (r * h) + cn if before else r * (un @ h + cn)))
    return (1 - z) * n + z * h


def normed_gru_step(p, x, h, before):
    xr, xz, xn = parts(norm(p["weight_ih"] @ x, p["gain_ih"], p["bias_ih"]), 3)
    if before:
        both = 2 * len(h)
        hr, hz = parts(norm(p["weight_hh"][:both] @ h, p["gain_hh"][:both], p["bias_hh"][:both]), 2)
        r = sigmoid(xr + hr)
        part = norm(p["weight_hh"][both:] @ (r * h), p["gain_hh"][both:], p["bias_hh"][both:])
    else:
        hr, hz, hn = parts(norm(p["weight_hh"] @ h, p["gain_hh"], p["bias_hh"]), 3)
        part = sigmoid(xr + hr) * hn
    z = sigmoid(xz + hz)
    return (1 - z) * np.tanh(xn + part) + z * h


for before in (False, True):
    reset = dict(reset="before") if before else {}
    case("GRU", lambda p, x, s, t: (lambda h: (h, [h]))(gru_step(p, x, s[0], before)), weights(3, biases=2), reset)
    case("GRU", lambda p, x, s, t: (lambda h: (h, [h]))(gru_step(p, x, s[0], before, "relu", "hard_sigmoid")),
         weights(3, biases=2), dict(reset, activation="relu", recurrent_activation="hard_sigmoid"))
    case("GRU", lambda p, x, s, t: (lambda h: (h, [h]))(normed_gru_step(p, x, s[0], before)),
         gains(weights(3, biases=2), 3 * H), dict(reset, layer_norm=True))


def mgu(p, x, s, t):
    (wf, wn), (uf, un), (bf, bn) = (parts(p[k], 2) for k in ("weight_ih", "weight_hh", "bias_ih"))
    h = s[0]
    f = sigmoid(wf @ x + uf @ h + bf)
    h = (1 - f) * h + f * np.tanh(wn @ x + un @ (f * h) + bn)
    return h, [h]


def ugrnn(p, x, s, t):
    g, c = parts(p["weight_ih"] @ x + p["weight_hh"] @ s[0] + p["bias_ih"], 2)
    h = sigmoid(g) * s[0] + (1 - sigmoid(g)) * np.tanh(c)
    return h, [h]


def grud(p, x, s, t):
    """Che et al. 2018, equations 10 to 18, with the mean 0."""
    h, last, since = s
    seen = ~np.isnan(x)
    last = np.where(seen, x, last)
    x = np.where(seen, x, np.exp(-np.maximum(0, p["input_decay"] * since + p["input_decay_bias"])) * last)
    h = np.exp(-np.maximum(0, p["decay"] @ since + p["decay_bias"])) * h
    wr, wz, wn = parts(p["weight_ih"] @ x + p["weight_mask"] @ seen + p["bias_ih"], 3)
    ur, uz, un = parts(p["weight_hh"], 3)
    r, z = sigmoid(wr + ur @ h), sigmoid(wz + uz @ h)
    h = (1 - z) * h + z * np.tanh(wn + un @ (r * h))
    return h, [h, last, 1 + (1 - seen) * since]


def janet(beta):
    def step(p, x, s, t):
        (wf, wn), (uf, un), (bf, bn) = (parts(p[k], 2) for k in ("weight_ih", "weight_hh", "bias_ih"))
        a, n = wf @ x + uf @ s[0] + bf, np.tanh(wn @ x + un @ s[0] + bn)
        h = sigmoid(a) * s[0] + (1 - sigmoid(a - beta)) * n
        return h, [h]
    return step


def cfn(p, x, s, t):
    vf, vi, w = parts(p["weight_ih"], 3)
    (uf, ui), (bf, bi) = parts(p["weight_hh"], 2), parts(p["bias_ih"], 2)
    h = s[0]
    h = sigmoid(uf @ h + vf @ x + bf) * np.tanh(h) + sigmoid(ui @ h + vi @ x + bi) * np.tanh(w @ x)
    return h, [h]


case("MGU", mgu, weights(2))
case("UGRNN", ugrnn, weights(2))
case("JANET", janet(1), weights(2))
case("JANET", janet(0), weights(2), dict(beta=0))
case("CFN", cfn, dict(weight_ih=numbers(3 * H, D), weight_hh=numbers(2 * H, H), bias_ih=numbers(2 * H)))


# ---- no product of the state ----

def sru(bias):
    def step(p, x, s, t):
        w = parts(p["weight_ih"], len(p["weight_ih"]) // H)
        (vf, vr), (bf, br) = parts(p["weight_c"], 2), parts(p["bias_ih"], 2)
        f, r = sigmoid(w[0] @ x + vf * s[0] + bf), sigmoid(w[1] @ x + vr * s[0] + br)
        c = f * s[0] + (1 - f) * (w[2] @ x)
        return r * c + (1 - r) * (w[3] @ x if len(w) == 4 else x) * np.sqrt(1 + np.exp(bias) * 2), [c]
    return step


for inputs, bias in ((D, 0), (H, -1.5)):
    p = dict(weight_ih=numbers((3 + (inputs != H)) * H, inputs), weight_c=numbers(2 * H), bias_ih=numbers(2 * H))
    case("SRU", sru(bias), p, {} if bias == 0 else dict(highway_bias=bias), inputs=inputs)


def qrnn(pooling, window):
    def run(p, x):
        padded = np.concatenate([np.zeros((window - 1, D)), x])
        gates = []
        for block, bias in zip(parts(p["weight_ih"], len(pooling) + 1), parts(p["bias_ih"], len(pooling) + 1)):
            filters = block.reshape(H, window, D)
            gates.append(np.array([sum(filters[:, j] @ padded[t + j] for j in range(window)) + bias for t in range(T)]))
        z = np.tanh(gates[0])
        f, *rest = (sigmoid(g) for g in gates[1:])
        c, y = np.zeros(H), []
        for t in range(T):
            c = f[t] * c + (rest[1][t] if pooling == "ifo" else 1 - f[t]) * z[t]
            y.append(c if pooling == "f" else rest[0][t] * c)
        return y
    return run


for pooling, window in (("fo", 2), ("f", 1), ("ifo", 3), ("fo", 1)):
    gates = len(pooling) + 1
    case("QRNN", qrnn(pooling, window), dict(weight_ih=numbers(gates * H, window * D), bias_ih=numbers(gates * H)),
         dict(pooling=pooling, window=window) if (pooling, window) != ("fo", 2) else {}, state=None)


def mingru(p, x, s, t):
    (wz, wn), (bz, bn) = parts(p["weight_ih"], 2), parts(p["bias_ih"], 2)
    z = sigmoid(wz @ x + bz)
    h = (1 - z) * s[0] + z * (wn @ x + bn)
    return h, [h]


def minlstm(p, x, s, t):
    (wf, wi, wn), (bf, bi, bn) = parts(p["weight_ih"], 3), parts(p["bias_ih"], 3)
    f, i = sigmoid(wf @ x + bf), sigmoid(wi @ x + bi)
    h = f / (f + i) * s[0] + i / (f + i) * (wn @ x + bn)
    return h, [h]


case("minGRU", mingru, weights(2, recurrent=False))
case("minLSTM", minlstm, weights(3, recurrent=False))


def lru(p, x):
    lam = np.exp(-np.exp(p["nu"]) + 1j * np.exp(p["theta"]))
    b, c = p["b_re"] + 1j * p["b_im"], p["c_re"] + 1j * p["c_im"]
    h, y = np.zeros(len(lam), complex), []
    for row in x:
        h = lam * h + np.exp(p["gamma_log"]) * (b @ row)
        y.append((c @ h).real + p["weight_d"] @ row)
    return y


for states in (H, 5):
    p = dict(nu=numbers(states), theta=numbers(states), gamma_log=numbers(states), b_re=numbers(states, D),
             b_im=numbers(states, D), c_re=numbers(H, states), c_im=numbers(H, states), weight_d=numbers(H, D))
    case("LRU", lru, p, {} if states == H else dict(states=states), state=None)


def rwkv(p, x):
    before = np.concatenate([np.zeros((1, D)), x[:-1]])
    r, k, v = (np.array([w @ (m * now + (1 - m) * last) for now, last in zip(x, before)])
               for w, m in zip(parts(p["weight_ih"], 3), p["mix"]))
    w, u, y = np.exp(p["decay"]), p["bonus"], []
    for t in range(T):
        exponents = [-(t - 1 - i) * w + k[i] for i in range(t)] + [u + k[t]]
        wkv = sum(np.exp(e) * v[i] for i, e in enumerate(exponents)) / sum(np.exp(e) for e in exponents)
        y.append(p["weight_out"] @ (sigmoid(r[t]) * wkv))
    return y


case("RWKV", rwkv, dict(mix=numbers(3, D), weight_ih=numbers(3 * H, D), decay=numbers(H), bonus=numbers(H),
                        weight_out=numbers(H, H)), state=None)


# ---- exponential gates, clocks, depth ----

def slstm(exponential, heads):
    def step(p, x, s, t):
        h, c, n = s
        d = H // heads
        u = [np.zeros((H, H)) for _ in range(4)]
        for k, block in enumerate(p["weight_hh"]):
            for g in range(4):
                u[g][k * d:(k + 1) * d, k * d:(k + 1) * d] = block[g * d:(g + 1) * d]
        i, f, o, z = (w @ x + b + v @ h for w, b, v in zip(parts(p["weight_ih"], 4), parts(p["bias_ih"], 4), u))
        f = np.exp(f) if exponential else sigmoid(f)
        c, n = f * c + np.exp(i) * np.tanh(z), f * n + np.exp(i)
        h = sigmoid(o) * c / n
        return h, [h, c, n]
    return step


for exponential, heads in ((False, 1), (True, 1), (False, 2)):
    p = dict(weight_ih=numbers(4 * H, D), weight_hh=[numbers(4 * H // heads, H // heads) for _ in range(heads)],
             bias_ih=numbers(4 * H))
    options = dict(forget="exp") if exponential else dict(heads=heads) if heads > 1 else {}
    case("sLSTM", slstm(exponential, heads), p, options, state=(H, H, H))


def phased(time, opened, leak):
    def step(p, x, s, t):
        inner = {k[5:]: v for k, v in p.items() if k.startswith("lstm.")}
        now = x[-1] if time == "input" else t + 1
        k = np.zeros(H)
        for unit in range(H):
            period = np.exp(p["period_log"][unit])
            phase = ((now - p["shift"][unit]) % period) / period
            k[unit] = 2 * phase / opened if phase < opened / 2 else 2 - 2 * phase / opened if phase < opened else leak * phase
        h, c = lstm_step(inner, x, *s)
        h, c = k * h + (1 - k) * s[0], k * c + (1 - k) * s[1]
        return h, [h, c]
    return step


for time, opened in (("step", 0.05), ("step", 0.5), ("input", 0.75)):
    p = {f"lstm.{k}": v for k, v in dict(weights(4, biases=2), peephole=numbers(3, H)).items()}
    p.update(period_log=1 + numbers(H), shift=numbers(H))
    options = dict(time=time, open=opened, leak=0.125) if opened != 0.05 else {}
    case("PhasedLSTM", phased(time, opened, 0.125 if options else 0.001), p, options, state=(H, H))


def clockwork(groups):
    def step(p, x, s, t):
        size = H // groups
        h = s[0].copy()
        for g in range(groups):
            if t % 2 ** g == 0:
                rows = slice(g * size, (g + 1) * size)
                h[rows] = np.tanh(p["weight_ih"][rows] @ x + p["bias_ih"][rows]
                                  + p["weight_hh"][rows, g * size:] @ s[0][g * size:])
        return h, [h]
    return step


case("Clockwork", clockwork(4), weights(1))
case("Clockwork", clockwork(2), weights(1), dict(groups=2))


def rhn(p, x, s, t):
    wn, wt = parts(p["weight_ih"], 2)
    y = s[0]
    for layer, (r, b) in enumerate(zip(p["weight_hh"], p["bias_hh"])):
        (rn, rt), (bn, bt) = parts(r, 2), parts(b, 2)
        first = 1 if layer == 0 else 0
        n, gate = np.tanh(first * (wn @ x) + rn @ y + bn), sigmoid(first * (wt @ x) + rt @ y + bt)
        y = n * gate + y * (1 - gate)
    return y, [y]


for depth in (3, 1):
    p = dict(weight_ih=numbers(2 * H, D), weight_hh=[numbers(2 * H, H) for _ in range(depth)],
             bias_hh=[numbers(2 * H) for _ in range(depth)])
    case("RHN", rhn, p, {} if depth == 3 else dict(depth=1))


def mogrifier(rounds):
    def step(p, x, s, t):
        inner = {k[5:]: v for k, v in p.items() if k.startswith("lstm.")}
        h, c = s
        for k in range(rounds):
            m = p["gate"][k] if "gate" in p else p["gate_left"][k] @ p["gate_right"][k]
            if k % 2 == 0:
                x = 2 * sigmoid(m @ h) * x
            else:
                h = 2 * sigmoid(m @ x) * h
        h, c = lstm_step(inner, x, h, c)
        return h, [h, c]
    return step


for rounds, rank in ((5, None), (2, None), (3, 2)):
    p = {f"lstm.{k}": v for k, v in weights(4, biases=2).items()}
    sizes = [(D, H) if k % 2 == 0 else (H, D) for k in range(rounds)]
    if rank:
        p.update(gate_left=[numbers(a, rank) for a, _ in sizes], gate_right=[numbers(rank, b) for _, b in sizes])
    else:
        p["gate"] = [numbers(a, b) for a, b in sizes]
    options = {} if rounds == 5 else dict(rounds=rounds, rank=rank) if rank else dict(rounds=rounds)
    case("Mogrifier", mogrifier(rounds), p, options, state=(H, H))


def antisymmetric(gated, size, damping):
    def step(p, x, s, t):
        a = p["weight_hh"] - p["weight_hh"].T - damping * np.eye(H)
        v, b = parts(p["weight_ih"], 1 + gated), parts(p["bias_ih"], 1 + gated)
        change = np.tanh(a @ s[0] + v[0] @ x + b[0])
        if gated:
            change = sigmoid(a @ s[0] + v[1] @ x + b[1]) * change
        h = s[0] + size * change
        return h, [h]
    return step


for gated, size, damping in ((0, 0.1, 0.01), (1, 0.25, 0.5)):
    p = dict(weight_ih=numbers((1 + gated) * H, D), bias_ih=numbers((1 + gated) * H), weight_hh=numbers(H, H))
    case("Antisymmetric", antisymmetric(gated, size, damping), p,
         dict(gated=True, step=size, damping=damping) if gated else {})


def lmu(order, theta):
    a = np.array([[(2 * i + 1) / theta * (-1 if i < j else (-1) ** (i - j + 1)) for j in range(order)] for i in range(order)])
    b = np.array([(2 * i + 1) / theta * (-1) ** i for i in range(order)])
    # exp(a) = sum of a^k / k!, exp's integral of b = sum of a^(k-1) b / k!; a is integer / theta
    power, whole, term = np.eye(order, dtype=int).astype(object), np.rint(a * theta).astype(int).astype(object), Fraction(1)
    held, sums = power * term, power * 0
    for k in range(1, 80):
        sums = sums + power * (term / k)
        power, term = power @ whole, term / (k * theta)
        held = held + power * term
    held, held_b = held.astype(float), sums.astype(float) @ b

    def step(p, x, s, t):
        h, m = s
        u = p["encoder_x"][0] @ x + p["encoder_h"][0] @ h + p["encoder_m"][0] @ m
        m = held @ m + held_b * u
        h = np.tanh(p["weight_ih"] @ x + p["weight_hh"] @ h + p["weight_mh"] @ m)
        return h, [h, m]
    return step


for order, theta in ((16, 100), (4, 5)):
    p = dict(encoder_x=numbers(1, D), encoder_h=numbers(1, H), encoder_m=numbers(1, order), weight_ih=numbers(H, D),
             weight_hh=numbers(H, H), weight_mh=numbers(H, order))
    case("LMU", lmu(order, theta), p, {} if order == 16 else dict(order=order, theta=theta), state=(H, order))


def attention(score, memories):
    memory_of = iter(memories)

    def run(p, x):
        memory, h, y = next(memory_of), np.zeros(H), []
        inner = {k[4:]: v for k, v in p.items() if k.startswith("gru.")}
        for row in x:
            key = p["attention.key.weight"]
            if score == "additive":
                energies = np.array([p["attention.energy.weight"][0] @ np.tanh(
                    p["attention.query.weight"] @ h + key @ m + p["attention.key.bias"]) for m in memory])
            else:
                energies = np.array([h @ key @ m for m in memory])
            shares = np.exp(energies) / np.exp(energies).sum()
            h = gru_step(inner, np.concatenate([row, sum(a * m for a, m in zip(shares, memory))]), h, True)
            y.append(h)
        return y
    return run


for score, width in (("additive", H), ("multiplicative", 2)):
    memory = numbers(N, 5, width, scale=2.0)
    p = {f"gru.{k}": v for k, v in weights(3, inputs=D + width, biases=2).items()}
    p["attention.key.weight"] = numbers(H, width)
    if score == "additive":
        p.update({"attention.query.weight": numbers(H, H), "attention.key.bias": numbers(H),
                  "attention.energy.weight": numbers(1, H)})
    case("Attention", attention(score, memory), p, {} if width == H else dict(score=score, memory=width), state=None,
         memory=memory.tolist())

p = weights(3)
p.update(weight_mask=numbers(3 * H, D), input_decay=numbers(D), input_decay_bias=numbers(D), decay=numbers(H, D),
         decay_bias=numbers(H))
case("GRUD", grud, p, state=(H, D, D), missing=0.5)

path = os.path.join(HERE, "cells.json")
with open(path, "w") as file:
    json.dump(dict(numpy=np.__version__, cases=cases), file, sort_keys=True, separators=(",", ":"))
    file.write("\n")
print(path, os.path.getsize(path), "bytes,", len(cases), "cases of", len({c["cell"] for c in cases}), "cells")
