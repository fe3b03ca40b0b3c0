"""edges.json: values and gradients of PyTorch, in double, where numbers end: infinities, NaN, zeros, 1e30 and 1e308.

A list of cases: op, the function of rnn.core; x, its float arguments as lists; rest, arguments that follow (axes from 1);
y, the values; dx, for each argument the gradient of the sum of y times 1, 2, 3 ... Numbers that are not finite, and -0,
are strings. Left out, because rnnlua decides otherwise: softsign and binary cross entropy at infinities (losses_spec.lua),
the gradient of maximum and minimum between equal numbers, and hard sigmoid (a slope of 1/6 in float).

    python3 -m venv env && env/bin/pip install torch==2.13.0 && env/bin/python make_edges.py
"""
import json
import math
import os

import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
torch.set_default_dtype(torch.float64)
INF, NAN = math.inf, math.nan

UNARY = {
    "neg": torch.neg, "abs": torch.abs, "sqrt": torch.sqrt, "square": torch.square, "reciprocal": torch.reciprocal,
    "log": torch.log, "sin": torch.sin, "cos": torch.cos, "exp": torch.exp, "tanh": torch.tanh,
    "sigmoid": torch.sigmoid, "relu": torch.relu, "elu": F.elu, "selu": F.selu, "softplus": F.softplus,
    "sign": torch.sign, "floor": torch.floor,
}
BINARY = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "pow": torch.pow,
    "maximum": torch.maximum, "minimum": torch.minimum,
}
PAIR = {"mse": F.mse_loss, "mae": F.l1_loss, "huber": F.huber_loss}
ENDS = [INF, -INF, NAN, 1e308, -1e308, 1e30, -1e30, 700.0, -700.0, 1e-300, 0.0, -0.0, 1.0, -1.0]
FEW = [INF, -INF, NAN, 1e200, 0.0, -0.0, 1.0, -2.0, 3.0, 0.5]
ROWS = [[1, 2, -INF], [-INF, -INF, -INF], [INF, 1, 2], [1e308, -1e308, 0], [NAN, 1, 2], [800, -800, 799], [3, 3, 3]]
AXIS = {
    "softmax": lambda x: F.softmax(x, 0), "log_softmax": lambda x: F.log_softmax(x, 0),
    "cumsum": lambda x: x.cumsum(0), "sum": lambda x: x.sum(0), "mean": lambda x: x.mean(0),
}


def plain(values):
    return [str(v) if math.isnan(v) or math.isinf(v) or (v == 0 and math.copysign(1, v) < 0) else v for v in values]


def case(op, f, xs, rest=()):
    xs = [torch.tensor([float(v) for v in x], requires_grad=True) for x in xs]
    y = f(*xs).reshape(-1)
    if y.requires_grad:
        (y * torch.arange(1.0, len(y) + 1)).sum().backward()
    return {"op": op, "x": [plain(x.tolist()) for x in xs], "rest": list(rest), "y": plain(y.tolist()),
            "dx": [plain(x.grad.tolist()) for x in xs if x.grad is not None]}


cases = [case(op, f, [ENDS]) for op, f in UNARY.items()]
cases.append(case("leaky_relu", lambda x: F.leaky_relu(x, 0.2), [ENDS], [0.2]))
cases.append(case("clamp", lambda x: x.clamp(-1, 2), [ENDS], [-1, 2]))
for op, f in BINARY.items():
    pairs = [(a, b) for a in FEW for b in FEW if "imum" not in op or (a != b and not math.isnan(a + b) or a + b == 0 != a)]
    cases.append(case(op, f, [[a for a, _ in pairs], [b for _, b in pairs]]))
for op, f in AXIS.items():
    cases += [case(op, f, [row], [1]) for row in ROWS]
for row in ROWS:
    cases.append(case("cross_entropy", lambda x: F.cross_entropy(x[None], torch.tensor([1])), [row], ["label 2"]))
for op, f in PAIR.items():
    cases += [case(op, f, [[a], [b]]) for a in FEW for b in FEW]
with open(os.path.join(HERE, "edges.json"), "w") as out:
    json.dump({"cases": cases}, out, indent=0)
    out.write("\n")
