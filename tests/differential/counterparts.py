"""PyTorch's side of the ops whose conventions differ from ours: places and labels count from 1, 0 means "nothing here",
and what lies behind the lengths of a padded batch does not count. Generated programs call these by name."""
import math

import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


def tensor(values, grad=False, shape=None):
    t = torch.tensor(values, dtype=torch.float64)
    return (t if shape is None else t.reshape(shape)).requires_grad_(grad)


def ints(values, shape=None):
    t = torch.tensor(values, dtype=torch.int32)
    return t if shape is None else t.reshape(shape)


def axis(i):
    return i - 1 if i > 0 else i


class Keeps(torch.autograd.Function):
    """x, the result of an op, in a record that saves further values, as that of our op does: changed in place they are
    missed."""
    @staticmethod
    def forward(ctx, x, *values):
        ctx.save_for_backward(*values)
        ctx.more = len(values)
        return x.clone()

    @staticmethod
    def backward(ctx, dx):
        ctx.saved_tensors  # raises when one was changed
        return (dx, *[None] * ctx.more)


keeps = Keeps.apply


class Saves(torch.autograd.Function):
    """Results in a record that saves the values of inputs and, when own is true, theirs, as that of our op does."""
    @staticmethod
    def forward(ctx, count, own, *tensors):
        results = tuple(t.clone() for t in tensors[:count])
        ctx.save_for_backward(*(results if own else ()), *tensors[count:])
        ctx.more = len(tensors) - count
        return results if count > 1 else results[0]

    @staticmethod
    def backward(ctx, *grads):
        ctx.saved_tensors  # raises when one was changed
        return (None, None, *grads, *[None] * ctx.more)


# ---- shapes and memory ----

def reshape(x, *shape):
    return x.view(shape) if x.is_contiguous() else x.reshape(shape).clone()


def slice_(x, i, first, last, step=1):
    """PyTorch has no negative strides: backwards, it is a copy, which the generator only reads."""
    n = x.shape[axis(i)]
    first, last = (n + 1 + p if p < 0 else p for p in (first, last))
    if step < 0:
        return x.index_select(axis(i), torch.arange(first - 1, last - 2, step))
    return x[(slice(None),) * (axis(i) % x.dim()) + (slice(first - 1, last, step),)]


def part(x, *entries):
    """x[{ ... }] with places, None for all of an axis, and (from, to, step)."""
    at, x = 0, x[...]
    for e in entries:
        if isinstance(e, int):
            x = x.select(at, e - 1 if e > 0 else e)
        else:
            x = x if e is None else slice_(x, at + 1, *e)
            at += 1
    return x


def split(x, i, sizes):
    """As slices: PyTorch does not write into the parts that its own split gives."""
    parts, first = [], 1
    for size in sizes:
        parts.append(slice_(x, i, first, first + size - 1))
        first += size
    return parts


def pad(x, i, before, after, mode, value):
    """By places: PyTorch's own pads the last axes only, and not all of them."""
    n = x.shape[axis(i)]
    places = torch.arange(-before, n + after)
    inside = (places >= 0) & (places < n)
    if mode == "reflect":
        places = places % max(2 * (n - 1), 1)
        places = torch.where(places < n, places, 2 * (n - 1) - places)
    elif mode == "circular":
        places = places % n
    y = x.index_select(axis(i), places.clamp(0, n - 1)) if n else x.sum() + x.new_zeros(
        [len(places) if a == axis(i) % x.dim() else d for a, d in enumerate(x.shape)])  # 0, with the history of x
    if mode != "constant":
        return y
    shape = [-1 if a == axis(i) % x.dim() else 1 for a in range(x.dim())]
    return torch.where(inside.reshape(shape), y, torch.tensor(value, dtype=x.dtype))


def gather(x, i, ids):
    return keeps(x.index_select(axis(i), ids.long() - 1), ids)


def take_along_axis(x, ids, i):
    return keeps(torch.take_along_dim(x, ids.long() - 1, axis(i)), ids)


