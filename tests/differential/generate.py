"""Random programs. The generator runs PyTorch as it goes, so it knows shapes and values and can keep away from where no
answer is the right one: kinks that rounding may cross, near ties, numbers that grow without bound.

Each function below writes statements of one kind; OPS lists them with the op of core/ops/ops.def that they cover."""
import random

import torch

import counterparts
from program import Refused, Run, Statement

MOST = 1e3       # no value is larger
NEAR = 1e-6      # closer than this to a kink or tie, rounding decides
ELEMENTS = 300   # of a tensor


class Unfit(Exception):
    """The statement cannot be had here: try another."""


def literal(values):
    """A nested list as Lua."""
    return "{" + ", ".join(map(literal, values)) + "}" if isinstance(values, list) else repr(values)


def sizes(shape):
    return ", ".join(map(str, shape))


def broadcast(a, b):
    """The shape that a and b are broadcast to, or None."""
    n = max(len(a), len(b))
    a, b = (1,) * (n - len(a)) + tuple(a), (1,) * (n - len(b)) + tuple(b)
    if any(d != e and 1 not in (d, e) for d, e in zip(a, b)):
        return None
    return torch.Size(e if d == 1 else d for d, e in zip(a, b))


class Generator:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.run = Run()
        self.statements = []
        self.exact = set()  # names whose values no rounding has touched
        self.quiet = False
        self.count = 0
        self.daring = self.r.random() < 0.05  # goes on from results that backward has consumed
        self.junk = self.r.random() < 0.3  # padding holds nan and infinities, of which PyTorch's side knows nothing
        self.coarse = self.r.random() < 0.15  # small whole numbers: ties and zeros

    # ---- choosing ----

    def chance(self, p):
        return self.r.random() < p

    def pick(self, items):
        if not items:
            raise Unfit
        return items[self.r.randrange(len(items))]

    def need(self, condition):
        if not condition:
            raise Unfit

    def value(self, name):
        return self.run[name].detach()

    def names(self, ok=None, kind="float", padded=False):
        dtype = torch.float64 if kind == "float" else torch.int32
        return [n for n, lengths in self.run.defined.items()
                if self.run[n].dtype == dtype and (padded or lengths is None)
                and (self.daring or not self.run.stale(n))
                and (ok is None or ok(self.run[n]))]

    def size(self):
        if self.chance(0.02):  # blocks and vectors of the kernels, and what is left over
            return self.r.randint(6, 40)
        return self.r.choices([0, 1, 2, 3, 4, 5], [1, 4, 8, 8, 4, 2])[0]

    def shape(self, ndim=None):
        if ndim is None:
            ndim = self.r.choices([0, 1, 2, 3, 4, 5], [2, 6, 10, 8, 3, 1])[0]
        shape = [self.size() for _ in range(ndim)]
        while torch.Size(shape).numel() > ELEMENTS:
            shape[self.r.randrange(ndim)] = 1
        return shape

    def some(self, ok=None, shape=None, kind="float", padded=False, **options):
        """The name of a tensor there is, rather a young one, or of a new leaf."""
        found = self.names(ok, kind, padded)
        if found and self.chance(0.85):
            return found[max(self.r.randrange(len(found)) for _ in range(2))]
        shape = self.shape() if shape is None else shape() if callable(shape) else shape
        return self.leaf(shape, kind=kind, **options)

    def logits(self, x):
        """x, or where it may be probabilities, which losses of logits refuse, a product of it."""
        if not any(s.op in ("softmax", "sigmoid", "hard_sigmoid") for s in self.statements):
            return x
        y = self.name()
        return self.add("mul", f"{y} = {x} * 1", f"{y} = {x} * 1", [x], [y], lengths=self.run.defined[x])

    def axis(self, x, first=0):
        """An axis of x, from 1 or backwards, as Lua writes it."""
        n = self.run[x].dim()
        self.need(n > first)
        i = self.r.randrange(first, n)
        return i + 1 if self.chance(0.7) else i - n

    def at(self, x, axis):
        return axis - 1 if axis > 0 else self.run[x].dim() + axis

    # ---- writing statements ----

    def name(self):
        self.count += 1
        return f"x{self.count}"

    def add(self, op, lua, torch_, uses=(), defines=(), exact=False, bounded=True, **fields):
        s = Statement(op, lua, torch_, tuple(defines), tuple(uses), quiet=self.quiet and op != "leaf", **fields)
        try:
            self.run.step(s)
            for n in defines:
                t = self.value(n)
                if bounded and t.numel() and t.dtype == torch.float64:
                    self.need(bool(t.abs().max() <= MOST))
        except Refused:
            self.statements.append(s)
            raise
        except (Unfit, RuntimeError) as e:
            for n in defines:
                self.run.defined.pop(n, None)
            raise Refused(f"PyTorch cannot do it: {e}") if op == "backward" else e
        self.statements.append(s)
        if exact:
            self.exact.update(defines)
        return defines[0] if defines else None

    def apply(self, op, args, torch_, method=None, **fields):
        """x = rnn.op(args) in one of the ways to write it; torch_ says it with {0}, {1} ... for the arguments."""
        x = self.name()
        texts = [literal(a) if isinstance(a, list) and not (a and isinstance(a[0], str)) else
                 "{" + ", ".join(a) + "}" if isinstance(a, list) else
                 {True: "true", False: "false", None: "nil", torch.inf: "math.huge"}[a]
                 if a in (None, torch.inf) or isinstance(a, bool) else str(a)
                 for a in args]
        uses = [n for a in args for n in (a if isinstance(a, list) else [a]) if isinstance(n, str) and n[0] != "'"]
        if method is None:
            method = isinstance(args[0], str) and self.chance(0.6)
        lua = f"{texts[0]}:{op}({', '.join(texts[1:])})" if method else f"rnn.{op}({', '.join(texts)})"
        pythons = ["[" + ", ".join(a) + "]" if isinstance(a, list) and a and isinstance(a[0], str) else str(a)
                   for a in args]
        return self.add(op, f"{x} = {lua}", f"{x} = " + torch_.format(*pythons), uses, [x], **fields)

    def numbers(self, count, low, high):
        if self.coarse:
            return [float(self.r.randint(round(low + 0.49), round(high - 0.49))) for _ in range(count)]
        return [round(self.r.uniform(low, high), 2) for _ in range(count)]

    def leaf(self, shape, kind="float", low=-2, high=2, grad=None, values=None, lengths=None):
        x = self.name()
        count = torch.Size(shape).numel()
        if values is None:
            values = self.numbers(count, low, high) if kind == "float" else \
                [self.r.randint(low, high) for _ in range(count)]
        nested = torch.tensor(values, dtype=torch.float64 if kind == "float" else torch.int32).reshape(shape).tolist()
        empty = count == 0
        if kind == "int":
            lua = f'rnn.zeros {{ {sizes(shape)}{", " if shape else ""}type = "int32" }}' if empty else \
                f'rnn.tensor({literal(nested)}, "int32")'
            torch_ = f"ints([], {shape})" if empty else f"ints({nested})"
        else:
            lua = f"rnn.zeros({sizes(shape)})" if empty else f"rnn.tensor({literal(nested)})"
            grad = self.chance(0.6) if grad is None else grad
            torch_ = f"tensor([], {grad}, {shape})" if empty else f"tensor({nested}, {grad})"
            if lengths:
                lua = f"rnn.tensor({self.padded_literal(nested, lengths)}):with_lengths{literal(lengths)}"
            if grad:
                lua += ":requires_grad(true)"
        return self.add("leaf", f"{x} = {lua}", f"{x} = {torch_}", (), [x], exact=True,
                        lengths=tuple(lengths) if lengths else None)

    def padded_literal(self, nested, lengths):
        """As Lua, perhaps with junk behind the lengths."""
        def junk(value):
            return [junk(v) for v in value] if isinstance(value, list) else self.pick(["0/0", "1/0", "-1/0", "1e30"])
        rows_ = [row[:n] + junk(row[n:]) if self.junk else row for row, n in zip(nested, lengths)]
        return literal(rows_).replace("'", "")

    def clear_of(self, x, *kinks):
        """Rounding cannot carry x over a kink: it is exact, or far enough away."""
        if x not in self.exact:
            for k in kinks:
                self.need(not bool(((self.value(x) - k).abs() < NEAR).any()))

    def clear_of_ties(self, x, axes=None):
        if x not in self.exact:
            t = counterparts.lines(self.value(x), axes)
            if t.shape[-1] > 1:
                self.need(not bool((t.sort(-1)[0].diff(dim=-1) < NEAR).any()))


# ---- one tensor, element by element ----

UNARY = {  # op: (PyTorch, where it has kinks, from, to)
    "neg": ("-{0}", (), None, None), "abs": ("{0}.abs()", (0,), None, None),
    "sign": ("{0}.detach().sign()", (0,), None, None),
    "exp": ("{0}.exp()", (), -20, 5), "log": ("{0}.log()", (), 0.01, None), "sqrt": ("{0}.sqrt()", (), 0.01, None),
    "square": ("{0}.square()", (), None, None), "reciprocal": ("{0}.reciprocal()", (), 0.05, None),
    "sin": ("{0}.sin()", (), None, None), "cos": ("{0}.cos()", (), None, None),
    "is_finite": ("{0}.isfinite().double()", (), None, None),
    "expm1": ("{0}.expm1()", (), -20, 5), "log1p": ("{0}.log1p()", (), -0.9, None),
    "rsqrt": ("{0}.rsqrt()", (), 0.05, None), "tan": ("{0}.tan()", (), -1.3, 1.3),
    "asin": ("{0}.asin()", (), -0.9, 0.9), "acos": ("{0}.acos()", (), -0.9, 0.9), "atan": ("{0}.atan()", (), None, None),
    "sinh": ("{0}.sinh()", (), -5, 5), "cosh": ("{0}.cosh()", (), -5, 5), "erf": ("{0}.erf()", (), None, None),
    "gelu": ("F.gelu({0})", (), None, None), "silu": ("F.silu({0})", (), None, None),
    "log_sigmoid": ("F.logsigmoid({0})", (), None, None),
    "tanh": ("{0}.tanh()", (), None, None), "sigmoid": ("{0}.sigmoid()", (), None, None),
    "relu": ("{0}.relu()", (0,), None, None),
    "elu": ("F.elu({0})", (0,), None, None), "selu": ("F.selu({0})", (0,), None, None),
    "softplus": ("F.softplus({0}, threshold=50)", (), None, 40), "softsign": ("F.softsign({0})", (0,), None, None),
    "hard_sigmoid": ("F.hardtanh({0}, -3, 3) / 6 + 0.5", (-3, 3), None, None),
}


