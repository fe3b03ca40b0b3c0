"""conv.safetensors: convolution over time, forward and backward, with a given upstream gradient.

Tensor "case.name" belongs to a case: x (N, T, in), weight (out, in, kernel) and bias (out), the result y (N, T', out), the
given dy, and the gradients dx, dweight, dbias. "about" holds stride, dilation and padding of each case:

  0 valid       no zeros.
  1 causal      (kernel - 1) dilation zeros before the first step.
  2 same        T' = ceil(T / stride); the zeros that this takes are divided, the odd one goes behind (as in Keras;
                PyTorch's own "same" is for stride 1 only).
  lengths       (N), in the cases *_lengths: every sequence is computed alone, without its padding, and y is 0 behind
                its end. x and dy are random in the padding: nobody may look at it. y_lengths are the lengths of y.
"""
import torch
import torch.nn.functional as F

from common import build, generator

VALID, CAUSAL, SAME = 0, 1, 2
LENGTHS = [4, 9, 6, 7]  # none is too short for a window: PyTorch refuses that

# name -> N, T, in, out, kernel, stride, dilation, padding, lengths, bias
CASES = {
    "valid": (3, 8, 4, 5, 3, 1, 1, VALID, None, True),
    "valid_stride": (3, 11, 4, 5, 4, 2, 1, VALID, None, True),
    "valid_dilation": (3, 11, 4, 5, 3, 1, 3, VALID, None, False),
    "causal": (3, 8, 4, 5, 3, 1, 1, CAUSAL, None, True),
    "causal_dilation": (3, 12, 4, 5, 2, 1, 4, CAUSAL, None, True),
    "causal_stride": (3, 11, 4, 5, 3, 3, 2, CAUSAL, None, True),
    "same": (3, 8, 4, 5, 4, 1, 1, SAME, None, True),
    "same_stride": (3, 10, 4, 5, 4, 3, 2, SAME, None, True),
    "pointwise": (3, 8, 4, 5, 1, 1, 1, VALID, None, True),
    "wide": (1, 109, 13, 37, 5, 1, 2, CAUSAL, None, True),  # no multiples of a fast kernel's blocks
    "valid_lengths": (4, 9, 4, 5, 3, 2, 1, VALID, LENGTHS, True),
    "causal_lengths": (4, 9, 4, 5, 2, 1, 3, CAUSAL, LENGTHS, True),
    "same_lengths": (4, 9, 4, 5, 3, 2, 2, SAME, LENGTHS, True),
}

g = generator("conv")


def normal(*shape):
    return torch.randn(shape, generator=g, dtype=torch.float64)


def pads(steps, kernel, stride, dilation, padding):
    """Zeros before and behind a sequence."""
    reach = (kernel - 1) * dilation
    if padding == VALID:
        return 0, 0
    if padding == CAUSAL:
        return reach, 0
    missing = max((-(-steps // stride) - 1) * stride + reach + 1 - steps, 0)
    return missing // 2, missing - missing // 2


def convolve(x, weight, bias, case):
    """x (T, in) -> (T', out)."""
    kernel, stride, dilation, padding = case[4:8]
    x = F.pad(x.T[None], pads(x.shape[0], kernel, stride, dilation, padding))
    return F.conv1d(x, weight, bias, stride=stride, dilation=dilation)[0].T


def forward(a, case):
    sequences = [convolve(x[:length], a["weight"], a.get("bias"), case)
                 for x, length in zip(a["x"], case[8] or [case[1]] * case[0])]
    steps = convolve(a["x"][0], a["weight"], a.get("bias"), case).shape[0]  # of a sequence without padding
    return torch.stack([F.pad(y, (0, 0, 0, steps - y.shape[0])) for y in sequences]), [y.shape[0] for y in sequences]


def arguments(case):
    N, T, inputs, out, kernel = case[:5]
    a = {"x": normal(N, T, inputs), "weight": 0.5 * normal(out, inputs, kernel)}
    if case[9]:
        a["bias"] = normal(out)
    a["dy"] = normal(*forward(a, case)[0].shape)
    return a


inputs = {}
for name, case in CASES.items():
    inputs |= {f"{name}.{key}": value for key, value in arguments(case).items()}
    if case[8]:
        inputs[f"{name}.lengths"] = torch.tensor(case[8])


def compute(all_inputs):
    results = {}
    for name, case in CASES.items():
        wanted = ["x", "weight", "bias"] if case[9] else ["x", "weight"]
        a = {key: all_inputs[f"{name}.{key}"].clone().requires_grad_() for key in wanted}
        y, lengths = forward(a, case)
        grads = torch.autograd.grad(y, list(a.values()), all_inputs[f"{name}.dy"])
        results[f"{name}.y"] = y
        results |= {f"{name}.d{key}": grad for key, grad in zip(wanted, grads)}
        if case[8]:
            results[f"{name}.y_lengths"] = torch.tensor(lengths)
    return results


build("conv.safetensors", inputs, compute, {
    "made by": "make_conv.py",
    "cases": {name: {"stride": case[5], "dilation": case[6], "padding": case[7]} for name, case in CASES.items()},
})