def beside(ids, y, x):
    """What there is of y for each id: of more than that, PyTorch has no gradient."""
    if not isinstance(y, torch.Tensor):
        return torch.full(ids.shape, y, dtype=x.dtype)
    return y[tuple(slice(n) for n in ids.shape)]


def scatter(x, i, ids, y):
    return keeps(x.scatter(axis(i), ids.long() - 1, beside(ids, y, x)), ids)


def scatter_add(x, i, ids, y):
    return keeps(x.scatter_add(axis(i), ids.long() - 1, beside(ids, y, x)), ids)


def index_add(x, i, ids, y):
    return keeps(x.index_add(axis(i), ids.long() - 1, y), ids)


def index_put(x, ids, y):
    y = torch.as_tensor(y, dtype=x.dtype).expand(ids.shape + x.shape[1:])
    return keeps(x.index_put((ids.long() - 1,), y), ids)


def windows(series, starts, length):
    rows = starts.long()[:, None] - 1 + torch.arange(length)
    return keeps(series[rows], starts)


def chosen(which):
    """The places from 0 that ids, or a mask of one axis, choose, and what the record saves: ids, but of a mask its
    places, so that it may change."""
    return (which.long() - 1, [which]) if which.dtype == torch.int32 else (which.nonzero()[:, 0], [])


def pick_at(x, at, which):
    """Ids, or a mask of one axis, along axis at."""
    places, saved = chosen(which)
    return keeps(x.index_select(at, places), *saved)


def assign_at(x, at, which, y):
    """The same for writing; x is a part, so it is written to as a whole."""
    places, saved = chosen(which)
    shape = x.shape[:at] + places.shape + x.shape[at + 1:]
    y = torch.as_tensor(y, dtype=x.dtype).expand(shape)
    assign(x, keeps(x.index_copy(at, places, y), *saved))


def assign(x, y):
    """y may share memory with x: what it held before counts."""
    y = y.clone() if isinstance(y, torch.Tensor) else y
    x.copy_(y) if isinstance(y, torch.Tensor) else x.fill_(y)


def assign_rows(x, ids, y):
    x.copy_(index_put(x.detach() if x.is_leaf and not x.requires_grad else x, ids, y))


def assign_mask(x, mask, y):
    x[mask != 0] = torch.as_tensor(y, dtype=x.dtype)


def where(condition, a, b):
    return keeps(torch.where(condition != 0, a, b), condition)


def floor_div(a, b):
    a, b = a.detach(), b.detach()
    return torch.floor(a / b) if a.is_floating_point() else torch.floor_divide(a, b)


def clamp(x, low, high):
    """With a gradient at the limits, as PyTorch had it up to 2.13."""
    return torch.where((x < low) | (x > high), x.detach().clamp(low, high), x)


def straight_round(x):
    return x + (x.round() - x).detach()


# ---- linear algebra: signs are ours, and of nearly symmetric matrices the symmetric part is taken ----

def symmetric(a):
    return (a + a.mT) / 2


def largest_positive(v):
    """Signs that make the first of the largest entries of each column positive."""
    size = v.detach().abs()
    at = (size >= size.amax(-2, True) * (1 - 1e-6)).double().argmax(-2, True)
    return v.detach().gather(-2, at).sign()


def cholesky(a):
    return Saves.apply(1, True, torch.linalg.cholesky(symmetric(a.clone())))


def inv(a):
    return Saves.apply(1, True, torch.linalg.inv(a.clone()))


def det(a):
    return Saves.apply(1, False, torch.linalg.det(a.clone()), a)


def slogdet(a):
    sign, log = torch.linalg.slogdet(a.clone())
    return Saves.apply(2, False, sign, log, a)


def solve(a, b):
    x = torch.linalg.solve(a.clone(), b.clone().expand(a.shape[:-2] + b.shape))  # b is a matrix, never vectors
    return Saves.apply(1, wants(a), x, a)


def solve_triangular(a, b, upper):
    x = torch.linalg.solve_triangular(a.clone(), b.clone(), upper=upper)
    return Saves.apply(1, wants(a), x, a)


