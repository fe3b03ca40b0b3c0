"""rnn_tanh, rnn_relu, lstm and gru.safetensors, and the same with lengths: two stacked layers, every gradient.
rnn_tanh_wide, lstm_wide and gru_wide.safetensors: one layer, more sequences and units than fit into one vector or block
of a fast kernel, and no multiple of either.

Tensors in each file (N=5, T=7, D=3, H=6, wide N=19, T=5, D=11, H=36; gates in PyTorch's order, i f g o and r z n):
  x (N, T, D), weight_ih_l0 ... bias_hh_l1, h0_l0, h0_l1 (N, H) and, for the LSTM, c0_l0, c0_l1
  lengths (N), in the files *_lengths only; x is random in the padding, too: nobody may look at it
  y (N, T, H), 0 in the padding; h_l0, h_l1, c_l0, c_l1: the states after the last valid step
  dy, dh_l0 ..., dc_l0 ...: the given gradients of these (dy is random in the padding, too)
  dx, dweight_ih_l0 ..., dh0_l0 ..., dc0_l0 ...: the gradients of loss = <y, dy> + <h_l0, dh_l0> + ...
  last.dy (N, H) and last.dx, last.dweight_ih_l0 ...: the same for loss = <last, last.dy> + <h_l0, dh_l0> + ...,
  where last, (N, H), is the output of the last valid step, which is h_l1. Not in the wide files.
"""
from collections import namedtuple

import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from common import build, generator

Size = namedtuple("Size", "N T D H layers")
SMALL, WIDE = Size(5, 7, 3, 6, 2), Size(19, 5, 11, 36, 1)
LENGTHS = [4, 7, 1, 6, 4]  # not sorted, one full, one of a single step; PyTorch refuses 0

CELLS = {
    "rnn_tanh": (torch.nn.RNN, {"nonlinearity": "tanh"}, 1),
    "rnn_relu": (torch.nn.RNN, {"nonlinearity": "relu"}, 1),
    "lstm": (torch.nn.LSTM, {}, 4),
    "gru": (torch.nn.GRU, {}, 3),
}


def make_inputs(cell, size, lengths):
    g = generator(cell)
    N, T, D, H, layers = size
    scale = 1 if H == SMALL.H else 0.5  # of the weights: more units, smaller weights
    gates = CELLS[cell][2]
    states = ("h", "c") if cell == "lstm" else ("h",)

    def normal(*shape):
        return torch.randn(shape, generator=g, dtype=torch.float64)

    inputs = {"x": normal(N, T, D)}
    for layer in range(layers):
        inputs[f"weight_ih_l{layer}"] = 0.5 * scale * normal(gates * H, H if layer else D)
        inputs[f"weight_hh_l{layer}"] = 0.4 * scale * normal(gates * H, H)
        inputs[f"bias_ih_l{layer}"] = 0.3 * normal(gates * H)
        inputs[f"bias_hh_l{layer}"] = 0.3 * normal(gates * H)
        for s in states:
            inputs[f"{s}0_l{layer}"] = 0.5 * normal(N, H)
            inputs[f"d{s}_l{layer}"] = normal(N, H)
    inputs["dy"] = normal(N, T, H)
    if size is not WIDE:
        inputs["last.dy"] = normal(N, H)
    if lengths:
        inputs["lengths"] = torch.tensor(LENGTHS)
    return inputs


def compute(cell, size, inputs):
    kind, options, _ = CELLS[cell]
    _, T, D, H, layers = size
    states = ("h", "c") if cell == "lstm" else ("h",)
    net = kind(D, H, num_layers=layers, batch_first=True, dtype=inputs["x"].dtype, **options)
    net.load_state_dict({name: inputs[name] for name, _ in net.named_parameters()})
    x = inputs["x"].clone().requires_grad_()
    start = {f"{s}0_l{i}": inputs[f"{s}0_l{i}"].clone().requires_grad_() for i in range(layers) for s in states}
    stacked = tuple(torch.stack([start[f"{s}0_l{i}"] for i in range(layers)]) for s in states)

    sequence = x
    if "lengths" in inputs:
        sequence = pack_padded_sequence(x, inputs["lengths"], batch_first=True, enforce_sorted=False)
    y, final = net(sequence, stacked if len(stacked) > 1 else stacked[0])
    if "lengths" in inputs:
        y, _ = pad_packed_sequence(y, batch_first=True, total_length=T)
    final = final if isinstance(final, tuple) else (final,)

    results = {"y": y}
    state_loss = 0
    for s, value in zip(states, final):
        for i in range(layers):
            results[f"{s}_l{i}"] = value[i]
            state_loss = state_loss + (value[i] * inputs[f"d{s}_l{i}"]).sum()

    wanted = {"x": x} | dict(net.named_parameters()) | start
    losses = {"": (y * inputs["dy"]).sum() + state_loss}
    if "last.dy" in inputs:
        losses["last."] = (final[0][layers - 1] * inputs["last.dy"]).sum() + state_loss
    for prefix, loss in losses.items():
        grads = torch.autograd.grad(loss, list(wanted.values()), retain_graph=True)
        results |= {f"{prefix}d{name}": grad for name, grad in zip(wanted, grads)}
    return results


def make(filename, cell, size, lengths=False):
    about = {"made by": "make_recurrent.py", "cell": cell.split("_")[0], "layers": size.layers, "units": size.H}
    if about["cell"] == "rnn":
        about["activation"] = CELLS[cell][1]["nonlinearity"]
    build(filename, make_inputs(cell, size, lengths), lambda inputs: compute(cell, size, inputs), about)


for name in CELLS:
    make(f"{name}.safetensors", name, SMALL)
    make(f"{name}_lengths.safetensors", name, SMALL, lengths=True)
for name in ("rnn_tanh", "lstm", "gru"):
    make(f"{name}_wide.safetensors", name, WIDE)
