"""layers.safetensors: options of PyTorch's own layers that the engine also has: projection, both directions, packed
sequences, and these together.

Each case is a set of tensors "case.name" (N=4, T=6, D=3, H=5, two layers; gates in PyTorch's order):
  weight_ih_l0, weight_hr_l0, weight_ih_l0_reverse ... the parameters of the whole layer, under PyTorch's names
  x (N, T, D); lengths (N) in the cases "..._packed", where x is random in the padding, too
  y (N, T, outputs), 0 in the padding; state.1, state.2 ...: h of each layer and direction, for the LSTM h, c, h, c ...
  dy and dstate.1 ...: the given gradients; dx, dweight_ih_l0 ...: those of loss = <y, dy> + <state.1, dstate.1> + ...
"""
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from common import build, generator

N, T, D, H = 4, 6, 3, 5
LENGTHS = [6, 1, 4, 3]
KINDS = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
CASES = {
    "lstm_projection": ("lstm", {"proj_size": 2}),
    "lstm_projection_packed": ("lstm", {"proj_size": 2}),
    "rnn_bidirectional": ("rnn", {"bidirectional": True}),
    "rnn_bidirectional_packed": ("rnn", {"bidirectional": True}),
    "lstm_bidirectional": ("lstm", {"bidirectional": True}),
    "lstm_bidirectional_packed": ("lstm", {"bidirectional": True}),
    "gru_bidirectional": ("gru", {"bidirectional": True}),
    "gru_bidirectional_packed": ("gru", {"bidirectional": True}),
    "lstm_projection_bidirectional_packed": ("lstm", {"proj_size": 2, "bidirectional": True}),
}


def net_of(case, dtype=torch.float64):
    cell, options = CASES[case]
    return KINDS[cell](D, H, num_layers=2, batch_first=True, dtype=dtype, **options)


def make_inputs():
    inputs = {}
    for case, (cell, options) in CASES.items():
        g = generator(case)

        def normal(*shape):
            return 0.5 * torch.randn(shape, generator=g, dtype=torch.float64)

        net = net_of(case)
        for name, p in net.named_parameters():
            inputs[f"{case}.{name}"] = normal(*p.shape)
        inputs[f"{case}.x"] = 2 * normal(N, T, D)
        if case.endswith("_packed"):
            inputs[f"{case}.lengths"] = torch.tensor(LENGTHS)
        directions = 2 if options.get("bidirectional") else 1
        width = options.get("proj_size", H)
        inputs[f"{case}.dy"] = normal(N, T, width * directions)
        sizes = (width, H) if cell == "lstm" else (width,)
        for i in range(2 * directions * len(sizes)):
            inputs[f"{case}.dstate.{i + 1}"] = normal(N, sizes[i % len(sizes)])
    return inputs


def compute(inputs):
    results = {}
    for case in CASES:
        own = {k[len(case) + 1:]: v for k, v in inputs.items() if k.startswith(case + ".")}
        net = net_of(case, own["x"].dtype)
        net.load_state_dict({name: own[name] for name, _ in net.named_parameters()})
        x = own["x"].clone().requires_grad_()
        sequence = x
        if "lengths" in own:
            sequence = pack_padded_sequence(x, own["lengths"], batch_first=True, enforce_sorted=False)
        y, final = net(sequence)
        if "lengths" in own:
            y, _ = pad_packed_sequence(y, batch_first=True, total_length=T)
        final = final if isinstance(final, tuple) else (final,)
        states = [part[i] for i in range(final[0].shape[0]) for part in final]
        loss = (y * own["dy"]).sum()
        results[f"{case}.y"] = y
        for i, state in enumerate(states):
            results[f"{case}.state.{i + 1}"] = state
            loss = loss + (state * own[f"dstate.{i + 1}"]).sum()
        wanted = {"x": x} | dict(net.named_parameters())
        grads = torch.autograd.grad(loss, list(wanted.values()))
        results |= {f"{case}.d{name}": grad for name, grad in zip(wanted, grads)}
    return results


build("layers.safetensors", make_inputs(), compute, {"made by": "make_layers.py"})
