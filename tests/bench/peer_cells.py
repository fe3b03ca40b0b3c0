"""Runs and times the cells of the zoo in PyTorch and JAX, one line of JSON for each line: the peer of cells.lua.

    python peer_cells.py THREADS

Each cell is written once, from its formula, over the functions that both have; a step takes the tensors p, the input x
(N, inputs), a tuple of states and the number of the step from 1, and returns y and the new states. Ways to run it over
the steps of a sequence: eager (PyTorch, a loop in Python), step (the same with the step under torch.compile), compiled
(the whole loop under torch.compile), jax (lax.scan under jax.jit).
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from packages import need  # noqa: E402

need("torch==2.13.0", "jax", "numpy")
THREADS = int(sys.argv[1])
os.environ["NPROC"] = sys.argv[1]  # threads of JAX
if THREADS == 1:
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"  # for the times of compiling

import json  # noqa: E402
import signal  # noqa: E402
import statistics  # noqa: E402
import time  # noqa: E402
import warnings  # noqa: E402
from types import SimpleNamespace  # noqa: E402

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

warnings.simplefilter("ignore")
torch.set_num_threads(THREADS)

TORCH = SimpleNamespace(
    tanh=torch.tanh, sigmoid=torch.sigmoid, relu=torch.relu, exp=torch.exp, cos=torch.cos, sin=torch.sin,
    floor=torch.floor, where=torch.where, maximum=torch.maximum, log_sigmoid=F.logsigmoid, linear=F.linear,
    split=lambda x, n, axis=1: torch.chunk(x, n, axis), concat=lambda parts: torch.cat(parts, 1),
    softmax=lambda x: torch.softmax(x, -1), norm=lambda x, gain, bias: F.layer_norm(x, x.shape[-1:], gain, bias))


def norm(x, gain, bias):
    mean = x.mean(-1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(((x - mean) ** 2).mean(-1, keepdims=True) + 1e-5) * gain + bias


JAX = SimpleNamespace(
    tanh=jnp.tanh, sigmoid=jax.nn.sigmoid, relu=jax.nn.relu, exp=jnp.exp, cos=jnp.cos, sin=jnp.sin, floor=jnp.floor,
    where=jnp.where, maximum=jnp.maximum, log_sigmoid=jax.nn.log_sigmoid,
    linear=lambda x, weight, bias=None: x @ weight.T if bias is None else x @ weight.T + bias,
    split=lambda x, n, axis=1: jnp.split(x, n, axis), concat=lambda parts: jnp.concatenate(parts, 1),
    softmax=lambda x: jax.nn.softmax(x, -1), norm=norm)


# ---- the cells: o has the functions, p the tensors ----

def sums(o, p, x, h, prefix=""):
    return o.linear(x, p[prefix + "weight_ih"], p[prefix + "bias_ih"]) + o.linear(h, p[prefix + "weight_hh"])


def Elman(o, p, x, s, t):
    h = o.tanh(sums(o, p, x, s[0]))
    return h, (h,)


def Jordan(o, p, x, s, t):
    y = o.linear(o.tanh(sums(o, p, x, s[0])), p["weight_out"], p["bias_out"])
    return y, (y,)


def IRNN(o, p, x, s, t):
    h = o.relu(sums(o, p, x, s[0]))
    return h, (h,)


def IndRNN(o, p, x, s, t):
    h = o.relu(o.linear(x, p["weight_ih"], p["bias_ih"]) + p["weight_hh"] * s[0])
    return h, (h,)


def LSTM(o, p, x, s, t, prefix=""):
    i, f, g, u = o.split(sums(o, p, x, s[0], prefix), 4)
    if prefix + "peephole" in p:
        pi, pf, pu = o.split(p[prefix + "peephole"], 3, 0)
        i, f = i + pi * s[1], f + pf * s[1]
    c = o.sigmoid(f) * s[1] + o.sigmoid(i) * o.tanh(g)
    if prefix + "peephole" in p:
        u = u + pu * c
    h = o.sigmoid(u) * o.tanh(c)
    return h, (h, c)


def NormLSTM(o, p, x, s, t):
    both = o.norm(o.linear(x, p["weight_ih"]), p["gain_ih"], p["bias_ih"])
    i, f, g, u = o.split(both + o.norm(o.linear(s[0], p["weight_hh"]), p["gain_hh"], p["bias_hh"]), 4)
    c = o.sigmoid(f) * s[1] + o.sigmoid(i) * o.tanh(g)
    h = o.sigmoid(u) * o.tanh(o.norm(c, p["gain_c"], p["bias_c"]))
    return h, (h, c)


def GRU(o, p, x, s, t):
    xr, xz, xn = o.split(o.linear(x, p["weight_ih"], p["bias_ih"]), 3)
    hr, hz, hn = o.split(o.linear(s[0], p["weight_hh"], p["bias_hh"]), 3)
    z, n = o.sigmoid(xz + hz), o.tanh(xn + o.sigmoid(xr + hr) * hn)
    h = n + z * (s[0] - n)
    return h, (h,)


def MGU(o, p, x, s, t):
    xf, xn = o.split(o.linear(x, p["weight_ih"], p["bias_ih"]), 2)
    to_f, to_n = o.split(p["weight_hh"], 2, 0)
    f = o.sigmoid(xf + o.linear(s[0], to_f))
    n = o.tanh(xn + o.linear(f * s[0], to_n))
    h = s[0] + f * (n - s[0])
    return h, (h,)


def UGRNN(o, p, x, s, t):
    g, c = o.split(sums(o, p, x, s[0]), 2)
    g = o.sigmoid(g)
    h = g * s[0] + (1 - g) * o.tanh(c)
    return h, (h,)


def JANET(o, p, x, s, t):
    a, n = o.split(sums(o, p, x, s[0]), 2)
    h = o.sigmoid(a) * s[0] + (1 - o.sigmoid(a - 1)) * o.tanh(n)
    return h, (h,)


def CFN(o, p, x, s, t):
    xf, xi, w = o.split(o.linear(x, p["weight_ih"]), 3)
    hf, hi = o.split(o.linear(s[0], p["weight_hh"], p["bias_ih"]), 2)
    h = o.sigmoid(xf + hf) * o.tanh(s[0]) + o.sigmoid(xi + hi) * o.tanh(w)
    return h, (h,)


def SRU(o, p, x, s, t):
    xf, xr, xc = o.split(o.linear(x, p["weight_ih"]), 3)
    (vf, vr), (bf, br) = o.split(p["weight_c"], 2, 0), o.split(p["bias_ih"], 2, 0)
    f, r = o.sigmoid(xf + vf * s[0] + bf), o.sigmoid(xr + vr * s[0] + br)
    c = f * s[0] + (1 - f) * xc
    return r * c + (1 - r) * (3 ** 0.5 * x), (c,)


def QRNN(o, p, x, s, t):
    z, f, u = o.split(o.linear(o.concat([s[1], x]), p["weight_ih"], p["bias_ih"]), 3)
    f = o.sigmoid(f)
    c = f * s[0] + (1 - f) * o.tanh(z)
    return o.sigmoid(u) * c, (c, x)


def minGRU(o, p, x, s, t):
    z, n = o.split(o.linear(x, p["weight_ih"], p["bias_ih"]), 2)
    z = o.sigmoid(z)
    h = (1 - z) * s[0] + z * n
    return h, (h,)


def minLSTM(o, p, x, s, t):
    f, i, n = o.split(o.linear(x, p["weight_ih"], p["bias_ih"]), 3)
    f = o.sigmoid(o.log_sigmoid(f) - o.log_sigmoid(i))
    h = f * s[0] + (1 - f) * n
    return h, (h,)


def LRU(o, p, x, s, t):
    size, angle, gamma = o.exp(-o.exp(p["nu"])), o.exp(p["theta"]), o.exp(p["gamma_log"])
    a, b = size * o.cos(angle), size * o.sin(angle)
    re = a * s[0] - b * s[1] + gamma * o.linear(x, p["b_re"])
    im = a * s[1] + b * s[0] + gamma * o.linear(x, p["b_im"])
    return o.linear(re, p["c_re"]) - o.linear(im, p["c_im"]) + o.linear(x, p["weight_d"]), (re, im)


def RWKV(o, p, x, s, t):
    last, a, b, top = s
    r, k, v = (o.linear(m * x + (1 - m) * last, w) for m, w in zip(p["mix"], o.split(p["weight_ih"], 3, 0)))
    now = k + p["bonus"]
    most = o.maximum(top, now)
    old, new = o.exp(top - most), o.exp(now - most)
    wkv = (old * a + new * v) / (old * b + new)
    faded = top - o.exp(p["decay"])
    most = o.maximum(faded, k)
    old, new = o.exp(faded - most), o.exp(k - most)
    return o.linear(o.sigmoid(r) * wkv, p["weight_out"]), (x, old * a + new * v, old * b + new, most)


def sLSTM(o, p, x, s, t):
    h, c, n, m = s
    log_i, f, u, z = o.split(o.linear(x, p["weight_ih"], p["bias_ih"]) + o.linear(h, p["weight_hh.1"]), 4)
    log_f = o.log_sigmoid(f)
    top = o.maximum(log_f + m, log_i)
    i, f = o.exp(log_i - top), o.exp(log_f + m - top)
    c, n = f * c + i * o.tanh(z), f * n + i
    h = o.sigmoid(u) * (c / n)
    return h, (h, c, n, top)


def PhasedLSTM(o, p, x, s, t):
    phase = (t - p["shift"]) / o.exp(p["period_log"])
    phase = phase - o.floor(phase)
    rising = phase * (2 / 0.05)
    k = o.where(phase < 0.025, rising, o.where(phase < 0.05, 2 - rising, 0.001 * phase))
    _, new = LSTM(o, p, x, s, t, "lstm.")
    h, c = k * new[0] + (1 - k) * s[0], k * new[1] + (1 - k) * s[1]
    return h, (h, c)


def Clockwork(o, p, x, s, t):
    turns = (t - 1) / p["periods"]
    new = o.tanh(o.linear(x, p["weight_ih"], p["bias_ih"]) + o.linear(s[0], p["weight_hh"] * p["mask"]))
    h = o.where(turns == o.floor(turns), new, s[0])
    return h, (h,)


def RHN(o, p, x, s, t):
    s = s[0]
    for k in range(1, 4):
        both = o.linear(s, p[f"weight_hh.{k}"], p[f"bias_hh.{k}"])
        n, g = o.split(both + o.linear(x, p["weight_ih"]) if k == 1 else both, 2)
        s = s + o.sigmoid(g) * (o.tanh(n) - s)
    return s, (s,)


def Mogrifier(o, p, x, s, t):
    h, c = s
    for k in range(1, 6):
        if k % 2 == 1:
            x = 2 * o.sigmoid(o.linear(h, p[f"gate.{k}"])) * x
        else:
            h = 2 * o.sigmoid(o.linear(x, p[f"gate.{k}"])) * h
    return LSTM(o, p, x, (h, c), t, "lstm.")


def Antisymmetric(o, p, x, s, t):
    push = o.linear(s[0], p["weight_hh"] - p["weight_hh"].T) - 0.01 * s[0]
    h = s[0] + 0.1 * o.tanh(push + o.linear(x, p["weight_ih"], p["bias_ih"]))
    return h, (h,)


def LMU(o, p, x, s, t):
    h, m = s
    u = o.linear(x, p["encoder_x"]) + o.linear(h, p["encoder_h"]) + o.linear(m, p["encoder_m"])
    m = o.linear(m, p["memory_a"]) + u * p["memory_b"]
    h = o.tanh(o.linear(x, p["weight_ih"]) + o.linear(h, p["weight_hh"]) + o.linear(m, p["weight_mh"]))
    return h, (h, m)


def Attention(o, p, x, s, t):
    h, memory = s[0], p["memory"]
    keys = o.linear(memory, p["attention.key.weight"], p["attention.key.bias"])
    energy = o.linear(o.tanh(o.linear(h, p["attention.query.weight"])[:, None] + keys), p["attention.energy.weight"])
    context = (o.softmax(energy[:, :, 0])[:, :, None] * memory).sum(1)
    xr, xz, xn = o.split(o.linear(o.concat([x, context]), p["gru.weight_ih"], p["gru.bias_ih"]), 3)
    ur, uz, un = o.split(p["gru.weight_hh"], 3, 0)
    r, z = o.sigmoid(xr + o.linear(h, ur)), o.sigmoid(xz + o.linear(h, uz))
    n = o.tanh(xn + o.linear(r * h, un))
    h = n + z * (h - n)
    return h, (h,)


def GRUD(o, p, x, s, t):
    h, last, since = s
    seen = x == x
    last = o.where(seen, x, last)
    kept = o.exp(-o.relu(since * p["input_decay"] + p["input_decay_bias"]))
    x, seen = o.where(seen, last, kept * last), o.where(seen, x * 0 + 1, x * 0)
    h = o.exp(-o.relu(o.linear(since, p["decay"], p["decay_bias"]))) * h
    ur, uz, un = o.split(p["weight_hh"], 3, 0)
    xr, xz, xn = o.split(o.linear(x, p["weight_ih"], p["bias_ih"]) + o.linear(seen, p["weight_mask"]), 3)
    r, z = o.sigmoid(xr + o.linear(h, ur)), o.sigmoid(xz + o.linear(h, uz))
    h = (1 - z) * h + z * o.tanh(xn + o.linear(r * h, un))
    return h, (h, last, 1 + (1 - seen) * since)


# ---- running them ----

class Case:
    """Tensors of a case, from an .npz file: x, weights (N, T, units; of the loss), state.K, p.NAME, and what rnnlua
    has: y, and g.NAME for what is trained."""

    def __init__(self, cell, path):
        data, self.cell = dict(numpy.load(path)), globals()[cell]
        self.trained = [name[2:] for name in data if name[:2] == "g."]
        self.data = data
        self.tensors = {name: torch.tensor(value) for name, value in data.items()}
        for name in self.trained:
            self.tensors["p." + name].requires_grad_(True)
        self.arrays = {name: jnp.asarray(value) for name, value in data.items()}
        self.runs = {}

    def parts(self, tensors):
        p = {name[2:]: value for name, value in tensors.items() if name[:2] == "p."}
        states = sorted(name for name in tensors if name[:6] == "state.")
        return p, tensors["x"], tuple(tensors[name] for name in states), tensors["weights"]

    def torch_run(self, way, training):
        p, x, start, weights = self.parts(self.tensors)
        cell = self.cell

        def step(x, state, t):
            return cell(TORCH, p, x, state, t)

        if way == "step":
            step = torch.compile(step)

        def loop(x):
            state, outputs = start, []
            for t in range(x.shape[1]):  # a compiled step takes its number as a tensor, or it is compiled for each
                y, state = step(x[:, t], state, TIMES[t] if way == "step" else t + 1)
                outputs.append(y)
            return torch.stack(outputs, 1)

        if way == "compiled":
            loop = torch.compile(loop)
        trained = [p[name] for name in self.trained]

        def train():
            for parameter in trained:
                parameter.grad = None
            y = loop(x)
            (y * weights).sum().backward()
            return y, [parameter.grad for parameter in trained]

        def infer():
            with torch.inference_mode():
                return loop(x)

        return train if training else infer

    def jax_run(self, training):
        p, x, start, weights = self.parts(self.arrays)
        cell, steps = self.cell, jnp.arange(1, x.shape[1] + 1, dtype=jnp.float32)

        def forward(p, x):
            def step(state, now):
                y, state = cell(JAX, p, now[0], state, now[1])
                return state, y
            return jax.lax.scan(step, start, (x.transpose(1, 0, 2), steps))[1].transpose(1, 0, 2)

        def loss(trained, others, x):
            y = forward(trained | others, x)
            return (y * weights).sum(), y

        trained = {name: p[name] for name in self.trained}
        others = {name: value for name, value in p.items() if name not in trained}
        grad, infer = jax.jit(jax.value_and_grad(loss, has_aux=True)), jax.jit(forward)

        def train():
            (_, y), grads = jax.block_until_ready(grad(trained, others, x))
            return y, [grads[name] for name in self.trained]

        return train if training else lambda: jax.block_until_ready(infer(p, x))

    def check(self, result):
        """The largest differences of y and of any gradient from what rnnlua has, as shares of its largest value."""
        def share(a, name):
            b = self.data[name]
            return float(numpy.abs(numpy.asarray(a) - b).max() / max(1, numpy.abs(b).max()))
        y, grads = result
        y = y.detach() if isinstance(y, torch.Tensor) else y
        return {"y": share(y, "y"), "gradients": max(share(g, "g." + n) for g, n in zip(grads, self.trained))}

    def prepare(self, way, training, limit):
        run = self.jax_run(training) if way == "jax" else self.torch_run(way, training)
        start = time.perf_counter()
        signal.setitimer(signal.ITIMER_REAL, limit)
        try:
            result = run()
            seconds = time.perf_counter() - start
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        run()
        self.runs[way, training] = run
        return {"seconds": seconds} | (self.check(result) if training else {})


TIMES = [torch.tensor(float(t + 1)) for t in range(64)]


class TooLong(BaseException):
    """Not an Exception: compilers catch these."""


def too_long(*_):
    raise TooLong


signal.signal(signal.SIGALRM, too_long)


def measure(run, seconds):
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


case = None
for line in sys.stdin:
    task = json.loads(line)
    if task["op"] == "versions":
        answer = {"torch": torch.__version__, "jax": jax.__version__}
    elif task["op"] == "open":
        torch._dynamo.reset()
        jax.clear_caches()
        case, answer = Case(task["cell"], task["path"]), {}
    elif task["op"] == "prepare":
        try:
            answer = case.prepare(task["way"], task["training"], task["limit"])
        except TooLong:
            answer = {"why": f"no result in {task['limit']:.0f} s"}
        except Exception as error:
            answer = {"why": f"{type(error).__name__}: {error}"[:300]}
    else:
        answer = {"median": measure(case.runs[task["way"], task["training"]], task["seconds"])}
    print(json.dumps(answer), flush=True)