def lstsq(a, b):
    x = torch.linalg.pinv(a.clone()) @ b.clone()
    return Saves.apply(1, True, x, a, b) if wants(a) else Saves.apply(1, False, x, a)


def wants(a):
    return a.requires_grad and torch.is_grad_enabled()


def qr(a):
    q, r = torch.linalg.qr(a.clone())
    sign = r.detach().diagonal(dim1=-2, dim2=-1).sign()
    return Saves.apply(2, True, q * sign[..., None, :], r * sign[..., :, None])


def svd(a):
    u, s, vt = torch.linalg.svd(a.clone(), full_matrices=False)
    sign = largest_positive(u)
    return Saves.apply(3, True, u * sign, s, vt * sign.mT)


def eigh(a):
    w, v = torch.linalg.eigh(symmetric(a.clone()))
    return Saves.apply(2, True, w, v * largest_positive(v))


def eigvals_sum(a):
    return torch.view_as_real(torch.linalg.eigvals(a.detach())).sum(-2)


# ---- places ----

def one_hot(ids, classes):
    return F.one_hot(ids.long(), classes + 1)[..., 1:].double()


def sort(x, i, descending):
    values, ids = x.sort(dim=axis(i), descending=descending, stable=True)
    return values, (ids + 1).int()


def argsort(x, i, descending):
    return sort(x, i, descending)[1]


def topk(x, k, smallest):
    return sort(x, -1, not smallest)[1][..., :k].clone()


def unique(x):
    values, ids, counts = x.unique(return_inverse=True, return_counts=True)
    return values, counts.int(), (ids + 1).int()


def searchsorted(sorted_, x, right):
    return (torch.searchsorted(sorted_, x, right=right) + 1).int()


def bincount(ids, n, weights=None):
    n = int(ids.max()) if n is None else n
    counts = torch.zeros(n + 1) if weights is None else \
        keeps(torch.zeros(n + 1).index_add(0, ids.flatten().long(), weights.flatten()), ids)
    counts = torch.bincount(ids.flatten(), minlength=n + 1).int() if weights is None else counts
    return counts[1:].clone()


def histogram(x, bins, low, high):
    edges = torch.linspace(low, high, bins + 1)
    inside = x[(x >= low) & (x <= high)]
    bin_ = torch.searchsorted(edges, inside, right=True).clamp(max=bins)
    return torch.bincount(bin_, minlength=bins + 1)[1:].int(), edges


def nonzero(x):
    places = x.nonzero() + 1
    return (places[:, 0] if x.dim() == 1 else places).int()


def embedding(weight, ids):
    return keeps(F.embedding(ids.long(), F.pad(weight, (0, 0, 1, 0))), ids)


# ---- reductions over valid steps ----

def mask_of(x, lengths):
    """True for every element that counts."""
    steps = torch.arange(x.shape[1]) < torch.tensor(lengths)[:, None]
    return steps.reshape(steps.shape + (1,) * (x.dim() - 2)).expand(x.shape)


def zero_padding(x, lengths):
    return torch.where(mask_of(x, lengths), x, 0.0) if lengths else x.clone()


def lengths_of(x, lengths):
    return torch.tensor(lengths or [x.shape[1]] * x.shape[0], dtype=torch.long)


def mask(x, lengths):
    return (torch.arange(x.shape[1]) < lengths_of(x, lengths)[:, None]).double()


def last(x, lengths):
    n = lengths_of(x, lengths)
    rows = x[torch.arange(x.shape[0]), (n - 1).clamp(0)]
    return torch.where((n > 0).reshape(-1, *[1] * (x.dim() - 2)), rows, 0.0)


def reverse_steps(x, lengths):
    n, t = lengths_of(x, lengths)[:, None], torch.arange(x.shape[1])
    return x[torch.arange(x.shape[0])[:, None], torch.where(t < n, n - 1 - t, t)]


def axes_of(x, axes):
    """From 0 and in order; None are all of them."""
    axes = range(x.dim()) if axes is None else [axis(i) % x.dim() for i in ([axes] if isinstance(axes, int) else axes)]
    return sorted(axes)