def unary(op):
    torch_, kinks, low, high = UNARY[op]

    def within(t):
        return (low is None or bool((t >= low).all())) and (high is None or bool((t <= high).all()))

    def write(g):
        kind = "int" if op in ("neg", "abs", "sign", "square") and g.chance(0.1) else "float"
        if kind == "int":
            x = g.some(lambda t: bool((t.abs() < 1000).all()), kind=kind, padded=True, low=-3, high=3)
        else:
            least = -2 if low is None or low < 0 else 0.1
            x = g.some(within, padded=True, low=max(least, low or least), high=min(2, high or 2))
        g.need(within(g.run[x]) and (kind == "float" or bool((g.run[x].abs() < 1000).all())))
        g.clear_of(x, *kinks)
        exact = op in ("neg", "abs", "sign", "relu") and x in g.exact
        y = g.apply(op, [x], torch_, lengths=g.run.defined[x], exact=exact or kind == "int")
        if op == "neg" and g.chance(0.5):
            g.statements[-1].lua = f"{y} = -{x}"
    return write


def clear_of_steps(g, t, shift=0):
    """No value is so near to a whole number, and shift, that rounding decides on which side it is."""
    g.need(not bool((((t - shift) - (t - shift).round()).abs() < NEAR).any()))


def step(op, shift=0):
    def write(g):
        x = g.some(padded=True)
        if x not in g.exact:
            clear_of_steps(g, g.value(x), shift)
        g.apply(op, [x], f"{{0}}.detach().{op}()", lengths=g.run.defined[x], exact=True)
    return write


def round_(g):
    """As PyTorch's, half to even; straight through it has the gradient of what it rounds."""
    x = g.some(padded=True)
    if x not in g.exact:
        clear_of_steps(g, g.value(x), 0.5)
    straight = g.chance(0.5)
    g.apply("round", [x, True] if straight else [x], "straight_round({0})" if straight else "{0}.detach().round()",
            lengths=g.run.defined[x], exact=not straight and x in g.exact)


def clamp(g):
    x = g.some(padded=True)
    low = g.pick([-2.0, -1.0, -0.5, 0.0])
    high = low + g.pick([0.5, 1.0, 2.0])
    g.clear_of(x, low, high)
    g.apply("clamp", [x, low, high], "clamp({0}, {1}, {2})", lengths=g.run.defined[x])


def leaky_relu(g):
    x = g.some(padded=True)
    g.clear_of(x, 0)
    g.apply("leaky_relu", [x, g.pick([0.01, 0.3, 1.0])], "F.leaky_relu({0}, {1})", lengths=g.run.defined[x])


def to_int(g):
    x = g.some()
    if x not in g.exact:
        t = g.value(x)
        g.need(not bool(((t - t.round()).abs() < NEAR).any()))
    g.apply("to_int", [x], "{0}.detach().int()", exact=True)


def to_float(g):
    kind = g.pick(["int", "int", "float"])
    x = g.some(kind=kind, low=-3, high=3)
    g.apply("to_float", [x], "{0}.double()" if kind == "int" else "{0}.clone()", exact=x in g.exact)


def dropout(g):
    x = g.some(padded=True)
    g.apply("dropout", [x, 0], "{0}.clone()", lengths=g.run.defined[x])


# ---- two tensors ----

def partner(g, x, kind="float", low=-2, high=2, ok=None, numbers=True):
    """The name of a tensor that can be broadcast with x, or a number."""
    shape, lengths = list(g.run[x].shape), g.run.defined[x]
    if numbers and g.chance(0.2):
        return g.r.randint(low, high) if kind == "int" else \
            g.pick([v for v in (-1.5, -1, 0.5, 2, 3) if low <= v <= high])

    def fits(t):
        if ok and not ok(t):
            return False
        if lengths is not None:
            return list(t.shape) == shape[len(shape) - t.dim():] and t.dim() <= len(shape)
        both = broadcast(t.shape, shape)
        return both is not None and both.numel() <= ELEMENTS
    found = [n for n in g.names(fits, kind, padded=True) if g.run.defined[n] in (None, lengths)]
    if found and g.chance(0.6):
        return g.pick(found)
    shape = shape[g.r.randint(0, len(shape)) if g.chance(0.3) else 0:]
    shape = [1 if g.chance(0.2) else d if d != 1 or g.chance(0.5) or lengths else g.size() for d in shape]
    if lengths is None and len(shape) < 4 and g.chance(0.1):
        shape = [g.r.randint(1, 3)] + shape
    both = broadcast(shape, g.run[x].shape)
    g.need(both is not None and both.numel() <= ELEMENTS)
    return g.leaf(shape, kind=kind, low=low, high=high)


SYMBOLS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "^", "floor_div": "//", "mod": "%"}


def two(g, op, a, b, torch_, **fields):
    names = [n for n in (a, b) if isinstance(n, str)]
    lengths = next((g.run.defined[n] for n in names if g.run.defined[n]), None)
    x = g.apply(op, [a, b], torch_, method=None if isinstance(a, str) else False, lengths=lengths, **fields)
    if op in SYMBOLS and g.chance(0.7):
        g.statements[-1].lua = f"{x} = {a} {SYMBOLS[op]} {b}"
    return x


def shuffled(g, a, b):
    return (a, b) if g.chance(0.5) else (b, a)


def arithmetic(op):
    def write(g):
        kind = "int" if g.chance(0.1) else "float"
        x = g.some(kind=kind, padded=True, low=-3 if kind == "int" else -2, high=3 if kind == "int" else 2)
        other = kind if g.chance(0.9) else "int" if kind == "float" else "float"  # int32 beside float is float
        y = partner(g, x, other, numbers=other == kind)
        a, b = shuffled(g, x, y)
        two(g, op, a, b, f"{{0}} {SYMBOLS[op]} {{1}}", exact=kind == other == "int")
    return write


def remainder(op):
    """a // b and a % b: rounded down, of int32 exactly."""
    def write(g):
        kind = "int" if g.chance(0.4) else "float"

        def divides(t):
            return bool((t.abs() > 0.3).all())
        b = g.some(divides, kind=kind, padded=True, low=1 if kind == "int" else 0.4, high=3)
        g.need(divides(g.run[b]))
        a = partner(g, b, kind)
        if kind == "float":
            x, y = (g.value(n) if isinstance(n, str) else torch.tensor(float(n), dtype=torch.float64) for n in (a, b))
            clear_of_steps(g, x / y)
        f = {"floor_div": "floor_div", "mod": "torch.remainder"}[op]
        two(g, op, a, b, f"{f}(torch.as_tensor({{0}}), {{1}})" + (".int()" if kind == "int" else ""), exact=kind == "int")
    return write


def atan2(g):
    x = g.some(away, padded=True, low=0.2)
    g.need(away(g.run[x]))
    y = partner(g, x, ok=away)
    g.need(not isinstance(y, str) or away(g.run[y]))
    a, b = shuffled(g, x, y)
    two(g, "atan2", a, b, "torch.atan2(torch.as_tensor({0}, dtype=torch.float64), torch.as_tensor({1}, dtype=torch.float64))")


# ---- masks ----

def logic(op):
    def write(g):
        a = mask(g, torch.Size(g.shape()))
        if op == "logical_not":
            return g.apply(op, [a], "torch.logical_not({0}).double()", exact=True)
        b = mask(g, g.run[a].shape)
        g.apply(op, [a, b], f"torch.{op}({{0}}, {{1}}).double()", exact=True)
    return write


def away(t):
    return bool((t.abs() > 0.05).all())


def div(g):
    b = g.some(away, padded=True, low=0.2)
    g.need(away(g.run[b]))
    two(g, "div", partner(g, b), b, "torch.as_tensor({0}) / {1}")


def pow_(g):
    def positive(t):
        return bool((t > 0.05).all()) and bool((t < 10).all())
    if g.chance(0.5):
        x = g.some(lambda t: bool((t.abs() < 10).all()), padded=True)
        g.need(bool((g.run[x].abs() < 10).all()))
        if x not in g.exact:
            g.clear_of(x, 0)
        n = g.pick([1, 2, 3, 0])
        return two(g, "pow", x, n, "{0} ** {1}")
    x = g.some(positive, padded=True, low=0.1)
    g.need(positive(g.run[x]))
    b = partner(g, x, ok=lambda t: bool((t.abs() < 4).all()))
    g.need(not isinstance(b, str) or bool((g.run[b].abs() < 4).all()))
    if g.chance(0.15):
        return two(g, "pow", 2, x, "{0} ** {1}")
    return two(g, "pow", x, b, "{0} ** {1}")


def apart(g, a, b, ties):
    """No two partners are so near that rounding decides which is larger."""
    if all(not isinstance(n, str) or n in g.exact for n in (a, b)) and ties:
        return
    a, b = (g.value(n) if isinstance(n, str) else torch.tensor(float(n)) for n in (a, b))
    g.need(not bool(((a - b).abs() < NEAR).any()))


def extreme(op):
    def write(g):
        kind = "int" if g.chance(0.1) else "float"
        x = g.some(kind=kind, padded=True, low=-2, high=2)
        a, b = shuffled(g, x, partner(g, x, kind))
        if kind == "int":
            torch_ = f"torch.{op}(torch.as_tensor({{0}}), torch.as_tensor({{1}})).int()"
        else:
            torch_ = f"torch.{op}(torch.as_tensor({{0}}), torch.as_tensor({{1}}))"
            apart(g, a, b, ties=False)  # PyTorch halves the gradient of a tie, ours goes to a
        two(g, op, a, b, torch_, exact=kind == "int")
    return write


def comparison(op):
    symbol = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}[op]

    def write(g):
        kind = "int" if g.chance(0.2) else "float"
        x = g.some(kind=kind, padded=True, low=-2, high=2)
        a, b = shuffled(g, x, partner(g, x, kind))
        apart(g, a, b, ties=True)
        two(g, op, a, b, f"({{0}} {symbol} {{1}}).double()", exact=True)
    return write


def where(g):
    kind = "int" if g.chance(0.1) else "float"
    a = g.some(kind=kind, low=-3, high=3)
    b = partner(g, a, kind)
    shape = g.run[a].shape if not isinstance(b, str) else broadcast(g.run[a].shape, g.run[b].shape)
    c = mask(g, shape)
    a, b = shuffled(g, a, b)
    g.apply("where", [c, a, b], "where({0}, {1}, {2})", method=False, exact=kind == "int")


def fma(g):
    x = g.some(padded=True, low=-2, high=2)
    a, b = shuffled(g, x, partner(g, x))
    c = partner(g, x)
    shape = g.run[x].shape
    for other in (a, b, c):
        shape = broadcast(shape, g.run[other].shape) if isinstance(other, str) and shape is not None else shape
    g.need(shape is not None)
    lengths = next((g.run.defined[n] for n in (a, b, c) if isinstance(n, str) and g.run.defined[n]), None)
    g.apply("fma", [a, b, c], "({0} * {1} + {2})", lengths=lengths)


# ---- reductions ----

