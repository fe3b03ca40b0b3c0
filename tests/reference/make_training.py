"""training.safetensors: ten steps of training of a small forecaster, from given weights on fixed data.

LSTM(3 -> 5), two layers, returning sequences, then Linear(5 -> 2); mean squared error over all steps of a batch of 4
sequences of 6; gradients clipped to the norm max_norm, scaled to exactly it (see make_optim.py); Adam. All ten steps
take the same batch and start from the zero state. Options are in the metadata.

  x (4, 6, 3), target (4, 6, 2)
  start.lstm.weight_ih_l0 ... start.lstm.bias_hh_l1, start.head.weight, start.head.bias
  losses (10), norms (10): before each step, norms before the clipping
  final.lstm.weight_ih_l0 ...: after the tenth step

One wrong sign in a forward, backward, clipping or update shows here within a few steps.
"""
import torch

from common import build, generator

N, T, D, H, OUT, LAYERS, STEPS = 4, 6, 3, 5, 2, 2, 10
MAX_NORM = 0.5
# A larger epsilon than usual: with 1e-8, gradients near 0 would blow the rounding of single precision up to 2e-5.
ADAM = {"lr": 0.02, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-5}


class Forecaster(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = torch.nn.LSTM(D, H, num_layers=LAYERS, batch_first=True)
        self.head = torch.nn.Linear(H, OUT)

    def forward(self, x):
        return self.head(self.lstm(x)[0])


def make_inputs():
    g = generator("training")

    def normal(*shape):
        return torch.randn(shape, generator=g, dtype=torch.float64)

    inputs = {"x": normal(N, T, D), "target": normal(N, T, OUT)}
    for name, p in Forecaster().named_parameters():
        inputs[f"start.{name}"] = 0.5 * normal(*p.shape)
    return inputs


def compute(inputs):
    model = Forecaster().to(inputs["x"].dtype)
    model.load_state_dict({name: inputs[f"start.{name}"] for name, _ in model.named_parameters()})
    params = list(model.parameters())
    optimizer = torch.optim.Adam(params, lr=ADAM["lr"], betas=(ADAM["beta1"], ADAM["beta2"]), eps=ADAM["epsilon"])
    losses, norms = [], []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(inputs["x"]), inputs["target"])
        loss.backward()
        norm = torch.nn.utils.get_total_norm([p.grad for p in params])
        if norm > MAX_NORM:
            for p in params:
                p.grad *= MAX_NORM / norm
        optimizer.step()
        losses.append(loss.detach())
        norms.append(norm)
    results = {"losses": torch.stack(losses), "norms": torch.stack(norms)}
    assert results["norms"].min() < MAX_NORM < results["norms"].max(), "some steps clip, some do not"
    return results | {f"final.{name}": p for name, p in model.named_parameters()}


build("training.safetensors", make_inputs(), compute,
      {"made by": "make_training.py", "adam": ADAM, "max_norm": MAX_NORM, "units": H, "layers": LAYERS, "steps": STEPS})