def counted(x, lengths, axes):
    """Which elements a reduction counts: along features all, and padding gives padding."""
    return mask_of(x, lengths) if lengths and 1 in axes_of(x, axes) else torch.ones_like(x, dtype=torch.bool)


def lines(x, axes):
    """The reduced axes as one, the last."""
    gone = axes_of(x, axes)
    kept = [i for i in range(x.dim()) if i not in gone]
    return x.permute([*kept, *gone]).reshape([x.shape[i] for i in kept] + [math.prod(x.shape[i] for i in gone)])


def reduced(f, x, lengths, axes, keep, fill=0, final=torch.clone):
    """final(f(lines with fill where nothing counts, what counts))"""
    m, gone = lines(counted(x, lengths, axes), axes), axes_of(x, axes)
    y = f(torch.where(m, lines(x, axes), torch.tensor(fill, dtype=x.dtype)) if lengths else lines(x, axes), m)
    return final(y.reshape([1 if i in gone else d for i, d in enumerate(x.shape)]) if keep else y)


def sum_(x, lengths, axes, keep):
    return reduced(lambda v, m: v.sum(-1).to(v.dtype), x, lengths, axes, keep)


def mean(x, lengths, axes, keep):
    return reduced(lambda v, m: v.sum(-1) / m.sum(-1), x, lengths, axes, keep)


def prod(x, lengths, axes, keep):
    return keeps(reduced(lambda v, m: v.prod(-1).to(v.dtype), x, lengths, axes, keep, 1), x)


def max_(x, lengths, axes, keep):
    return reduced(lambda v, m: v.max(-1)[0], x, lengths, axes, keep, -torch.inf if lengths else 0)


def min_(x, lengths, axes, keep):
    return reduced(lambda v, m: v.min(-1)[0], x, lengths, axes, keep, torch.inf if lengths else 0)


def variance(x, lengths, axes, keep, correction, final=torch.clone):
    def f(v, m):
        e = torch.where(m, v - v.sum(-1, True) / m.sum(-1, keepdim=True), 0)
        return keeps((e * e).sum(-1) / (m.sum(-1) - correction), x)
    return reduced(f, x, lengths, axes, keep, final=final)


def std(x, lengths, axes, keep, correction):
    return variance(x, lengths, axes, keep, correction, torch.sqrt)


def norm(x, lengths, p, axes, keep):
    v = torch.where(counted(x, lengths, axes), keeps(x, x), 0)
    return torch.linalg.vector_norm(v, p, axes_of(x, axes), keep)


def logsumexp(x, lengths, axes, keep):
    v = torch.where(counted(x, lengths, axes), keeps(x, x), -torch.inf)
    return v.logsumexp(axes_of(x, axes), keep)


def any_(x, lengths, axes, keep):
    return reduced(lambda v, m: (v != 0).any(-1).double(), x, lengths, axes, keep)


def all_(x, lengths, axes, keep):
    return reduced(lambda v, m: (v != 0).all(-1).double(), x, lengths, axes, keep, 1)


def quantile(x, lengths, q, axes, keep):
    def f(v, m):
        n = m.sum(-1, keepdim=True)
        at, v = q * (n - 1), v.sort(dim=-1, stable=True)[0]
        low = at.floor().long()
        a, b = v.gather(-1, low), v.gather(-1, torch.minimum(low + 1, n - 1))
        return (a * (1 - (at - low)) + b * (at - low)).squeeze(-1)
    return reduced(f, x, lengths, axes, keep, torch.inf)


def argmax(x, lengths, i):
    return (torch.where(counted(x, lengths, i), x, -torch.inf).argmax(None if i is None else axis(i)) + 1).int()


def argmin(x, lengths, i):
    return (torch.where(counted(x, lengths, i), x, torch.inf).argmin(None if i is None else axis(i)) + 1).int()


def cumprod(x, i):
    return keeps(x.cumprod(axis(i)), x)