def axes(g, x):
    """What Lua is given: nil, an axis, or several; the batch of one with lengths only beside time."""
    n, lengths = g.run[x].dim(), g.run.defined[x]
    if n == 0 or g.chance(0.3):
        return None
    found = g.r.sample(range(1, n + 1), 1 if g.chance(0.5) else g.r.randint(1, n))
    g.need(not lengths or 1 not in found or 2 in found)
    found = [i if g.chance(0.7) else i - n - 1 for i in found]
    return found[0] if len(found) == 1 and g.chance(0.7) else found


def reduce(g, op, x, which, keep, before=(), after=(), counterpart=None, **fields):
    """rnn.op(x, before ..., axes, keep, after ...)"""
    lengths = g.run.defined[x]
    carried = lengths if lengths and 1 not in counterparts.axes_of(g.run[x], which) else None
    if lengths and carried is None:
        g.need(min(lengths) > 0 or 0 in counterparts.axes_of(g.run[x], which))
    args = [x, *before, which, keep, *after]
    if not after:
        while len(args) > 1 + len(before) and args[-1] in (None, False):
            args.pop()
    torch_ = ", ".join(map(str, ["{0}", list(lengths) if lengths else None, *before, which, keep, *after]))
    torch_ = torch_.replace(" inf,", " torch.inf,")
    g.apply(op, args, f"{counterpart or op}({torch_})", lengths=carried, **fields)


def reduction(op):
    def write(g):
        kind = "int" if op in ("sum", "prod", "max", "min", "mean") and g.chance(0.1) else "float"
        x = g.some(lambda t: t.numel() > 0, padded=kind == "float", kind=kind, low=-2, high=2)
        g.need(g.run[x].numel() > 0 or op == "sum")
        which = axes(g, x)
        if op in ("max", "min"):
            g.clear_of_ties(x, which)
        name = op + "_" if op in ("sum", "max", "min") else op
        if kind == "int" and op != "mean":
            g.need(bool((g.run[x].abs() < 10).all()) and g.run[x].numel() < 9)
        reduce(g, op, x, which, g.chance(0.4), counterpart=name, exact=kind == "int" and op != "mean")
    return write


def moment(op):
    def write(g):
        x = g.some(lambda t: t.numel() > 1, padded=True)
        g.need(g.run[x].numel() > 1)
        which = axes(g, x)
        correction = g.r.randint(0, 1)
        m = counterparts.lines(counterparts.counted(g.run[x], g.run.defined[x], which), which).sum(-1)
        g.need(bool((m > correction).all()))
        v = counterparts.lines(g.value(x), which)
        g.need(op == "var" or bool((v.max(-1)[0] - v.min(-1)[0] > 0.1).all()))  # no kink of the root
        g.need(op == "var" or not g.run.defined[x])
        reduce(g, op, x, which, g.chance(0.4), after=(correction,),
               counterpart="variance" if op == "var" else None)
    return write


def norm(g):
    x = g.some(lambda t: t.numel() > 0, padded=True)
    g.need(g.run[x].numel() > 0)
    which, p = axes(g, x), g.pick([1, 2, 3, torch.inf])
    v = counterparts.lines(g.value(x), which).abs()
    if p == 1:
        g.clear_of(x, 0)
    if p == torch.inf and v.shape[-1] > 1:  # PyTorch shares the gradient among equals
        g.need(not g.run.defined[x] and bool((v.sort(-1)[0].diff(dim=-1) > NEAR).all()))
    g.need(bool((v.max(-1)[0] > 0.01).all()))
    lengths = g.run.defined[x]
    g.need(not lengths or bool((counterparts.norm(g.value(x), lengths, 2, which, False) > 0.01).all()))
    reduce(g, "norm", x, which, g.chance(0.4), before=(p,))


def quantile(op):
    def write(g):
        x = g.some(lambda t: t.numel() > 0, padded=True)
        g.need(g.run[x].numel() > 0)
        which = axes(g, x)
        g.clear_of_ties(x, which)
        before = (g.pick([0, 0.25, 0.5, 1]),) if op == "quantile" else ()
        keep = g.chance(0.4)
        lengths = g.run.defined[x]
        g.need(op == "quantile" or not keep)
        if op == "quantile":
            return reduce(g, op, x, which, keep, before=before)
        carried = lengths if lengths and 1 not in counterparts.axes_of(g.run[x], which) else None
        g.need(not lengths or carried or min(lengths) > 0)
        args = [x] if which is None else [x, which]
        lengths = list(lengths) if lengths else None
        g.apply(op, args, f"quantile({{0}}, {lengths}, 0.5, {which}, False)", lengths=carried)
    return write


def flags(op):
    def write(g):
        x = mask(g, torch.Size(g.shape()))
        reduce(g, op, x, axes(g, x), g.chance(0.4), counterpart=op + "_", exact=True)
    return write


def place(op):
    def write(g):
        x = g.some(lambda t: t.numel() > 0, padded=True)
        g.need(g.run[x].numel() > 0)
        lengths = g.run.defined[x]
        axis = None if g.run[x].dim() == 0 or g.chance(0.2) else g.axis(x, 1 if lengths else 0)
        at = None if axis is None else g.at(x, axis)
        g.clear_of_ties(x, axis)
        torch_ = f"{op}({{0}}.detach(), {list(lengths) if lengths else None}, {axis})"
        g.apply(op, [x, axis] if axis else [x], torch_, exact=True,
                lengths=lengths if at is not None and at >= 2 else None)
    return write


def cumsum(g):
    kind = "int" if g.chance(0.1) else "float"
    x = g.some(lambda t: t.dim() > 0, kind=kind, low=-2, high=2)
    axis = g.axis(x)
    g.apply("cumsum", [x, axis], f"{{0}}.cumsum({g.at(x, axis)}).to({{0}}.dtype)")


def cumprod(g):
    x = g.some(lambda t: t.dim() > 0)
    g.apply("cumprod", [x, g.axis(x)], "cumprod({0}, {1})")


def running(op):
    def write(g):
        kind = "int" if g.chance(0.1) else "float"
        x = g.some(lambda t: t.dim() > 0, kind=kind, low=-2, high=2)
        axis = g.axis(x)
        g.clear_of_ties(x, axis)
        y, i = g.name(), g.name()
        g.add(op, f"{y}, {i} = {x}:{op}({axis})", f"{y}, {i} = {op}({x}, {axis})", [x], [y, i], exact=x in g.exact)
    return write


def softmax(op):
    def write(g):
        x = g.some(lambda t: t.dim() > 0, padded=True)
        lengths = g.run.defined[x]
        axis = g.axis(x, 2 if lengths else 0)
        g.apply(op, [x, axis], f"{{0}}.{op}({g.at(x, axis)})", lengths=lengths)
    return write


# ---- products ----

def matmul(g):
    a = g.some(lambda t: t.dim() >= 1, lambda: g.shape(g.r.randint(1, 3)))
    g.need(g.run[a].dim() >= 1)
    k = g.run[a].shape[-1]

    def fits(t):
        return t.dim() >= 1 and t.shape[max(t.dim() - 2, 0)] == k and \
            broadcast(t.shape[:-2], g.run[a].shape[:-2]) is not None
    lead = list(g.run[a].shape[:-2])
    lead = [] if g.chance(0.4) else [1 if g.chance(0.3) else d for d in lead]
    b = g.some(fits, lambda: [k] if g.chance(0.3) else lead + [k, g.size()])
    g.apply("matmul", [a, b], "product({0} @ {1}, {0}, {1})")


def einsum(g):
    """Of copies, as what is kept of the operands is another matter."""
    xs = [g.some(lambda t: t.dim() <= 4 and t.numel() <= 60, lambda: g.shape(g.r.randint(0, 3)))
          for _ in range(g.r.randint(1, 3))]
    sizes, terms = {}, []
    for x in xs:
        term = ""
        for i, size in enumerate(g.run[x].shape):  # a letter twice: of the last axes, which lie in rows
            known = [label for label in sizes if sizes[label] == size
                     and (label not in term or term[-1] == label and i == len(g.run[x].shape) - 1)]
            label = g.r.choice(known) if known and g.chance(0.6) else "abcdefghijkl"[len(sizes)]
            sizes[label] = size
            term += label
        terms.append(term)
    g.need(len(sizes) <= 6 and torch.Size(sizes.values()).numel() <= 2000)
    result = "".join(g.r.sample(sorted(sizes), g.r.randint(0, min(4, len(sizes)))))
    equation = ",".join(terms) + ("->" + result if g.chance(0.8) else "")
    y = g.name()
    g.add("einsum", f'{y} = rnn.einsum("{equation}", {", ".join(x + " * 1" for x in xs)})',
          f'{y} = torch.einsum("{equation}", {", ".join(x + " * 1" for x in xs)})', xs, [y])


def rfft(g):
    x = g.some(lambda t: 1 <= t.dim() <= 5 and t.shape[-1] > 0, lambda: g.shape(g.r.randint(1, 3)), padded=True)
    lengths = g.run.defined[x]
    g.need(1 + 2 * bool(lengths) <= g.run[x].dim() <= 5 and g.run[x].shape[-1] > 0)
    n = None if g.chance(0.5) else g.r.randint(1, 8)
    g.apply("rfft", [x] if n is None else [x, n], f"torch.view_as_real(torch.fft.rfft({{0}}, {n}))", lengths=lengths)


def irfft(g):
    x = g.some(lambda t: t.dim() >= 2 and t.shape[-1] == 2 and t.shape[-2] > 0,
               lambda: g.shape(g.r.randint(0, 2)) + [g.r.randint(1, 5), 2], padded=True)
    lengths = g.run.defined[x]
    g.need(g.run[x].dim() >= 2 + 2 * bool(lengths) and g.run[x].shape[-1] == 2 and g.run[x].shape[-2] > 0)
    n = None if g.run[x].shape[-2] > 1 and g.chance(0.5) else g.r.randint(1, 8)
    g.apply("irfft", [x] if n is None else [x, n],
            f"torch.fft.irfft(torch.view_as_complex({{0}}.clone(memory_format=torch.contiguous_format)), {n})",
            lengths=lengths)


def is_apart(values):
    """Are they all well apart, and none near 0?"""
    v = values.abs().sort(-1)[0]
    return v.numel() == 0 or (v.min() > 0.1 and (v.shape[-1] < 2 or v.diff(dim=-1).min() > 0.05))


