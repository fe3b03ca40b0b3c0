"""optim.safetensors: twenty steps of every optimiser on given gradients, and clipping by the norm.

Two parameters, p1 (3, 4) and p2 (5), and their gradients g1 (20, 3, 4), g2 (20, 5), one for each step; they do not
depend on the parameters. "case.p1" (20, 3, 4) and "case.p2" are the parameters after every step. Options of the cases,
in the names of rnn.core.optimizer_step, are in the metadata under "cases". Conventions:

  sgd      v = momentum v + g;  p -= lr v, or with nesterov p -= lr (g + momentum v)
  rmsprop  s = beta2 s + (1 - beta2) g^2;  u = g / (sqrt(s) + epsilon);  with momentum v = momentum v + u, p -= lr v.
           beta2 is PyTorch's alpha. epsilon is outside of the root (Keras 3 has it inside).
  adam     epsilon is added to sqrt(v / (1 - beta2^t))
  nadam    mu_t = beta1 (1 - 0.5 * 0.96^(0.004 t)), as in PyTorch and in the paper; Keras 3 has 0.96^t
  weight_decay is added to the gradient, g + weight_decay p, in all but adamw, where p shrinks by lr * weight_decay
           before the step (Loshchilov, Hutter 2019).

Clipping: "clip.g1", "clip.g2" are gradients, clip.norm their common norm, clip.max_norm a limit below and
clip.loose_max_norm one above it; clip.clipped1 and clip.clipped2 are the gradients scaled to exactly clip.max_norm.
torch.nn.utils.clip_grad_norm_ divides by norm + 1e-6 instead; this program checks that it agrees to that extent.
"""
import torch

from common import build, generator

STEPS = 20
torch.set_default_dtype(torch.float64)  # or else NAdam keeps its product of mu_t in single precision

CASES = {
    "sgd": {"kind": "sgd", "lr": 0.05},
    "sgd_momentum": {"kind": "sgd", "lr": 0.05, "momentum": 0.9},
    "sgd_nesterov": {"kind": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": True},
    "sgd_weight_decay": {"kind": "sgd", "lr": 0.05, "momentum": 0.8, "weight_decay": 0.1},
    "rmsprop": {"kind": "rmsprop", "lr": 0.01, "beta2": 0.9, "epsilon": 1e-7},
    "rmsprop_momentum": {"kind": "rmsprop", "lr": 0.01, "beta2": 0.99, "epsilon": 1e-3, "momentum": 0.9},
    "rmsprop_weight_decay": {"kind": "rmsprop", "lr": 0.01, "beta2": 0.9, "epsilon": 1e-7, "weight_decay": 0.1},
    "adam": {"kind": "adam", "lr": 0.01, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
    "adam_epsilon": {"kind": "adam", "lr": 0.02, "beta1": 0.8, "beta2": 0.95, "epsilon": 0.1},
    "adam_weight_decay": {"kind": "adam", "lr": 0.01, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8,
                          "weight_decay": 0.1},
    "adamw": {"kind": "adamw", "lr": 0.01, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0.1},
    "nadam": {"kind": "nadam", "lr": 0.01, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
    "nadam_weight_decay": {"kind": "nadam", "lr": 0.01, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8,
                           "weight_decay": 0.1},
    "nadam_beta1": {"kind": "nadam", "lr": 0.01, "beta1": 0.99, "beta2": 0.95, "epsilon": 1e-3},
}


def make_optimizer(params, o):
    decay = o.get("weight_decay", 0.0)
    if o["kind"] == "sgd":
        return torch.optim.SGD(params, lr=o["lr"], momentum=o.get("momentum", 0.0), nesterov=o.get("nesterov", False),
                               weight_decay=decay)
    if o["kind"] == "rmsprop":
        return torch.optim.RMSprop(params, lr=o["lr"], alpha=o["beta2"], eps=o["epsilon"],
                                   momentum=o.get("momentum", 0.0), weight_decay=decay)
    betas = (o["beta1"], o["beta2"])
    if o["kind"] == "nadam":
        return torch.optim.NAdam(params, lr=o["lr"], betas=betas, eps=o["epsilon"], weight_decay=decay)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[o["kind"]]
    return kind(params, lr=o["lr"], betas=betas, eps=o["epsilon"], weight_decay=decay)


def trajectory(a, options):
    params = [torch.nn.Parameter(a["p1"].clone()), torch.nn.Parameter(a["p2"].clone())]
    optimizer = make_optimizer(params, options)
    history = [[], []]
    for step in range(STEPS):
        params[0].grad, params[1].grad = a["g1"][step].clone(), a["g2"][step].clone()
        optimizer.step()
        for past, p in zip(history, params):
            past.append(p.detach().clone())
    return torch.stack(history[0]), torch.stack(history[1])


def clip(a):
    """The norm and the exactly scaled gradients."""
    grads, limit = [a["clip.g1"], a["clip.g2"]], a["clip.max_norm"]
    norm = torch.nn.utils.get_total_norm(grads)
    assert limit < norm < a["clip.loose_max_norm"]
    exact = [grad * (limit / norm) for grad in grads]

    params = [torch.nn.Parameter(torch.zeros_like(grad)) for grad in grads]
    for p, grad in zip(params, grads):
        p.grad = grad.clone()
    torch.nn.utils.clip_grad_norm_(params, limit.item())
    for p, want in zip(params, exact):
        torch.testing.assert_close(p.grad, want, rtol=2e-6, atol=0)
    return norm, exact


def compute(a):
    results = {}
    for case, options in CASES.items():
        results[f"{case}.p1"], results[f"{case}.p2"] = trajectory(a, options)
    results["clip.norm"], (results["clip.clipped1"], results["clip.clipped2"]) = clip(a)
    return results


g = generator("optim")


def normal(*shape):
    return torch.randn(shape, generator=g, dtype=torch.float64)


# The parameters start near 0, so that what is compared is nearly all of it the way that the optimiser went.
build("optim.safetensors", {
    "p1": 0.02 * normal(3, 4), "p2": 0.02 * normal(5),
    "g1": 0.5 * normal(STEPS, 3, 4) + 0.2, "g2": 0.5 * normal(STEPS, 5) - 0.3,
    "clip.g1": normal(3, 4), "clip.g2": normal(5), "clip.max_norm": torch.tensor(1.5, dtype=torch.float64),
    "clip.loose_max_norm": torch.tensor(50.0, dtype=torch.float64),
}, compute, {"made by": "make_optim.py", "cases": CASES})
