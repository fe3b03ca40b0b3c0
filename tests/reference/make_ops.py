"""ops.safetensors: single ops, forward and backward, with a given upstream gradient.

Tensor "op.name" belongs to the case "op": its arguments, its result y, the given dy and the gradients dx, dgain ...
(a loss is a scalar, so its dy is one number). Conventions that are ours, not PyTorch's, are already applied:

  features      are the last axis, also in batch_norm.
  ids           count from 1 and 0 is padding: label 0 in cross_entropy is PyTorch's ignore_index, id 0 in embedding is
                PyTorch's padding_idx; weight and dweight are without the row of the padding.
  lengths       *_lengths cases: losses average over the valid steps, batch_norm takes its statistics from them.
                Arguments are random in the padding. batch_norm_lengths.mask (N, T, 1) is 1 where a step is valid;
                y is 0 in the padding, where what we compute does not matter, and so is dy: nothing looks there.
  batch_norm    running statistics move by PyTorch's momentum 0.1, new = 0.9 old + 0.1 batch, and running_var takes the
                unbiased variance of the batch, n / (n - 1) times the one that normalises (new_running_var). With the
                variance that normalises, as in Keras and our core, it becomes new_running_var_biased.
  hard_sigmoid  is relu6(x + 3) / 6, in PyTorch as in Keras 3.

Values stay 0.01 away from every kink.
"""
import torch
import torch.nn.functional as F

from common import build, generator

N, T, D, V = 3, 4, 5, 6
LENGTHS = [2, 4, 1]
MASK = torch.arange(T) < torch.tensor(LENGTHS)[:, None]  # (N, T), true where valid
SLOPE, BATCH_EPS, LAYER_EPS, MOMENTUM = 0.1, 1e-3, 1e-5, 0.1

g = generator("ops")


def normal(*shape, scale=1.0):
    return scale * torch.randn(shape, generator=g, dtype=torch.float64)


def away(x, *kinks):
    """Moves the values of x that are nearer than 0.01 to a kink out of its reach."""
    for kink in kinks:
        x = torch.where((x - kink).abs() < 0.01, torch.full_like(x, kink + 0.02), x)
    return x


def ids(*shape, low=0):
    return torch.randint(low, V + 1, shape, generator=g)


def rows(x):
    """The valid steps of (N, T, ...), one after the other."""
    return x[MASK]


def padded(values, like):
    return torch.zeros_like(like).masked_scatter(MASK[..., None].expand_as(like), values)


def batch_norm(x, gain, bias, mean, var, training):
    """Features last; a pure function of the running statistics: y, new mean, new var."""
    mean, var = mean.clone(), var.clone()
    y = F.batch_norm(x.reshape(-1, x.shape[-1]), mean, var, gain, bias, training, MOMENTUM, BATCH_EPS)
    return y.reshape(x.shape), mean, var


def biased(x, var):
    """new_running_var as it would be with the uncorrected variance."""
    return (1 - MOMENTUM) * var + MOMENTUM * x.reshape(-1, x.shape[-1]).var(0, unbiased=False)


def batch_norm_training(a):
    y, mean, var = batch_norm(a["x"], a["gain"], a["bias"], a["running_mean"], a["running_var"], True)
    return y, {"new_running_mean": mean, "new_running_var": var,
               "new_running_var_biased": biased(a["x"], a["running_var"])}


def batch_norm_lengths(a):
    x = rows(a["x"])
    y, mean, var = batch_norm(x, a["gain"], a["bias"], a["running_mean"], a["running_var"], True)
    return padded(y, a["x"]), {"new_running_mean": mean, "new_running_var": var,
                               "new_running_var_biased": biased(x, a["running_var"])}


def batch_norm_eval(a):
    return batch_norm(a["x"], a["gain"], a["bias"], a["running_mean"], a["running_var"], False)[0], {}


def cross_entropy(logits, labels):
    return F.cross_entropy(logits.reshape(-1, V), labels.reshape(-1).long() - 1, ignore_index=-1)


def embedding(a):
    return F.embedding(a["ids"].long(), torch.cat([torch.zeros_like(a["weight"][:1]), a["weight"]]), padding_idx=0), {}


def unary(f, *kinks):
    return {"x": away(normal(N, 7, scale=2.0), *kinks)}, lambda a: (f(a["x"]), {})


def pair(f, lengths=False, x=None, target=None):
    a = {"x": normal(N, T, D) if x is None else x, "target": normal(N, T, D) if target is None else target}
    if lengths:
        a["lengths"] = torch.tensor(LENGTHS)
        return a, lambda a: (f(rows(a["x"]), rows(a["target"])), {})
    return a, lambda a: (f(a["x"], a["target"]), {})


def statistics():
    return {"gain": 1 + normal(D, scale=0.3), "bias": normal(D, scale=0.3), "running_mean": normal(D, scale=0.5),
            "running_var": 0.5 + torch.rand(D, generator=g, dtype=torch.float64)}


def differences(*kinks):
    """x and target whose differences stay away from the kinks of a loss."""
    target = normal(N, T, D)
    return {"x": target + away(normal(N, T, D, scale=1.5), *kinks), "target": target}


def probabilities():
    return torch.rand(N, T, D, generator=g, dtype=torch.float64)


