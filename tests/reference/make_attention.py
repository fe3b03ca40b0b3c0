"""attention.safetensors: attention over padded memories: contexts, weights, and every gradient.

Tensor "score.name" belongs to a score: "multiplicative" is q . W k (Luong et al. 2015, "general"), "additive" is
v . tanh(W q + U k + b) (Bahdanau et al. 2015). q (N, T, Q), m (N, S, K), lengths (N) of the memory, and the parameters
are inputs; context, weights and, as "score.d_name", the gradients of sum(context r) + sum(weights s) are results.
"""
import torch

from common import build, generator

N, T, S, Q, K, A = 3, 4, 5, 6, 7, 3
PARAMETERS = {
    "multiplicative": {"key.weight": (Q, K)},
    "additive": {"query.weight": (A, Q), "key.weight": (A, K), "key.bias": (A,), "energy.weight": (1, A)},
}

g = generator("attention")
inputs = {"lengths": torch.tensor([5, 2, 3])}
for score, parameters in PARAMETERS.items():
    for name, shape in {"q": (N, T, Q), "m": (N, S, K), "r": (N, T, K), "s": (N, T, S), **parameters}.items():
        inputs[f"{score}.{name}"] = torch.randn(shape, generator=g, dtype=torch.float64)


def compute(given):
    results = {}
    for score, parameters in PARAMETERS.items():
        p = {name: given[f"{score}.{name}"].clone().requires_grad_() for name in ["q", "m", *parameters]}
        q, m = p["q"], p["m"]
        if score == "multiplicative":
            energy = q @ (m @ p["key.weight"].T).transpose(1, 2)
        else:
            sums = (q @ p["query.weight"].T)[:, :, None] + (m @ p["key.weight"].T + p["key.bias"])[:, None]
            energy = torch.tanh(sums) @ p["energy.weight"][0]
        valid = torch.arange(S) < given["lengths"][:, None]
        weights = torch.softmax(energy.masked_fill(~valid[:, None], float("-inf")), -1)
        context = weights @ m
        ((context * given[f"{score}.r"]).sum() + (weights * given[f"{score}.s"]).sum()).backward()
        results |= {f"{score}.context": context.detach(), f"{score}.weights": weights.detach()}
        results |= {f"{score}.d_{name}": t.grad for name, t in p.items()}
    return results


build("attention.safetensors", inputs, compute, {"units": A})
