"""Times training steps of a recurrent network in PyTorch: the peer of step.lua, same case, same answer.

  python peer_torch.py '{"cell":"lstm","inputs":64,"units":256,"layers":2,"batch":32,"time":64,"last":true,"threads":1}'

A step is forward, mean squared error, backward, clipping by the norm and Adam, in single precision on the CPU, on one
fixed batch. The network is the stacked layer and Linear(units -> outputs) over the last step ("last") or every step.
Further keys: outputs (1), seconds (2.0: how long to measure after as long a warm-up, at least 10 steps each),
fused (true: PyTorch's fused Adam, the fastest it has here), layer_norm (the cell written out in a loop, as PyTorch
has none: the time of the loop, or under torch.compile when that is faster), bidirectional, lengths (packed sequences),
precision ("bf16": the network runs under torch.autocast), infer (forward alone, without gradients),
stream (one time step of the layer alone without gradients: the faster of nn.LSTM and nn.LSTMCell; timed a hundred at a
time, as looking at the clock takes long beside one). Prints one line of JSON; times are milliseconds a step, "ways" the
medians of all ways that were tried.
"""
import json
import statistics
import sys
import time

import torch

case = {"outputs": 1, "seconds": 2.0, "threads": 1, "fused": True} | json.loads(sys.argv[1])
torch.set_num_threads(case["threads"])
torch.manual_seed(1)


class NormLSTM(torch.nn.Module):
    """Ba et al. 2016, as rnnlua's layer_norm; the input product of all steps is one product here, too."""

    def __init__(self, inputs, units):
        super().__init__()
        self.units = units
        self.w = torch.nn.Linear(inputs, 4 * units)
        self.u = torch.nn.Linear(units, 4 * units, bias=False)
        self.norm_w, self.norm_u = torch.nn.LayerNorm(4 * units), torch.nn.LayerNorm(4 * units)
        self.norm_c = torch.nn.LayerNorm(units)

    def forward(self, x):
        sums = self.norm_w(self.w(x))
        h = c = x.new_zeros(x.shape[0], self.units)
        steps = []
        for t in range(x.shape[1]):
            i, f, g, o = (sums[:, t] + self.norm_u(self.u(h))).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * self.norm_c(c).tanh()
            steps.append(h)
        return torch.stack(steps, 1), (h, c)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        kind = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[case["cell"]]
        both = case.get("bidirectional", False)
        if case.get("layer_norm"):
            self.cell = NormLSTM(case["inputs"], case["units"])
        else:
            self.cell = kind(case["inputs"], case["units"], num_layers=case["layers"], batch_first=True,
                             bidirectional=both)
        self.head = torch.nn.Linear(case["units"] * (2 if both else 1), case["outputs"])

    def forward(self, x):
        if "lengths" in case:
            packed = torch.nn.utils.rnn.pack_padded_sequence(x, case["lengths"], batch_first=True, enforce_sorted=False)
            _, (h, _) = self.cell(packed)
            return self.head(torch.cat([h[0], h[1]], 1))
        y, _ = self.cell(x)
        return self.head(y[:, -1] if case["last"] else y)


net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=case["fused"])
shape = [case["batch"]] if case["last"] else [case["batch"], case["time"]]
x, target = torch.randn(case["batch"], case["time"], case["inputs"]), torch.randn(*shape, case["outputs"])


def answer():
    """What the network gives, in bf16 where that is asked for."""
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=case.get("precision") == "bf16"):
        return net(x).float()


def step():
    optimizer.zero_grad()
    loss = torch.nn.functional.mse_loss(answer(), target)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimizer.step()
    return loss


def streams():
    """The ways to run one step; each keeps its state."""
    lstm = torch.nn.LSTM(case["inputs"], case["units"], batch_first=True)
    cell = torch.nn.LSTMCell(case["inputs"], case["units"])
    whole, one, state = x[:, :1], x[:, 0], {}

    low = {"device_type": "cpu", "dtype": torch.bfloat16, "enabled": case.get("precision") == "bf16"}

    def by_layer():
        with torch.autocast(**low):
            _, state["layer"] = lstm(whole, state.get("layer"))

    def by_cell():
        with torch.autocast(**low):
            state["cell"] = cell(one, state.get("cell"))

    return {"layer": by_layer, "cell": by_cell}


BLOCK = 100 if case.get("stream") else 1


def measure(step):
    times, end = [], time.perf_counter() + case["seconds"]
    while len(times) < 10 or time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(BLOCK):
            step()
        times.append(1e3 * (time.perf_counter() - start) / BLOCK)
    return times


def measure_all(ways):
    results = {}
    for name, way in ways.items():
        try:
            measure(way)
            results[name] = measure(way)
        except Exception as error:  # torch.compile needs a compiler that may not be there
            print(f"{name}: {error}", file=sys.stderr)
    return results


ways = {"loop" if case.get("layer_norm") else "plain": step}
if case.get("stream"):
    torch.set_grad_enabled(False)
    ways = streams()
elif case.get("infer"):
    torch.set_grad_enabled(False)
    ways = {"plain": answer}
elif case.get("layer_norm"):
    compiled = torch.compile(net)

    def step_compiled():
        global net
        net = compiled
        return step()

    ways["compiled"] = step_compiled
results = measure_all(ways)
times = min(results.values(), key=statistics.median)
print(json.dumps({"system": f"PyTorch {torch.__version__}", "threads": torch.get_num_threads(), "steps": len(times),
                  "median": statistics.median(times), "min": min(times), "max": max(times),
                  "ways": {name: statistics.median(measured) for name, measured in results.items()}}))