def running(x, i, largest):
    """The extreme so far and its place, the first of equals; PyTorch's is the last."""
    i = axis(i)
    v = x.detach() if largest else -x.detach()
    best = v.cummax(i).values
    new = torch.cat([torch.ones_like(v.narrow(i, 0, 1), dtype=torch.bool), v.narrow(i, 1, v.shape[i] - 1)
                     > best.narrow(i, 0, v.shape[i] - 1)], i) if v.shape[i] else v.bool()
    steps = torch.arange(v.shape[i]).reshape([-1] + [1] * (v.dim() - 1 - i % v.dim()))
    places = torch.where(new, steps, 0).cummax(i).values
    return keeps(x.gather(i, places), x), (places + 1).int()


def cummax(x, i):
    return running(x, i, True)


def cummin(x, i):
    return running(x, i, False)


# ---- layers ----

def product(y, a, b):
    """y, made of a and b: each is kept for the gradient of the other. PyTorch now and then keeps copies."""
    return keeps(y, *[a] * b.requires_grad, *[b] * a.requires_grad)



def conv1d(x, weight, bias, stride, dilation, padding, lengths=None):
    """Padding 0: valid, 1: causal, 2: same; each sequence of a padded batch by itself, and zeros behind it."""
    span = (weight.shape[2] - 1) * dilation
    steps = [(n - span - 1) // stride + 1 if padding == 0 else -(-n // stride) for n in lengths or [x.shape[1]]]
    if lengths:
        most = (x.shape[1] - span - 1) // stride + 1 if padding == 0 else -(-x.shape[1] // stride)
        rows = [F.pad(conv1d(x[i:i + 1, :n], weight, bias, stride, dilation, padding), (0, 0, 0, most - steps[i]))
                if steps[i] > 0 else x.new_zeros(1, most, weight.shape[0]) for i, n in enumerate(lengths)]
        return keeps(torch.cat(rows), x)
    left, right = 0, 0
    if padding == 1:
        left = span
    elif padding == 2:  # the odd zero behind
        missing = max((steps[0] - 1) * stride + span + 1 - x.shape[1], 0)
        left, right = missing // 2, missing - missing // 2
    y = F.conv1d(F.pad(x.transpose(1, 2), (left, right)), weight, bias, stride=stride, dilation=dilation)
    return keeps(y.transpose(1, 2), x)


def layer_norm(x, gain, bias, eps):
    return F.layer_norm(x, x.shape[-1:], gain, bias, eps)


def batch_norm(x, gain, bias, mean_, variance, momentum, eps, training, lengths=None):
    """Ours keep the variance that normalises in the running statistics, and momentum is the share of the old ones. The
    gain in rows: of a strided one PyTorch 2.13 computes a wrong gradient of x. The result is none of PyTorch's views."""
    gain = gain.contiguous()
    if not training:
        return F.batch_norm(x.reshape(-1, x.shape[-1]), mean_, variance, gain, bias, False, 0.0,
                            eps).reshape(x.shape).clone()
    rows = valid(x, lengths).reshape(-1, x.shape[-1])
    with torch.no_grad():
        mean_.mul_(momentum).add_((1 - momentum) * rows.mean(0))
        variance.mul_(momentum).add_((1 - momentum) * rows.var(0, unbiased=False))
    if lengths:
        return keeps((x - rows.mean(0)) / torch.sqrt(rows.var(0, unbiased=False) + eps) * gain + bias, x, gain)
    return F.batch_norm(rows, None, None, gain, bias, True, 0.0, eps).reshape(x.shape).clone()


def recurrent(cell, options, x, weights, state, lengths, last=False, reverse=False):
    """One layer of torch.nn with the given weights, on a packed sequence where there are lengths. Backwards in time it
    is the second half of a layer in both directions."""
    kind = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[cell]
    units = weights[2].shape[0] // {"rnn": 1, "lstm": 4, "gru": 3}[cell]
    net = kind(x.shape[2], units, batch_first=True, bidirectional=reverse, **options)
    given = {}
    for name, weight in zip(("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"), weights):
        given[name] = weight.detach() if reverse else weight
        if reverse:
            given[name + "_reverse"] = weight
    first = [torch.stack([torch.zeros_like(s), s]) if reverse else s[None] for s in state]
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False) if lengths else x
    first = None if not state else tuple(first) if cell == "lstm" else first[0]
    y, final = torch.func.functional_call(net, given, (packed, first))
    if lengths:
        y, _ = pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])
    final = [s[-1] for s in (final if cell == "lstm" else (final,))]
    y = final[0].clone() if last else y[..., final[0].shape[1]:] if reverse else y
    return [keeps(r, x, *weights, *state) for r in (y, *final)]


