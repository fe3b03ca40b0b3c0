"""schedules.json: learning rates of PyTorch's schedulers, before each step, for schedules_spec.lua.

Every case starts from lr 0.5 and is a list of the rates at t = 0, 1, 2 ... The plateau's is of the losses in "losses",
in which each rate is the one after that loss was seen. Averages: "average" are the values of one weight, averaged
by torch.optim.swa_utils with decay 0.9, after each of the weights "weights".
"""
import json
import os

import torch
from torch.optim import lr_scheduler as s

LR, STEPS = 0.5, 24
LOSSES = [5, 4, 4, 4, 4, 3.99, 3.99, 3, 3.5, 3.5, 3.5, 3.5, 3.5, 3.5, 3.5, 2, 2, 2, 2, 2, 2, 2, 2, 2]
WEIGHTS = [1.0, 0.5, 2.0, -1.0, 4.0, 4.0]


def rates(make):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=LR)
    scheduler, result = make(optimizer), []
    for _ in range(STEPS):
        result.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return result


def plateau(**options):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=LR)
    scheduler, result = s.ReduceLROnPlateau(optimizer, threshold_mode="abs", **options), []
    for loss in LOSSES:
        scheduler.step(loss)
        result.append(optimizer.param_groups[0]["lr"])
    return result


def average():
    weight = torch.nn.Linear(1, 1, bias=False).double()
    model = torch.optim.swa_utils.AveragedModel(weight, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9))
    result = []
    for value in WEIGHTS:
        with torch.no_grad():
            weight.weight.fill_(value)
        model.update_parameters(weight)
        result.append(model.module.weight.item())
    return result


def warm_cosine(o):
    warm = s.LinearLR(o, start_factor=0.1, total_iters=5)
    return s.SequentialLR(o, [warm, s.CosineAnnealingLR(o, T_max=STEPS - 5, eta_min=LR * 0.02)], milestones=[5])


result = {
    "torch": torch.__version__,
    "step": rates(lambda o: s.StepLR(o, step_size=5, gamma=0.3)),
    "exponential": rates(lambda o: s.ExponentialLR(o, gamma=0.9)),
    "cosine": rates(lambda o: s.CosineAnnealingLR(o, T_max=STEPS, eta_min=LR * 0.01)),
    "warmup": rates(lambda o: s.LinearLR(o, start_factor=0.1, total_iters=7)),
    "warm_cosine": rates(warm_cosine),
    "one_cycle": rates(lambda o: s.OneCycleLR(o, max_lr=LR, total_steps=STEPS + 1, pct_start=0.3, div_factor=25,
                                              final_div_factor=1e4, cycle_momentum=False)),
    "own": rates(lambda o: s.LambdaLR(o, lambda t: 1 / (1 + t))),
    "losses": LOSSES,
    "plateau": plateau(factor=0.5, patience=2, threshold=0.05, cooldown=2, min_lr=0.05),
    "plateau_plain": plateau(factor=0.1, patience=1, threshold=0),
    "weights": WEIGHTS,
    "average": average(),
}
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "schedules.json")
with open(path, "w") as file:
    json.dump(result, file)
    file.write("\n")
