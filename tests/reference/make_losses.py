"""losses.safetensors: losses of each element, cross entropy with class weights and label smoothing, and CTC, with
gradients.

Tensor "case.name" belongs to a case: x the logits, labels (from 1; 0 is no label), weight (of the classes), lengths (of
x) and label_lengths, target and variance of losses of each element, sample_weights; y the loss and dx its gradient (of
the sum of y, where the reduction is none). "about" holds smoothing, for CTC the blank (from 1), for others the name of
the loss and its number, and reductions, of each case. What is ours, not PyTorch's:

  sample weights multiply the values of reduction "none"; the mean is over their sum.

  cross entropy  (N, T, V) logits, label 0 is PyTorch's ignore_index.
  ctc            is divided by the number of all labels (PyTorch's reduction "sum" is divided here). The logits are
                 normalised within the loss.
"""
import torch
import torch.nn.functional as F

from common import build, generator

g = generator("losses")
SMOOTHINGS = {"plain": 0.0, "smoothed": 0.1, "half": 0.5, "even": 1.0}
N, T, V = 4, 5, 6
# name -> N, frames, classes, labels of each sequence, blank, frames of each sequence
CTC = {
    "ctc": (4, 12, 5, [[1, 2, 3, 4], [1, 1, 1], [4, 4, 3, 3, 2], [2]], 5, [12, 12, 12, 12]),
    "ctc_lengths": (5, 20, 7, [[1, 2, 3, 4, 5, 6], [1], [], [6, 6, 6, 1], [2, 3]], 7, [20, 1, 7, 7, 9]),
    "ctc_first_blank": (3, 10, 4, [[2, 3, 4], [4, 4, 2, 2], [3]], 1, [10, 9, 4]),
    "ctc_middle_blank": (3, 10, 4, [[1, 2, 4], [4, 4, 2, 2], [1]], 3, [10, 6, 2]),
    "ctc_long": (2, 300, 30, [[int(k) for k in torch.randint(1, 30, (60,), generator=g)],
                              [int(k) for k in torch.randint(1, 4, (100,), generator=g)]], 30, [300, 260]),
}


def normal(*shape, scale=2.0):
    return scale * torch.randn(shape, generator=g, dtype=torch.float64)


def reduced(values, counts, a, o):
    if "sample_weights" in a:
        w = a["sample_weights"].reshape(a["sample_weights"].shape + (1,) * (values.dim() - a["sample_weights"].dim()))
        values, counts = values * w, counts * w
    reduction = o.get("reduction", "mean")
    return values if reduction == "none" else values.sum() if reduction == "sum" else values.sum() / counts.sum()


def cross_entropy(a, o):
    labels = a["labels"].long() - 1
    if "lengths" in a:
        labels = torch.where(torch.arange(T) < a["lengths"][:, None], labels, -1)
    values = F.cross_entropy(a["x"].reshape(-1, V), labels.reshape(-1), a.get("weight"), ignore_index=-1,
                             label_smoothing=o["smoothing"], reduction="none").reshape(labels.shape)
    counts = (labels >= 0).to(values.dtype)
    return reduced(values, counts * a["weight"][labels.clamp(min=0)] if "weight" in a else counts, a, o)


def ctc(a, o):
    x, lengths = a["x"], a["label_lengths"].long()
    # PyTorch's classes count from 0; nothing is changed by that but the numbers.
    values = F.ctc_loss(x.log_softmax(-1).transpose(0, 1), (a["labels"] - 1).clamp(min=0).long(), a["lengths"].long(),
                        lengths, blank=o["blank"] - 1, reduction="none")
    return reduced(values, lengths.to(values.dtype), a, o)


def each(a, o):
    x, target, mask = a["x"], a["target"], torch.ones(N, T, 1, dtype=torch.bool)
    if "lengths" in a:
        mask = (torch.arange(T) < a["lengths"][:, None])[..., None]
    mask = mask.expand(x.shape)
    values = {"mse": F.mse_loss, "mae": F.l1_loss, "kl_div": F.kl_div, "poisson_nll": F.poisson_nll_loss,
              "binary_cross_entropy": F.binary_cross_entropy_with_logits,
              "huber": lambda *args, **k: F.huber_loss(*args, delta=o["number"], **k),
              "quantile": lambda x, t, reduction: torch.maximum(o["number"] * (t - x), (o["number"] - 1) * (t - x)),
              "gaussian_nll": lambda *args, **k: F.gaussian_nll_loss(*args, a["variance"], **k)}[o["loss"]](
                  x, target, reduction="none")
    return reduced(torch.where(mask, values, 0.0), mask.to(values.dtype), a, o)