def matrix(g, square=True, ok=lambda t: True):
    """A batch of matrices that rounding and small changes leave as they are."""
    def fits(t):
        return t.dim() >= 2 and t.numel() > 0 and (not square or t.shape[-1] == t.shape[-2]) and \
            t.isfinite().all() and torch.linalg.cond(t).max() < 30 and t.abs().max() < 100 and bool(ok(t))
    m = g.r.randint(1, 4)
    n = m if square else g.r.randint(1, 4)
    shape = [g.r.randint(1, 2)] * g.chance(0.3) + [m, n]
    count = torch.Size(shape).numel()
    values = [v + (2 * m + i % n if i % (m * n) // n == i % n and square else 0)
              for i, v in enumerate(g.numbers(count, -2, 2))]
    found = g.names(fits)
    a = g.pick(found) if found and g.chance(0.5) else g.leaf(shape, values=values)
    g.need(fits(g.run[a].detach()))
    return a


def linalg(op, results=1, square=True, ok=lambda t: True, sides=False):
    def write(g):
        a = matrix(g, square, lambda t: ok(t))
        uses = [a]
        if sides:
            rows = g.run[a].shape[-2]
            uses.append(g.some(lambda t: t.dim() == 2 and t.shape[0] == rows, lambda: [rows, g.r.randint(1, 3)]))
            g.need(g.run[uses[1]].dim() == 2 and g.run[uses[1]].shape[0] == rows)
        names = [g.name() for _ in range(results)]
        more, more_torch = "", ""
        if op == "solve_triangular":
            upper = g.chance(0.5)
            more, more_torch = f", {{ upper = {str(upper).lower()} }}", f", {upper}"
        g.add(op, f"{', '.join(names)} = rnn.linalg.{op}({', '.join(uses)}{more})",
              f"{', '.join(names)} = {op}({', '.join(uses)}{more_torch})", uses, names)
    return write


def well_scaled(t):
    diagonal = t.diagonal(dim1=-2, dim2=-1).abs()
    return diagonal.min() > 0.5 and t.abs().max() < 20


def has_sign(t):
    """Is the determinant far from where rounding chooses its sign?"""
    return bool((torch.linalg.det(t.detach()).abs() > 1e-6).all())


def eigenvalues(op):
    def write(g):
        a, x = matrix(g), g.name()
        g.add(op, f"{x} = (rnn.linalg.{op}({a}:detach())):sum(-2)", f"{x} = eigvals_sum({a})", [a], [x])
    return write


def symmetric(t):
    return (t + t.mT) / 2


def linear(g):
    x = g.some(lambda t: t.dim() >= 1, padded=True)
    g.need(g.run[x].dim() >= 1)
    d = g.run[x].shape[-1]
    w = g.some(lambda t: t.dim() == 2 and t.shape[1] == d, lambda: [g.size(), d])
    args = [x, w]
    if g.chance(0.6):
        n = g.run[w].shape[0]
        args.append(g.some(lambda t: t.shape == (n,), [n]))
    g.need(g.run.defined[x] is None or g.run[x].dim() >= 3)
    g.apply("linear", args, "product(F.linear(" + ", ".join("{%d}" % i for i in range(len(args))) + "), {0}, {1})",
            lengths=g.run.defined[x])


def sequences(g):
    """A batch (N, T, D), with lengths or without."""
    x = g.some(lambda t: t.dim() == 3 and t.numel() > 0,
               lambda: [g.r.randint(1, 3), g.r.randint(1, 6), g.r.randint(1, 4)], padded=True)
    g.need(g.run[x].dim() == 3 and g.run[x].numel() > 0)
    return x


def conv1d(g):
    x = sequences(g)
    _, steps, d = g.run[x].shape
    lengths, taps, units = g.run.defined[x], g.r.randint(1, 3), g.r.randint(1, 3)
    stride, dilation, padding = g.r.randint(1, 2), g.r.randint(1, 2), g.r.randint(0, 2)
    g.need(padding or steps >= (taps - 1) * dilation + 1)
    w = g.some(lambda t: t.dim() == 3 and list(t.shape[1:]) == [d, taps] and t.shape[0], [units, d, taps])
    b = g.some(lambda t: t.shape == g.run[w].shape[:1], [g.run[w].shape[0]]) if g.chance(0.6) else None
    missing = (taps - 1) * dilation if padding == 0 else 0
    rest = [max((n - missing - 1) // stride + 1, 0) for n in lengths or ()]
    g.apply("conv1d", [x, w, b, stride, dilation, padding],
            "conv1d({0}, {1}, {2}, {3}, {4}, {5}, %s)" % (list(lengths) if lengths else None),
            lengths=tuple(rest) or None)


# ---- shapes ----

def reshape(g):
    kind = "int" if g.chance(0.1) else "float"
    x = g.some(kind=kind, low=-2, high=2)
    count = g.run[x].numel()
    base = g.run[x] if g.run[x]._base is None else g.run[x]._base
    g.need(count > 0 and base.is_contiguous())  # results of ours always are, PyTorch's lie as their arguments do
    shape, left = [], count
    while left > 1 and len(shape) < 4:
        d = g.pick([d for d in range(1, left + 1) if left % d == 0])
        shape.append(d)
        left //= d
    if left > 1:
        shape.append(left)
    if shape and g.chance(0.3):
        shape[g.r.randrange(len(shape))] = -1
    y = g.name()
    text = sizes(shape)
    ways = [f"{x}:reshape {{ {text} }}", f"rnn.reshape({x}, {{ {text} }})"] + [f"{x}:reshape({text})"] * bool(shape)
    g.add("reshape", f"{y} = {g.pick(ways)}", f"{y} = reshape({', '.join([x] + list(map(str, shape)))})", [x], [y],
          exact=x in g.exact)


def transpose(g):
    kind = "int" if g.chance(0.1) else "float"
    x = g.some(lambda t: t.dim() >= 1, kind=kind, low=-2, high=2)
    a, b = g.axis(x), g.axis(x)
    g.apply("transpose", [x, a, b], f"{{0}}.transpose({g.at(x, a)}, {g.at(x, b)})", exact=x in g.exact)


def span(g, n):
    first = g.r.randint(1, n + 1) if g.chance(0.1) else g.r.randint(1, max(n, 1))
    last = g.r.randint(first, n) if first <= n and g.chance(0.95) else first - 1
    return tuple(p - n - 1 if 1 <= p <= n and g.chance(0.2) else p for p in (first, last))


def slice_(g):
    kind = "int" if g.chance(0.1) else "float"
    x = g.some(lambda t: t.dim() >= 1, kind=kind, low=-2, high=2)
    axis = g.axis(x)
    first, last = span(g, g.run[x].shape[g.at(x, axis)])
    step = g.r.randint(1, 3)
    if g.chance(0.3):  # backwards, of which PyTorch has no views
        y = g.name()
        first, last = (0, 1) if last == 0 else (last, first)
        text = f"slice({axis}, {first}, {last}, {-step}) * 1"
        return g.add("slice", f"{y} = {x}:{text}", f"{y} = slice_({x}, {axis}, {first}, {last}, {-step}) * 1", [x], [y],
                     exact=x in g.exact)
    g.apply("slice", [x, axis, first, last] + [step] * (step > 1), f"slice_({{0}}, {{1}}, {{2}}, {{3}}, {step})",
            exact=x in g.exact)


def chosen(g, shape, distinct=False):
    """Ids of one axis of shape among all of the others, or a mask: (the axis, their name, Lua)."""
    at = g.r.randrange(len(shape))
    n = shape[at]
    g.need(n > 0)
    which = mask(g, torch.Size([n])) if g.chance(0.4) else distinct_ids(g, n) if distinct else ids(g, [g.size()], 1, n)
    return at, which, f"[{{{'{}, ' * at}{which}}}]"


def unsqueeze(g):
    x = g.some(lambda t: t.dim() <= 4)
    axis = g.r.randint(1, g.run[x].dim() + 1)
    axis -= (g.run[x].dim() + 2) * g.chance(0.3)
    g.apply("unsqueeze", [x, axis], f"{{0}}.unsqueeze({axis - (axis > 0)})", exact=x in g.exact)


def squeeze(g):
    x = g.some(lambda t: 1 in t.shape, lambda: [1] + g.shape(1))
    if g.chance(0.3):
        return g.apply("squeeze", [x], "{0}.squeeze()", exact=x in g.exact)
    axis = g.axis(x)
    g.need(g.run[x].shape[g.at(x, axis)] == 1)
    g.apply("squeeze", [x, axis], f"{{0}}.squeeze({g.at(x, axis)})", exact=x in g.exact)


def permute(g):
    kind = "int" if g.chance(0.1) else "float"
    x = g.some(lambda t: t.dim() >= 2, kind=kind, low=-2, high=2)
    n = g.run[x].dim()
    axes = g.r.sample(range(1, n + 1), n)
    g.apply("permute", [x, [i - n - 1 if g.chance(0.2) else i for i in axes]], f"{{0}}.permute({[i - 1 for i in axes]})",
            exact=x in g.exact)


def entries(g, shape):
    """x[{ ... }] without ids: (Lua, PyTorch)."""
    lua, torch_ = [], []
    for n in shape[:g.r.randint(0, len(shape))]:
        way = g.r.randrange(3)
        if way == 0:
            g.need(n > 0)
            i = g.r.randint(1, n) - (n + 1) * g.chance(0.3)
            lua, torch_ = lua + [f"{i}"], torch_ + [f"{i}"]
        elif way == 1:
            lua, torch_ = lua + ["{}"], torch_ + ["None"]
        else:
            first, last = span(g, n)
            step = g.r.randint(1, 3)
            lua = lua + [f"{{{first}, {last}{f', {step}' if step > 1 else ''}}}"]
            torch_ = torch_ + [f"({first}, {last}, {step})"]
    return f"[{{{', '.join(lua)}}}]", ", ".join(torch_)


def rows(g):
    x = g.some(lambda t: t.dim() >= 1)
    g.need(g.run[x].dim() >= 1)
    first, last = span(g, g.run[x].shape[0])
    y = g.name()
    g.add("rows", f"{y} = {x}:rows({first}, {last})", f"{y} = slice_({x}, 1, {first}, {last})", [x], [y],
          exact=x in g.exact)


def select(g):
    kind = "int" if g.chance(0.1) else "float"
    x = g.some(lambda t: t.dim() >= 1 and t.numel(), kind=kind, low=-2, high=2)
    axis = g.axis(x)
    n = g.run[x].shape[g.at(x, axis)]
    g.need(n > 0)
    i = g.r.randint(1, n)
    g.apply("select", [x, axis, i], f"{{0}}.select({g.at(x, axis)}, {i - 1})", exact=x in g.exact)


def index(g):
    x = g.some(lambda t: t.dim() >= 2 and t.shape[0] > 0)
    g.need(g.run[x].dim() >= 2 and g.run[x].shape[0] > 0)
    i = g.r.randint(1, g.run[x].shape[0])
    y = g.name()
    if g.chance(0.2):
        at, which, lua = chosen(g, g.run[x].shape)
        return g.add("index", f"{y} = {x}{lua}", f"{y} = pick_at({x}, {at}, {which})", [x, which], [y], copies=True,
                     exact=x in g.exact)
    if g.chance(0.5):
        lua, torch_ = entries(g, g.run[x].shape)
        g.need(counterparts.part(g.value(x), *eval(f"[{torch_}]")).dim() > 0)  # an element is a number
        return g.add("index", f"{y} = {x}{lua}", f"{y} = part({x}, {torch_})", [x], [y], exact=x in g.exact)
    g.add("index", f"{y} = {x}[{i}]", f"{y} = {x}[{i - 1}]", [x], [y], exact=x in g.exact)


def split(g):
    x = g.some(lambda t: t.dim() >= 1 and t.numel())
    axis = g.axis(x)
    n = g.run[x].shape[g.at(x, axis)]
    cut = g.r.randint(0, n)
    parts = [cut, n - cut]
    equal = n > 0 and n % 2 == 0 and g.chance(0.4)
    if equal:
        parts = [n // 2, n // 2]
    a, b = g.name(), g.name()
    call = f"({axis}, {2 if equal else literal(parts)})" if g.chance(0.5) else None
    lua = f"{x}:split{call}" if call else f"rnn.split({x}, {axis}, {2 if equal else literal(parts)})"
    g.add("split", f"{a}, {b} = table.unpack({lua})", f"{a}, {b} = split({x}, {axis}, {parts})", [x], [a, b],
          exact=x in g.exact)


def concat(g):
    kind = "int" if g.chance(0.1) else "float"
    x = g.some(lambda t: t.dim() >= 1, kind=kind, low=-2, high=2)
    axis = g.axis(x)
    at = g.at(x, axis)
    names = [x]
    for _ in range(g.r.randint(0, 2)):
        shape = list(g.run[x].shape)
        shape[at] = g.size()
        names.append(g.some(lambda t: t.dim() == len(shape) and
                            all(d == e or j == at for j, (d, e) in enumerate(zip(t.shape, shape))), shape, kind=kind,
                            low=-2, high=2))
    g.apply("concat", [names, axis], f"torch.cat({{0}}, {at})", method=False, exact=g.exact >= set(names))


def stack(g):
    kind = "int" if g.chance(0.1) else "float"
    x = g.some(lambda t: t.dim() <= 4, kind=kind, low=-2, high=2)
    shape = list(g.run[x].shape)
    names = [x] + [g.some(lambda t: list(t.shape) == shape, shape, kind=kind, low=-2, high=2)
                   for _ in range(g.r.randint(0, 2))]
    axis = g.r.randint(1, len(shape) + 1)
    if g.chance(0.3):
        axis -= len(shape) + 2
    at = axis - 1 if axis > 0 else axis
    g.apply("stack", [names, axis], f"torch.stack({{0}}, {at})", method=False, exact=g.exact >= set(names))


def broadcast_to(g):
    x = g.some(lambda t: t.dim() <= 3)
    shape = [g.r.randint(0, 3) if d == 1 and g.chance(0.7) else d for d in g.run[x].shape]
    if g.chance(0.5):
        shape = [g.r.randint(1, 3)] + shape
    g.need(torch.Size(shape).numel() <= ELEMENTS and len(shape) > 0)
    g.apply("broadcast_to", [x, shape], f"{{0}}.expand({shape}).clone()", copies=True, exact=x in g.exact)


# ---- places of an axis in another order ----

def either(g, ok=None, **options):
    """A tensor of either type, for ops that only move what there is."""
    return g.some(ok, kind="int" if g.chance(0.15) else "float", **{"low": -2, "high": 2, **options})


def flip(g):
    x = either(g)
    n = g.run[x].dim()
    axes = g.r.sample(range(n), g.r.randint(0, n))
    g.apply("flip", [x, [i + 1 for i in axes]], f"{{0}}.flip({axes or list(range(n))})", exact=x in g.exact)


def roll(g):
    x = either(g)
    shift = g.r.randint(-7, 7)
    if g.run[x].dim() == 0 or g.chance(0.3):
        return g.apply("roll", [x, shift], "{0}.roll({1})", exact=x in g.exact)
    axis = g.axis(x)
    g.apply("roll", [x, shift, axis], f"{{0}}.roll({{1}}, {g.at(x, axis)})", exact=x in g.exact)


def pad(g):
    x = either(g, lambda t: t.dim() >= 1)
    axis = g.axis(x)
    n = g.run[x].shape[g.at(x, axis)]
    mode = g.pick(["constant", "constant", "replicate", "reflect", "circular"])
    low = -(n // 2) if mode == "constant" else 0
    before, after = g.r.randint(low, 4), g.r.randint(low, 4)
    g.need(n > 0 or mode == "constant")
    g.need(g.run[x].numel() // max(n, 1) * (n + 8) <= ELEMENTS)
    value = g.pick([0, 1, -2]) if mode == "constant" else 0
    g.apply("pad", [x, axis, before, after] + [f"'{mode}'", value] * (mode != "constant" or value != 0),
            f"pad({{0}}, {{1}}, {{2}}, {{3}}, '{mode}', {value})", exact=x in g.exact)


def tile(g):
    x = either(g, lambda t: t.dim() <= 3)
    counts = [g.r.choices([0, 1, 2, 3], [1, 6, 6, 2])[0] for _ in range(g.r.randint(0, 4))]
    g.need(g.run[x].numel() * max(torch.Size(counts).numel(), 1) <= ELEMENTS)
    g.apply("tile", [x, counts], f"{{0}}.tile({counts}).clone()", exact=x in g.exact)


def repeat_interleave(g):
    x = either(g, lambda t: t.dim() >= 1)
    axis, count = g.axis(x), g.r.randint(0, 3)
    g.need(g.run[x].numel() * count <= ELEMENTS)
    g.apply("repeat_interleave", [x, count, axis], f"{{0}}.repeat_interleave({{1}}, {g.at(x, axis)})",
            exact=x in g.exact)


def triangle(op):
    def write(g):
        x = either(g, lambda t: t.dim() >= 2, shape=lambda: g.shape(2))
        g.need(g.run[x].dim() >= 2)
        k = g.r.randint(-3, 3)
        g.apply(op, [x, k] if k or g.chance(0.5) else [x], f"{{0}}.{op}({k})", exact=x in g.exact)
    return write


def diag(g):
    x = either(g, lambda t: t.dim() >= 1)
    k = g.r.randint(-2, 2)
    n = g.run[x].dim()
    g.need(n > 1 or g.run[x].dim() == 1 and g.run[x].numel() < 15)
    g.need(n == 1 or all(g.run[x].shape[i] >= abs(k) for i in (-2, -1)))  # which PyTorch refuses
    g.apply("diag", [x, k] if k or g.chance(0.5) else [x], f"{{0}}.diag({k})" if n == 1 else
            f"{{0}}.diagonal({k}, -2, -1).clone()", copies=n > 1, exact=x in g.exact)


# ---- places and ids ----

def ids(g, shape, low, high):
    g.need(high >= low)
    return g.leaf(shape, kind="int", low=low, high=high)


def gather(g):
    kind = "int" if g.chance(0.1) else "float"
    x = g.some(lambda t: t.dim() >= 1, kind=kind, low=-2, high=2)
    axis = g.axis(x)
    where_ = ids(g, [g.size()], 1, g.run[x].shape[g.at(x, axis)])
    g.apply("gather", [x, axis, where_], "gather({0}, {1}, {2})", copies=True, exact=x in g.exact)


def pick(g):
    """x[ids] and x[mask]: copies of rows and elements."""
    x = g.some(lambda t: t.dim() >= 1)
    t, y = g.value(x), g.name()
    g.need(t.dim() >= 1)
    if g.chance(0.5):
        which = ids(g, [g.size()], 1, t.shape[0])
        torch_ = f"gather({x}, 1, {which})"
    else:
        which = mask(g, t.shape[:g.r.randint(1, t.dim())])
        torch_ = f"{x}[{which} != 0]"
    g.add("pick", f"{y} = {x}[{which}]", f"{y} = {torch_}", [x, which], [y], copies=True, exact=x in g.exact)


def mask(g, shape):
    found = g.names(lambda u: u.shape == shape and not u.requires_grad and bool(((u == 0) | (u == 1)).all()))
    m = g.pick(found) if found and g.chance(0.7) else \
        g.leaf(list(shape), values=[float(g.r.randint(0, 1)) for _ in range(shape.numel())], grad=False)
    g.need(m in g.exact)
    return m


def distinct_ids(g, n):
    values = g.r.sample(range(1, n + 1), g.r.randint(0, n))
    return g.leaf([len(values)], kind="int", values=values)


def index_put(g):
    x = g.some(lambda t: t.dim() >= 1)
    g.need(g.run[x].dim() >= 1)
    i = distinct_ids(g, g.run[x].shape[0])
    y = content(g, "float", g.run[i].shape + g.run[x].shape[1:])
    g.apply("index_put", [x, i, y], "index_put({0}, {1}, {2})",
            exact=x in g.exact and (not isinstance(y, str) or y in g.exact))


def take_along_axis(g):
    x = either(g, lambda t: t.dim() >= 1)
    axis = g.axis(x)
    shape = [g.r.choice([1, d]) if d else 0 for d in g.run[x].shape]
    n = g.run[x].shape[g.at(x, axis)]
    shape[g.at(x, axis)] = g.size()
    g.need(n > 0 and all(d <= 40 for d in shape) and g.run[x].numel() // n * max(shape[g.at(x, axis)], 1) <= ELEMENTS)
    which = ids(g, shape, 1, n)
    g.apply("take_along_axis", [x, which, axis], "take_along_axis({0}, {1}, {2})", copies=True, exact=x in g.exact)


def scatter(op):
    def write(g):
        kind = "int" if g.chance(0.15) else "float"
        x = g.some(lambda t: t.dim() >= 1 and t.numel(), kind=kind, low=-2, high=2)
        g.need(g.run[x].numel() > 0)
        axis = g.axis(x)
        at = g.at(x, axis)
        shape = [d if i == at or g.chance(0.7) else g.r.randint(0, d) for i, d in enumerate(g.run[x].shape)]
        if op == "scatter":  # each place once: what PyTorch does with others is left open
            places = torch.tensor(g.numbers(torch.Size(shape).numel(), 0, 9)).reshape(shape).argsort(at) + 1
            places = places.narrow(at, 0, g.r.randint(0, shape[at]))
            which = g.leaf(list(places.shape), kind="int", values=places.reshape(-1).tolist())
        else:
            n, shape[at] = shape[at], g.size()
            which = ids(g, shape, 1, n)
        shape = [d + g.r.randint(0, 1) * g.chance(0.2) for d in g.run[which].shape]
        y = g.r.randint(-3, 3) if g.chance(0.2) else g.some(
            lambda t: t.dim() == len(shape) and all(d >= e for d, e in zip(t.shape, g.run[which].shape)), shape,
            kind=kind, low=-2, high=2)
        g.apply(op, [x, axis, which, y], f"{op}({{0}}, {{1}}, {{2}}, {{3}})",
                exact=kind == "int" or x in g.exact and op == "scatter" and (y in g.exact or not isinstance(y, str)))
    return write


def index_add(g):
    kind = "int" if g.chance(0.15) else "float"
    x = g.some(lambda t: t.dim() >= 1 and t.numel(), kind=kind, low=-2, high=2)
    g.need(g.run[x].numel() > 0)
    axis, shape = g.axis(x), list(g.run[x].shape)
    which = ids(g, [g.size()], 1, shape[g.at(x, axis)])
    shape[g.at(x, axis)] = g.run[which].numel()
    y = g.some(lambda t: list(t.shape) == shape, shape, kind=kind, low=-2, high=2)
    g.apply("index_add", [x, axis, which, y], "index_add({0}, {1}, {2}, {3})", exact=kind == "int")


def embedding(g):
    w = g.some(lambda t: t.dim() == 2, lambda: g.shape(2))
    g.need(g.run[w].dim() == 2)
    g.apply("embedding", [w, ids(g, g.shape(g.r.randint(0, 2)), 0, g.run[w].shape[0])], "embedding({0}, {1})")


def one_hot(g):
    classes = g.r.randint(1, 4)
    x = g.some(lambda t: t.dim() <= 5 and bool(((t >= 0) & (t <= classes)).all()), lambda: g.shape(g.r.randint(0, 2)),
               kind="int", low=0, high=classes)
    g.need(g.run[x].dim() <= 5 and bool(((g.run[x] >= 0) & (g.run[x] <= classes)).all()))
    g.apply("one_hot", [x, classes], "one_hot({0}, {1})", exact=True)


def windows(g):
    x = g.some(lambda t: t.dim() == 2 and t.shape[0] > 0, lambda: [g.r.randint(1, 5), g.size()])
    n = g.run[x].shape[0]
    length = g.r.randint(0, n)
    g.apply("windows", [x, ids(g, [g.size()], 1, n - length + 1), length], "windows({0}, {1}, {2})", copies=True,
            exact=x in g.exact)


def argsort(g):
    x = g.some(lambda t: t.dim() >= 1)
    axis = g.axis(x)
    g.clear_of_ties(x, axis)
    descending = g.chance(0.4)
    args = [x] if not descending and g.at(x, axis) == g.run[x].dim() - 1 else [x, axis, descending]
    g.apply("argsort", args, f"argsort({{0}}.detach(), {axis}, {descending})", exact=True)


def sort(g):
    x = g.some(lambda t: t.dim() >= 1, padded=True)
    axis = g.axis(x, 2 if g.run.defined[x] else 0)
    g.clear_of_ties(x, axis)
    descending = g.chance(0.4)
    y, i = g.name(), g.name()
    g.add("sort", f"{y}, {i} = {x}:sort({axis}, {str(descending).lower()})",
          f"{y}, {i} = sort({x}, {axis}, {descending})", [x], [y, i], lengths=g.run.defined[x], exact=x in g.exact)
    if g.run.defined[x]:  # only the first is known to have them
        g.add("forget", f"{i} = nil", f"del {i}", [i])


def unique(g):
    kind = "int" if g.chance(0.4) else "float"
    x = g.some(lambda t: t.numel() > 0, kind=kind, low=-2, high=2)
    g.clear_of_ties(x)
    names = [g.name() for _ in range(3)]
    g.add("unique", f"{', '.join(names)} = rnn.unique({x})", f"{', '.join(names)} = unique({x}.detach())", [x], names,
          exact=True)


def searchsorted(g):
    values = sorted(g.numbers(g.size(), -2, 2))
    x = g.some()
    g.clear_of(x, *values)
    right = g.chance(0.5)
    edges = g.leaf([len(values)], values=values, grad=False)
    g.apply("searchsorted", [edges, x, right], "searchsorted({0}, {1}.detach(), {2})", exact=True)


def bincount(g):
    n = g.r.randint(1, 4)
    x = ids(g, g.shape(g.r.randint(1, 2)), 0, n)
    g.need(g.run[x].numel() > 0)
    if g.chance(0.5):
        shape = g.run[x].shape
        weights = g.some(lambda t: t.shape == shape, list(shape))
        return g.apply("bincount", [x, n, weights], "bincount({0}, {1}, {2})")
    if g.chance(0.4):
        return g.apply("bincount", [x], "bincount({0}, None)", exact=True)
    g.apply("bincount", [x, n], "bincount({0}, {1})", exact=True)


def histogram(g):
    x = g.some()
    edges = [-2 + i / 2 for i in range(9)]
    g.clear_of(x, *edges)
    names = [g.name(), g.name()]
    bins = g.pick([1, 2, 4, 8])
    g.add("histogram", f"{', '.join(names)} = {x}:histogram({bins}, -2, 2)",
          f"{', '.join(names)} = histogram({x}.detach(), {bins}, -2, 2)", [x], names, exact=True)


def topk(g):
    x = g.some(lambda t: t.dim() >= 1 and t.shape[-1] > 0)
    g.need(g.run[x].dim() >= 1 and g.run[x].shape[-1] > 0)
    g.clear_of_ties(x, -1)
    k, smallest = g.r.randint(1, g.run[x].shape[-1]), g.chance(0.3)
    g.apply("topk", [x, k] + [True] * smallest, f"topk({{0}}.detach(), {{1}}, {smallest})", exact=True)


def nonzero(g):
    kind = g.pick(["int", "float"])
    x = g.some(lambda t: t.dim() >= 1, lambda: [g.size()] * g.r.randint(1, 3), kind=kind, low=-1, high=1)
    if kind == "float":
        g.clear_of(x, 0)
    g.apply("nonzero", [x], "nonzero({0}.detach())", exact=True)


# ---- layers ----

def padded(g):
    """A new batch of sequences with lengths, for the ops that keep or heed them."""
    n, steps, d = g.r.randint(1, 3), g.r.randint(1, 4), g.r.randint(1, 3)
    shape = [n, steps, d] if g.chance(0.85) else [n, steps] if g.chance(0.6) else [n, steps, 2, d]
    g.leaf(shape, lengths=[g.r.randint(1, steps) for _ in range(n)])


def zero_padding(g):
    x = g.some(lambda t: t.dim() >= 2, lambda: g.shape(3), padded=True)
    lengths = g.run.defined[x]
    g.apply("zero_padding", [x], f"zero_padding({{0}}, {list(lengths) if lengths else None})", lengths=lengths,
            exact=x in g.exact)


def steps(op):
    def write(g):
        x = g.some(lambda t: t.dim() >= 2, lambda: g.shape(3), padded=True)
        g.need(g.run[x].dim() >= 2 and g.run[x].shape[1] > 0)
        lengths = g.run.defined[x]
        g.apply(op, [x], f"{op}({{0}}, {list(lengths) if lengths else None})",
                lengths=lengths if op == "reverse_steps" else None, copies=op == "last",
                exact=op == "mask" or x in g.exact)
    return write


def without_lengths(g):
    g.need(not g.junk)
    x = g.pick([n for n in g.names(padded=True) if g.run.defined[n]])
    y = g.name()
    g.add("without_lengths", f"{y} = {x}:without_lengths()", f"{y} = {x}.view_as({x})", [x], [y], exact=x in g.exact)


def with_lengths(g):
    x = g.some(lambda t: t.dim() >= 2, lambda: g.shape(3))
    g.need(g.run[x].dim() >= 2 and g.run[x].numel() > 0)
    n, steps = g.run[x].shape[:2]
    lengths = [g.r.randint(1, steps) for _ in range(n)]
    y = g.name()
    g.add("with_lengths", f"{y} = {x}:with_lengths{literal(lengths)}", f"{y} = {x}.view_as({x})", [x], [y],
          exact=x in g.exact, lengths=tuple(lengths))


def layer_norm(g):
    x = g.some(lambda t: t.dim() >= 1 and t.shape[-1] > 1 and bool((t.var(-1) > 0.01).all()), padded=True)
    g.need(g.run[x].dim() >= 1 and g.run[x].shape[-1] > 1)
    g.need(g.run.defined[x] is None or g.run[x].dim() >= 3)
    d = g.run[x].shape[-1]
    gain, bias = (g.some(lambda t: t.shape == (d,), [d]) for _ in range(2))
    g.apply("layer_norm", [x, gain, bias, g.pick([1e-5, 0.1])], "layer_norm({0}, {1}, {2}, {3})",
            lengths=g.run.defined[x])


def batch_norm(g):
    def fit(t):
        rows_ = t.reshape(-1, t.shape[-1]) if t.dim() >= 2 and t.numel() else torch.zeros(1, 1)
        return len(rows_) > 1 and bool((rows_.var(0) > 0.01).all())
    x = g.some(fit, lambda: [g.r.randint(2, 4), g.r.randint(1, 3)], padded=True)
    lengths = g.run.defined[x]
    g.need(fit(g.run[x]) and (not lengths or g.run[x].dim() == 3 and fit(counterparts.valid(g.run[x], lengths)
                                                                         .reshape(-1, g.run[x].shape[2]))))
    d = g.run[x].shape[-1]
    gain, bias = (g.some(lambda t: t.shape == (d,), [d]) for _ in range(2))
    mean, variance = g.leaf([d], grad=False), g.leaf([d], grad=False, low=0.5, high=2)
    g.exact -= {mean, variance}
    g.apply("batch_norm", [x, gain, bias, mean, variance, g.pick([0.9, 0.5]), g.pick([1e-5, 0.1]), g.chance(0.6)],
            "batch_norm({0}, {1}, {2}, {3}, {4}, {5}, {6}, {7}, %s)" % (list(lengths) if lengths else None),
            lengths=lengths)


def recurrent(g):
    x = sequences(g)
    lengths = g.run.defined[x]
    n, _, d = g.run[x].shape
    cell, units = g.pick(["rnn", "lstm", "gru"]), g.size()
    g.need(units > 0)
    gates = {"rnn": 1, "lstm": 4, "gru": 3}[cell] * units

    def like(shape):
        return g.some(lambda t: list(t.shape) == shape, shape)
    weights = [like(shape) for shape in ([gates, d], [gates, units], [gates], [gates])]
    state = [like([n, units]) for _ in range(2 if cell == "lstm" else 1)] if g.chance(0.5) else []
    options, lua_options = {}, [f'cell = "{cell}"', f"units = {units}"]
    if cell == "rnn" and g.chance(0.3):
        options["nonlinearity"] = "relu"
        lua_options.append('activation = "relu"')
    last, reverse = g.chance(0.2), g.chance(0.25)
    lua_options += ['returns = "last"'] * last + ["reverse = true"] * reverse + ["recompute = 2"] * g.chance(0.2)
    results = [g.name() for _ in range(3 if cell == "lstm" else 2)]
    y, first, states = results[0], results[1], ", ".join(results[1:])
    lua = f"{y}, {first} = core.recurrent({{ {', '.join(lua_options)} }}, {x}, {{ {', '.join(weights)} }}"
    lua += (f", {{ {', '.join(state)} }}" if state else "") + f"); {states} = table.unpack({first})"
    torch_ = f"{y}, {states} = recurrent({cell!r}, {options}, {x}, [{', '.join(weights)}], [{', '.join(state)}], " \
        f"{list(lengths or ())}, {last}, {reverse})"
    g.add("recurrent", lua, torch_, [x] + weights + state, results, lengths=None if last else lengths)


# ---- losses ----

def pair(op):
    function = {"mse": "F.mse_loss", "mae": "F.l1_loss", "huber": "F.huber_loss", "quantile_loss": "quantile_loss",
                "binary_cross_entropy": "F.binary_cross_entropy_with_logits", "kl_div": "F.kl_div",
                "poisson_nll": "F.poisson_nll_loss", "gaussian_nll": "gaussian_nll"}[op]

    def write(g):
        x = g.some(lambda t: t.numel() > 0, padded=True)
        g.need(g.run[x].numel() > 0)
        if op in ("binary_cross_entropy", "kl_div"):
            x = g.logits(x)
        shape, lengths = g.run[x].shape, g.run.defined[x]
        if op in ("binary_cross_entropy", "kl_div", "poisson_nll"):
            inner = op != "binary_cross_entropy" and not g.coarse and g.chance(0.5)  # PyTorch's gradient at 0 is nan
            y = g.leaf(list(shape), low=0.05 if inner else 0, high=0.95 if inner else 1, grad=inner)
        else:
            found = [n for n in g.names(lambda t: t.shape == shape, padded=True) if g.run.defined[n] in (None, lengths)]
            y = g.pick(found) if found and g.chance(0.5) else g.leaf(list(shape))
        options, args = "", [x, y]
        if op == "poisson_nll":
            g.need(bool((g.value(x) < 20).all()))
        if op == "gaussian_nll":
            args.append(g.leaf(list(shape), low=0.1, high=2))
            options = ", variance={2}"
        if op in ("mae", "huber", "quantile_loss"):
            e = g.value(x) - g.value(y)
            delta = g.pick([0.5, 1, 2])
            for kink in (-delta, delta) if op == "huber" else (0,):
                g.need(x in g.exact and y in g.exact and not kink or not bool(((e - kink).abs() < NEAR).any()))
            if op == "huber":
                options, args = f", delta={delta}", [x, y, delta]
                if delta == 1 and g.chance(0.5):
                    args[2] = None
            elif op == "quantile_loss":
                q = g.pick([0.1, 0.5, 0.9])
                options, args = f", q={q}", [x, y, q]
        first = 3 if op in ("huber", "quantile_loss", "gaussian_nll") else 2
        none, reduced = reduction_of(g, args, first, shape)
        torch_ = f"loss({function}, {{0}}, {{1}}, {list(lengths) if lengths else None}{options}{reduced})"
        kept = ["{0}"] * (op != "kl_div" or g.run[y].requires_grad)
        kept += ["{1}"] * (op != "poisson_nll" or g.run[x].requires_grad) + ["{2}"] * (op == "gaussian_nll")
        g.apply(op, args, f"keeps({torch_}, {', '.join(kept)})", lengths=lengths if none else None)
    return write


class Word:
    """A string among the arguments of an op, where plain strings are names."""

    def __init__(self, text):
        self.text = text

    def __str__(self):
        return f'"{self.text}"'


def reduction_of(g, args, first, shape):
    """Gives args, of which the sample weights are number first, perhaps sample weights and a reduction; returns whether
    that is none, and both as options for the counterpart."""
    options = ""
    if shape and g.chance(0.3):
        args += [None] * (first - len(args)) + [g.leaf(list(shape[:g.r.randint(1, len(shape))]), low=0.1, high=2, grad=False)]
        options += f", sample_weights={{{first}}}"
    reduction = g.pick(["mean", "mean", "sum", "none"])
    if reduction != "mean" or g.chance(0.2):
        args += [None] * (first + 1 - len(args)) + [Word(reduction)]
        options += f", reduction={reduction!r}"
    return reduction == "none", options


def cross_entropy(g):
    x = g.logits(g.some(lambda t: t.dim() >= 1 and t.shape[-1] > 1 and t.numel() > 0, padded=True))
    lengths, shape = g.run.defined[x], list(g.run[x].shape)
    g.need(len(shape) >= (3 if lengths else 1) and shape[-1] > 1 and g.run[x].numel() > 0)
    v = shape.pop()
    has_padding = g.chance(0.5)  # label 0, to be left out
    labels = [g.r.randint(0 if has_padding else 1, v) for _ in range(torch.Size(shape).numel())]
    labels[0] = g.r.randint(1, v)  # without any, PyTorch's mean is nan
    y = g.leaf(shape, kind="int", values=labels)
    args, options = [x, y], ""
    if g.chance(0.4):
        args.append(g.leaf([v], low=0.1, high=2, grad=False))
        options += f", weights={args[2]}"
    if g.chance(0.4):
        smoothing = g.pick([0.1, 0.5, 1.0])
        args += [None] * (3 - len(args)) + [smoothing]
        options += f", smoothing={smoothing}"
    if has_padding:
        args += [None] * (4 - len(args)) + [True]
    none, reduced = reduction_of(g, args, 5, shape)
    g.apply("cross_entropy", args, f"cross_entropy({{0}}, {{1}}, {list(lengths) if lengths else None}{options}{reduced})",
            lengths=lengths if none else None)


def linear_cross_entropy(g):
    x = g.some(lambda t: t.dim() >= 1 and t.numel() > 0, padded=True)
    lengths, shape = g.run.defined[x], list(g.run[x].shape)
    g.need(len(shape) >= (3 if lengths else 1) and g.run[x].numel() > 0)
    d, v = shape.pop(), g.r.randint(2, 5)
    has_padding = g.chance(0.5)
    labels = [g.r.randint(0 if has_padding else 1, v) for _ in range(torch.Size(shape).numel())]
    labels[0] = g.r.randint(1, v)
    y, w = g.leaf(shape, kind="int", values=labels), g.leaf([v, d])
    args, options = [x, y, w], ""
    if g.chance(0.5):
        args.append(g.leaf([v]))
        options += f", bias={args[3]}"
    if has_padding:
        args += [None] * (4 - len(args)) + [True]
    if g.chance(0.3):
        args += [None] * (5 - len(args)) + [Word("sum")]
        options += ", reduction='sum'"
    g.apply("linear_cross_entropy", args,
            f"linear_cross_entropy({{0}}, {{1}}, {{2}}, {list(lengths) if lengths else None}{options})")


def ctc_loss(g):
    x = sequences(g)
    g.need(g.run[x].shape[2] > 1)
    n, steps, classes = g.run[x].shape
    lengths = g.run.defined[x]
    blank = classes if g.chance(0.5) else g.r.randint(1, classes)
    labels = []
    for i in range(n):
        frames = lengths[i] if lengths else steps
        row = [g.pick([k for k in range(1, classes + 1) if k != blank])
               for _ in range(g.r.randint(1, max(frames // 2, 1)))]
        labels += row + [0] * (steps - len(row))
    y = g.leaf([n, steps], kind="int", values=labels)
    args = [x, y, None if blank == classes and g.chance(0.5) else blank]
    args += [None, True]
    reduced = reduction_of(g, args, 5, [n])[1]
    g.apply("ctc_loss", args, f"ctc_loss({{0}}, {{1}}, {blank}, {list(lengths) if lengths else None}{reduced})")


# ---- history ----

def recorded(g, padded=False):
    return g.names(lambda t: t.requires_grad, padded=padded)


def detach(g):
    x = g.some()
    y = g.name()
    g.add("detach", f"{y} = {x}:detach()", f"{y} = {x}.detach()", [], [y], exact=x in g.exact)
    g.statements[-1].uses = (x,)


def copy(g):
    x = g.some()
    y = g.name()
    g.add("copy", f"{y} = {x}:copy()", f"{y} = {x}.detach().clone()", [x], [y], exact=x in g.exact)


def forget(g):
    """Nobody holds x any more: what it shares with others, and records that need it, must live on."""
    x = g.pick([n for n in g.run.defined])
    g.add("forget", f"{x} = nil" + ("; collectgarbage()" if g.chance(0.2) else ""), f"del {x}", [x])


def retain_grad(g):
    x = g.pick(g.names(lambda t: t.requires_grad and not t.is_leaf, padded=True))
    g.add("retain_grad", f"{x}:retain_grad()", f"{x}.retain_grad()", [x])


def requires_grad(g):
    x = g.pick(g.names(lambda t: t.is_leaf))
    on = not g.run[x].requires_grad
    g.need(g.run[x].is_contiguous() and not any(g.run.shares(x, n) for n in g.run.defined if n != x))
    g.need(g.run[x]._base is None)  # PyTorch writes nothing into a view that is a leaf, even of what has no name
    g.need(x not in g.run.turned)
    g.add("requires_grad", f"{x}:requires_grad({str(on).lower()})", f"{x}.requires_grad_({on})", [x])


def grad(g):
    x = g.pick([n for n in g.run.defined if g.run[n].is_leaf and g.run[n].grad is not None])
    y = g.name()
    g.add("grad", f"{y} = {x}.grad", f"{y} = {x}.grad", [x], [y])


def zero_grad(g):
    x = g.pick([n for n in g.run.defined if g.run[n].is_leaf and g.run[n].grad is not None])
    g.add("zero_grad", f"{x}:zero_grad()", f"{x}.grad = None", [x])


def change_grads(g):
    leaves = [n for n in g.run.defined if g.run[n].is_leaf and g.run[n].requires_grad and g.run.defined[n] is None]
    g.need(leaves)
    params = g.r.sample(leaves, g.r.randint(1, min(len(leaves), 3)))
    g.need(any(g.run[p].grad is not None for p in params))
    op, value = g.pick([("clip_grad_norm", 0.5), ("clip_grad_value", 0.3), ("scale_grad", 0.5), ("sgd", 0.1)])
    lua = f"rnn.optim.SGD({{ {', '.join(params)} }}, {{ lr = {value} }}):step()" if op == "sgd" else \
        f"rnn.{op}({{ {', '.join(params)} }}, {value})"
    g.add(op, lua, f"{op}([{', '.join(params)}], {value})", params)
    if op == "sgd":
        g.exact -= {n for n in g.run.defined if any(g.run.shares(n, p) for p in params)}


def backward(g):
    x = g.pick([n for n in recorded(g, padded=True)])
    t = g.run[x]
    if t.numel() == 1 and t.dim() == 0 and g.chance(0.8):
        g.add("backward", f"{x}:backward()", f"{x}.backward()", [x])
    else:
        shape = list(t.shape)
        d = g.some(lambda u: list(u.shape) == shape and not u.requires_grad, shape, grad=False)
        g.need(d != x and not g.run[d].requires_grad and g.run.defined[x] is None)
        g.add("backward", f"{x}:backward({d})", f"{x}.backward({d}.clone())", [x, d])


def total(g):
    """A loss that many tensors reach, and its gradients."""
    found = recorded(g, padded=True)
    g.need(found)
    loss = None
    for x in g.r.sample(found, min(len(found), 4)):
        lengths = g.run.defined[x]
        if g.run[x].numel() == 0:
            continue
        weights = g.leaf(list(g.run[x].shape), grad=False)
        product = two(g, "mul", x, weights, "{0} * {1}")
        one = g.apply("sum", [product], f"sum_({{0}}, {list(lengths)}, None, False)" if lengths else "{0}.sum()")
        loss = one if loss is None else two(g, "add", loss, one, "{0} + {1}", bounded=False)
    g.need(loss and g.run[loss].requires_grad)
    g.add("backward", f"{loss}:backward()", f"{loss}.backward()", [loss])


# ---- writes ----

def part(g, x):
    """A view of x, not a name but an expression: (Lua, PyTorch, its value)."""
    lua, torch_, t = x, x, g.value(x)
    for _ in range(g.r.choices([0, 1, 2], [5, 4, 1])[0]):
        if t.dim() < 2 or not t.numel():
            break
        way = g.r.randrange(6)
        i = g.r.randint(1, t.shape[0])
        a = g.r.randint(1, t.dim())
        if way == 0:
            lua, torch_, t = f"{lua}[{i}]", f"{torch_}[{i - 1}]", t[i - 1]
        elif way == 1:
            first, last = span(g, t.shape[a - 1])
            lua, torch_ = f"{lua}:slice({a}, {first}, {last})", f"slice_({torch_}, {a}, {first}, {last})"
            t = counterparts.slice_(t, a, first, last)
        elif way == 2:
            lua, torch_, t = f"{lua}:transpose(1, {a})", f"{torch_}.transpose(0, {a - 1})", t.transpose(0, a - 1)
        elif way == 3:
            lua, torch_, t = f"{lua}:rows({i}, {i})", f"slice_({torch_}, 1, {i}, {i})", t[i - 1:i]
        elif way == 4:
            more = entries(g, t.shape)
            u = counterparts.part(t, *eval(f"[{more[1]}]"))
            if u.dim() > 0:
                lua, torch_, t = f"{lua}{more[0]}", f"part({torch_}, {more[1]})", u
        else:
            i = g.r.randint(1, t.shape[a - 1])
            lua, torch_, t = f"{lua}:select({a}, {i})", f"{torch_}.select({a - 1}, {i - 1})", t.select(a - 1, i - 1)
    return lua, torch_, t


def content(g, kind, shape):
    """What is written into a part of that shape: a number or the name of a tensor, mostly one with history."""
    if g.chance(0.35):
        return g.r.randint(-3, 3) if kind == "int" else g.pick([0, 1, -0.5, 2.25])
    exact = g.chance(0.8)
    return g.some(lambda t: t.shape == shape if exact else broadcast(t.shape, shape) == shape, list(shape), kind=kind,
                  low=-2, high=2)


def write(g):
    kind = "int" if g.chance(0.1) else "float"
    x = g.some(lambda t: t.numel() > 0, kind=kind, low=-2, high=2)
    lua, torch_, t = part(g, x)
    g.need(t.numel() > 0)
    way = g.pick(["fill_", "assign", "set", "index", "index", "part", "part", "at", "mask", "ids"] if t.dim() else
                 ["fill_", "assign"])
    uses, literals = [], None
    if way == "fill_":
        v = content(g, kind, torch.Size([0]))
        g.need(not isinstance(v, str))
        lua, torch_ = f"{lua}:fill_({v})", f"{torch_}.fill_({v})"
    elif way == "assign":
        v = content(g, kind, t.shape)
        g.need(isinstance(v, str))
        lua, torch_ = f"{lua}:assign({v})", f"assign({torch_}, {v})"
    elif way == "set":
        v = g.pick([-2, 3])
        at = [g.r.randint(1, d) for d in t.shape]
        lua = f"{lua}:set({sizes(at)}, {v})"
        torch_ = f"assign({torch_}[{sizes([i - 1 for i in at])}], {v})"
    elif way == "index":
        i = g.r.randint(1, t.shape[0])
        v = content(g, kind, t.shape[1:])
        lua, torch_ = f"{lua}[{i}] = {v}", f"assign({torch_}[{i - 1}], {v})"
    elif way == "part":
        more = entries(g, t.shape)
        v = content(g, kind, counterparts.part(t, *eval(f"[{more[1]}]")).shape)
        lua, torch_ = f"{lua}{more[0]} = {v}", f"assign(part({torch_}, {more[1]}), {v})"
    elif way == "at":
        at, which, more = chosen(g, t.shape, distinct=True)
        count = g.run[which].numel() if g.run[which].dtype == torch.int32 else int(g.value(which).sum())
        v = content(g, kind, t.shape[:at] + torch.Size([count]) + t.shape[at + 1:])
        way, lua, torch_ = "index_put", f"{lua}{more} = {v}", f"assign_at({torch_}, {at}, {which}, {v})"
        uses.append(which)
    elif way == "mask":
        m = mask(g, t.shape)
        v = content(g, kind, torch.Size([]))
        lua, torch_ = f"{lua}[{m}] = {v}", f"assign_mask({torch_}, {m}, {v})"
        uses.append(m)
    else:
        way, i = "index_put", distinct_ids(g, t.shape[0])
        v = content(g, kind, g.run[i].shape + t.shape[1:])
        lua, torch_ = f"{lua}[{i}] = {v}", f"assign_rows({torch_}, {i}, {v})"
        uses.append(i)
    if isinstance(v, str):
        uses.append(v)
    base = g.run[x] if g.run[x]._base is None else g.run[x]._base
    g.need(base.grad_fn not in g.run.consumed and not g.run.stale(x))
    g.need(not base.retains_grad or base.output_nr == 0)  # PyTorch 2.13 ends with a fault in memory
    whole = way == "assign" and lua.startswith(x + ":assign") and g.run[x]._base is None
    numbers = not isinstance(v, str) or not g.run[v].requires_grad or (whole and not g.run[v].grad_fn)
    if base.is_leaf and base.requires_grad and numbers and not g.quiet:
        torch_ = "with torch.no_grad(): " + torch_  # parameters take numbers, as PyTorch's do under no_grad
    if not g.quiet:  # PyTorch refuses to write where something was taken under no_grad: it may be meant either way
        g.need(not any(q in g.run.defined and g.run.shares(x, q) for q in g.run.quiet))
    g.add(way, lua, torch_, [x] + uses, writes=x)
    if isinstance(v, str) and v not in g.exact:
        g.exact -= {n for n in g.run.defined if g.run.shares(n, x)}


OPS = {op: unary(op) for op in UNARY}
OPS.update({op: arithmetic(op) for op in ("add", "sub", "mul")})
OPS.update({op: comparison(op) for op in ("eq", "ne", "lt", "le", "gt", "ge")})
# A line for each family of ops.
OPS.update({op: reduction(op) for op in ("sum", "mean", "prod", "max", "min", "logsumexp")})
OPS.update({op: moment(op) for op in ("var", "std")})
OPS.update({op: quantile(op) for op in ("quantile", "median")})
OPS.update({op: flags(op) for op in ("any", "all")})
OPS.update({op: pair(op) for op in ("mse", "mae", "huber", "quantile_loss", "binary_cross_entropy", "kl_div",
                                    "poisson_nll", "gaussian_nll")})
OPS.update(floor=step("floor"), ceil=step("ceil"), round=round_, clamp=clamp, leaky_relu=leaky_relu, to_int=to_int,
           to_float=to_float, dropout=dropout)
OPS.update({op: remainder(op) for op in ("floor_div", "mod")})
OPS.update({op: logic(op) for op in ("logical_and", "logical_or", "logical_xor", "logical_not")})
OPS.update(div=div, atan2=atan2, pow=pow_, maximum=extreme("maximum"), minimum=extreme("minimum"), where=where, fma=fma)
OPS.update(argmax=place("argmax"), argmin=place("argmin"), norm=norm, cumsum=cumsum, cumprod=cumprod,
           cummax=running("cummax"), cummin=running("cummin"))
OPS.update(softmax=softmax("softmax"), log_softmax=softmax("log_softmax"))
OPS.update(matmul=matmul, linear=linear, conv1d=conv1d, rfft=rfft, irfft=irfft)
OPS.update(reshape=reshape, unsqueeze=unsqueeze, squeeze=squeeze, permute=permute, transpose=transpose, slice=slice_,
           select=select, concat=concat, stack=stack, broadcast_to=broadcast_to)
OPS.update(flip=flip, roll=roll, pad=pad, tile=tile, repeat_interleave=repeat_interleave, tril=triangle("tril"),
           triu=triangle("triu"), diag=diag)
OPS.update(zero_padding=zero_padding, mask=steps("mask"), last=steps("last"), reverse_steps=steps("reverse_steps"))
OPS.update(gather=gather, index_put=index_put, take_along_axis=take_along_axis, scatter=scatter("scatter"),
           scatter_add=scatter("scatter_add"), index_add=index_add, embedding=embedding, one_hot=one_hot,
           windows=windows, nonzero=nonzero)
OPS.update(argsort=argsort, sort=sort, topk=topk, unique=unique, searchsorted=searchsorted)
OPS.update(bincount=bincount, histogram=histogram)
OPS.update(layer_norm=layer_norm, batch_norm=batch_norm, recurrent=recurrent)
OPS.update(cross_entropy=cross_entropy, linear_cross_entropy=linear_cross_entropy, ctc_loss=ctc_loss)
OPS.update(cholesky=linalg("cholesky", ok=lambda t: torch.linalg.eigvalsh(symmetric(t)).min() > 0.3),
           solve=linalg("solve", sides=True), solve_triangular=linalg("solve_triangular", ok=well_scaled, sides=True),
           inv=linalg("inv"), det=linalg("det"), slogdet=linalg("slogdet", 2, ok=has_sign),
           qr=linalg("qr", 2, square=False, ok=lambda t: torch.linalg.cond(t[..., :t.shape[-2]]).max() < 30),
           svd=linalg("svd", 3, square=False, ok=lambda t: is_apart(torch.linalg.svdvals(t))),
           eigh=linalg("eigh", 2, ok=lambda t: is_apart(torch.linalg.eigvalsh(symmetric(t)))),
           eig=eigenvalues("eig"), eigvals=eigenvalues("eigvals"), lstsq=linalg("lstsq", square=False, sides=True))

OTHERS = [(write, 12), (rows, 2), (index, 2), (pick, 2), (split, 2), (detach, 2), (copy, 1), (einsum, 1), (forget, 2), (padded, 3),
          (without_lengths, 1), (with_lengths, 1),
          (retain_grad, 1), (requires_grad, 1), (grad, 5), (zero_grad, 3),
          (change_grads, 8), (backward, 2), (total, 1)]

KINDS = [(f, 1) for f in OPS.values()] + OTHERS


def program(seed, most=25):
    """The statements of program number seed: at most about so many, and those of a last loss."""
    g = Generator(seed)
    kinds, weights = zip(*KINDS)
    wanted = g.r.randint(3, most)
    try:
        for _ in range(4 * wanted):
            if len(g.statements) >= wanted:
                break
            g.quiet = g.chance(0.05)
            try:
                g.r.choices(kinds, weights)[0](g)
            except (Unfit, RuntimeError):
                continue
        g.quiet = False
        try:
            total(g)
        except Unfit:
            pass
    except Refused:
        pass
    return g.statements