# ---- losses ----

def valid(x, lengths):
    return x[mask_of(x, lengths)] if lengths else x


def weighed(values, counts, sample_weights, reduction):
    """What is made of the values of a loss, which are 0 where they do not count; the mean is over the sum of the counts."""
    if sample_weights is not None:
        times = sample_weights.reshape(sample_weights.shape + (1,) * (values.dim() - sample_weights.dim()))
        values, counts = values * times, counts * times
    return values if reduction == "none" else values.sum() if reduction == "sum" else values.sum() / counts.sum()


def loss(f, prediction, target, lengths=None, sample_weights=None, reduction="mean", **options):
    mask = mask_of(prediction, lengths) if lengths else torch.ones_like(prediction, dtype=torch.bool)
    at = {k: torch.where(mask, v, 1.0) if isinstance(v, torch.Tensor) else v for k, v in options.items()}
    values = f(torch.where(mask, prediction, 0.5), torch.where(mask, target, 0.5), reduction="none", **at)
    return weighed(torch.where(mask, values, 0.0), mask.to(values.dtype), sample_weights, reduction)


def quantile_loss(prediction, target, q, reduction):
    e = target - prediction
    return torch.where(e > 0, q * e, torch.where(e < 0, (q - 1) * e, 0.0))  # the slope of maximum is another one at 0


def gaussian_nll(mean, target, variance, reduction):
    return F.gaussian_nll_loss(mean, target, variance, reduction=reduction)


def cross_entropy(logits, labels, lengths=None, weights=None, smoothing=0.0, sample_weights=None, reduction="mean"):
    given = labels.long()
    if lengths:
        given = torch.where(mask_of(given, lengths), given, 0)
    values = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), given.reshape(-1) - 1, weights, ignore_index=-1,
                             label_smoothing=smoothing, reduction="none").reshape(given.shape)
    counts = (given > 0).to(values.dtype)
    if weights is not None:
        counts = counts * weights[(given - 1).clamp(min=0)]
    return keeps(weighed(values, counts, sample_weights, reduction), logits, labels)


def linear_cross_entropy(x, labels, weight, lengths=None, bias=None, reduction="mean"):
    if lengths:
        x = torch.where(mask_of(x, lengths), x, 0)
    return cross_entropy(F.linear(x, weight, bias), labels, lengths, reduction=reduction)


def ctc_loss(logits, labels, blank, lengths=None, sample_weights=None, reduction="mean"):
    n, steps, _ = logits.shape
    given = [row[row > 0].long() - 1 for row in labels]
    values = F.ctc_loss(logits.log_softmax(-1).transpose(0, 1), torch.cat(given), lengths or [steps] * n,
                        [len(row) for row in given], blank=blank - 1, reduction="none")
    counts = torch.tensor([float(len(row)) for row in given], dtype=values.dtype)
    return weighed(values, counts, sample_weights, reduction)


# ---- gradients and steps ----

@torch.no_grad()
def clip_grad_norm(params, limit):
    grads = [p.grad for p in params if p.grad is not None]
    norm = torch.sqrt(sum((g * g).sum() for g in grads)) if grads else 0
    if norm > limit:
        for g in grads:
            g.mul_(limit / norm)


@torch.no_grad()
def clip_grad_value(params, limit):
    for p in params:
        if p.grad is not None:
            p.grad.clamp_(-limit, limit)


@torch.no_grad()
def scale_grad(params, factor):
    for p in params:
        if p.grad is not None:
            p.grad.mul_(factor)


def sgd(params, lr):
    with torch.no_grad():
        for p in params:
            if p.grad is not None:
                p -= lr * p.grad
