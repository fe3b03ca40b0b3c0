"""Times training steps of a recurrent network in PyTorch: the peer of step.lua, same case, same answer.

  python peer_torch.py '{"cell":"lstm","inputs":64,"units":256,"layers":2,"batch":32,"time":64,"last":true,"threads":1}'

A step is forward, mean squared error, backward, clipping by the norm and Adam, in single precision on the CPU, on one
fixed batch. The network is the stacked layer and Linear(units -> outputs) over the last step ("last") or every step.
Further keys: outputs (1), seconds (2.0: how long to measure after as long a warm-up, at least 10 steps each),
fused (true: PyTorch's fused Adam, the fastest it has here). Prints one line of JSON; times are milliseconds a step.
"""
import json
import statistics
import sys
import time

import torch

case = {"outputs": 1, "seconds": 2.0, "threads": 1, "fused": True} | json.loads(sys.argv[1])
torch.set_num_threads(case["threads"])
torch.manual_seed(1)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        kind = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[case["cell"]]
        self.cell = kind(case["inputs"], case["units"], num_layers=case["layers"], batch_first=True)
        self.head = torch.nn.Linear(case["units"], case["outputs"])

    def forward(self, x):
        y, _ = self.cell(x)
        return self.head(y[:, -1] if case["last"] else y)


net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=case["fused"])
shape = [case["batch"]] if case["last"] else [case["batch"], case["time"]]
x, target = torch.randn(case["batch"], case["time"], case["inputs"]), torch.randn(*shape, case["outputs"])


def step():
    optimizer.zero_grad()
    loss = torch.nn.functional.mse_loss(net(x), target)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimizer.step()
    return loss


def measure():
    times, end = [], time.perf_counter() + case["seconds"]
    while len(times) < 10 or time.perf_counter() < end:
        start = time.perf_counter()
        step()
        times.append(1e3 * (time.perf_counter() - start))
    return times


measure()
times = measure()
print(json.dumps({"system": f"PyTorch {torch.__version__}", "threads": torch.get_num_threads(), "steps": len(times),
                  "median": statistics.median(times), "min": min(times), "max": max(times), "loss": step().item()}))