def labels_with_padding():
    labels = ids(N, T, low=1)
    labels[0, 1] = labels[2, 3] = 0
    return labels


def hard_sigmoid(x):
    return F.relu6(x + 3) / 6  # the gradient of F.hardsigmoid has a 1/6 in single precision even for doubles


def huber(x, target):
    return F.huber_loss(x, target, delta=1.0)


# name -> (arguments, function of the arguments giving y and further results). Floating arguments get gradients,
# but for targets and running statistics.
CASES = {
    "layer_norm": ({"x": normal(N, T, D), "gain": 1 + normal(D, scale=0.3), "bias": normal(D, scale=0.3)},
                   lambda a: (F.layer_norm(a["x"], (D,), a["gain"], a["bias"], LAYER_EPS), {})),
    "batch_norm": ({"x": 0.7 + normal(8, D, scale=1.5)} | statistics(), batch_norm_training),
    "batch_norm_sequence": ({"x": 0.7 + normal(N, T, D, scale=1.5)} | statistics(), batch_norm_training),
    "batch_norm_lengths": ({"x": 0.7 + normal(N, T, D, scale=1.5), "lengths": torch.tensor(LENGTHS),
                            "mask": MASK[..., None].double()} | statistics(), batch_norm_lengths),
    "batch_norm_eval": ({"x": normal(N, T, D)} | statistics(), batch_norm_eval),
    "softmax": ({"x": normal(N, T, V, scale=2.0)}, lambda a: (F.softmax(a["x"], -1), {})),
    "softmax_axis2": ({"x": normal(N, T, V, scale=2.0)}, lambda a: (F.softmax(a["x"], 1), {})),
    "log_softmax": ({"x": normal(N, T, V, scale=2.0)}, lambda a: (F.log_softmax(a["x"], -1), {})),
    "log_softmax_axis2": ({"x": normal(N, T, V, scale=2.0)}, lambda a: (F.log_softmax(a["x"], 1), {})),
    "cross_entropy": ({"x": normal(N, T, V, scale=2.0), "labels": labels_with_padding()},
                      lambda a: (cross_entropy(a["x"], a["labels"]), {})),
    "cross_entropy_lengths": ({"x": normal(N, T, V, scale=2.0), "labels": ids(N, T, low=1),
                               "lengths": torch.tensor(LENGTHS)},
                              lambda a: (cross_entropy(rows(a["x"]), rows(a["labels"])), {})),
    "binary_cross_entropy": pair(F.binary_cross_entropy_with_logits, x=normal(N, T, D, scale=3.0),
                                 target=probabilities()),
    "binary_cross_entropy_lengths": pair(F.binary_cross_entropy_with_logits, True, x=normal(N, T, D, scale=3.0),
                                         target=probabilities()),
    "mse": pair(F.mse_loss),
    "mse_lengths": pair(F.mse_loss, True),
    "mae": pair(F.l1_loss, **differences(0.0)),
    "mae_lengths": pair(F.l1_loss, True, **differences(0.0)),
    "huber": pair(huber, **differences(-1.0, 1.0)),
    "huber_lengths": pair(huber, True, **differences(-1.0, 1.0)),
    "embedding": ({"weight": normal(V, D), "ids": torch.tensor([[1, 6, 0, 3], [3, 3, 0, 0], [2, 1, 6, 3]])}, embedding),
    "elu": unary(F.elu, 0.0),
    "selu": unary(F.selu, 0.0),
    "softplus": unary(F.softplus),
    "leaky_relu": unary(lambda x: F.leaky_relu(x, SLOPE), 0.0),
    "hard_sigmoid": unary(hard_sigmoid, -3.0, 3.0),
}
CONSTANT = {"target", "running_mean", "running_var", "mask"}

# Upstream gradients have the shape of y; a first run tells it.
inputs = {}
for case, (arguments, function) in CASES.items():
    inputs |= {f"{case}.{name}": value for name, value in arguments.items()}
    inputs[f"{case}.dy"] = normal(*function(arguments)[0].shape) * arguments.get("mask", 1)


def compute(all_inputs):
    results = {}
    for case, (arguments, function) in CASES.items():
        a = {name: all_inputs[f"{case}.{name}"].clone() for name in arguments}
        wanted = [name for name, value in a.items() if value.is_floating_point() and name not in CONSTANT]
        for name in wanted:
            a[name].requires_grad_()
        y, further = function(a)
        grads = torch.autograd.grad(y, [a[name] for name in wanted], all_inputs[f"{case}.dy"])
        results[f"{case}.y"] = y
        results |= {f"{case}.{name}": value for name, value in further.items()}
        results |= {f"{case}.d{name}": grad for name, grad in zip(wanted, grads)}
    return results


build("ops.safetensors", inputs, compute, {
    "made by": "make_ops.py", "layer_norm eps": LAYER_EPS, "batch_norm eps": BATCH_EPS,
    "batch_norm momentum": MOMENTUM,
    "batch_norm convention": "PyTorch: new = (1 - momentum) old + momentum batch, unbiased variance of the batch",
    "leaky_relu slope": SLOPE, "huber delta": 1.0, "hard_sigmoid": "relu6(x + 3) / 6",
})