inputs, options = {}, {}


def add(case, arguments, **o):
    inputs.update({f"{case}.{name}": value for name, value in arguments.items()})
    options[case] = o


for name, smoothing in SMOOTHINGS.items():
    labels = torch.randint(0, V + 1, (N, T), generator=g)
    weight = torch.tensor([0.0, 0.5, 1.0, 2.0, 3.5, 0.1], dtype=torch.float64)
    add(f"ce_{name}", {"x": normal(N, T, V), "labels": labels}, smoothing=smoothing)
    add(f"ce_{name}_weights", {"x": normal(N, T, V), "labels": labels, "weight": weight}, smoothing=smoothing)
    add(f"ce_{name}_weights_lengths", {"x": normal(N, T, V), "labels": labels, "weight": weight,
                                       "lengths": torch.tensor([5, 2, 3, 1])}, smoothing=smoothing)
for name, (n, t, classes, labels, blank, lengths) in CTC.items():
    padded = torch.zeros(n, max(map(len, labels)), dtype=torch.int64)
    for i, l in enumerate(labels):
        padded[i, : len(l)] = torch.tensor(l, dtype=torch.int64)
    add(name, {"x": normal(n, t, classes), "labels": padded, "lengths": torch.tensor(lengths),
               "label_lengths": torch.tensor([len(l) for l in labels])}, blank=blank)
for reduction in ("mean", "sum", "none"):
    for k, (loss, number) in enumerate((("mse", None), ("mae", None), ("huber", 0.7), ("quantile", 0.2), ("kl_div", None),
                         ("poisson_nll", None), ("gaussian_nll", None), ("binary_cross_entropy", None))):
        arguments = {"x": normal(N, T, 3), "lengths": torch.tensor([5, 2, 0, 1])}
        inner = loss in ("kl_div", "binary_cross_entropy")
        arguments["target"] = torch.rand(N, T, 3, generator=g, dtype=torch.float64) if inner else normal(N, T, 3).abs()
        if loss == "gaussian_nll":
            arguments["variance"] = torch.rand(N, T, 3, generator=g, dtype=torch.float64) + 0.1
        add(f"{loss}_{reduction}", arguments, loss=loss, number=number, reduction=reduction)
        arguments = dict(arguments, sample_weights=torch.rand([N, T, 3][:k % 3 + 1], generator=g,
                                                              dtype=torch.float64))
        add(f"{loss}_{reduction}_weights", arguments, loss=loss, number=number, reduction=reduction)
    add(f"ce_{reduction}_samples", {"x": normal(N, T, V), "labels": torch.randint(0, V + 1, (N, T), generator=g),
                                    "weight": torch.tensor([0.0, 0.5, 1.0, 2.0, 3.5, 0.1], dtype=torch.float64),
                                    "sample_weights": torch.rand(N, T, generator=g, dtype=torch.float64)},
        smoothing=0.1, reduction=reduction)
    add(f"ctc_{reduction}_samples", {"x": normal(3, 9, 4), "labels": torch.tensor([[1, 2, 2], [3, 0, 0], [1, 3, 0]]),
                                     "lengths": torch.tensor([9, 4, 6]), "label_lengths": torch.tensor([3, 1, 2]),
                                     "sample_weights": torch.tensor([0.5, 2.0, 1.0], dtype=torch.float64)},
        blank=4, reduction=reduction)


def compute(all_inputs):
    results = {}
    for case, o in options.items():
        a = {key.split(".")[1]: value.clone() for key, value in all_inputs.items() if key.startswith(case + ".")}
        a["x"].requires_grad_()
        y = (each if "loss" in o else cross_entropy if case.startswith("ce") else ctc)(a, o)
        results[f"{case}.y"] = y
        results[f"{case}.dx"] = torch.autograd.grad(y.sum(), a["x"])[0]
    return results


build("losses.safetensors", inputs, compute, {"made by": "make_losses.py", "cases": options})
