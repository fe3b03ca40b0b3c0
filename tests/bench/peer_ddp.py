"""peer_ddp.py UNITS BATCH SECONDS: what dist_step.lua does, by PyTorch: DistributedDataParallel over gloo in each of the
processes that torchrun has started, or one process by itself. BATCH is that of a process."""
import os
import sys
import time

import torch
import torch.distributed as dist
from torch import nn

units, batch, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
inputs, steps = (32, 50) if units == 32 else (64, 64)
torch.set_num_threads(1)
several = int(os.environ.get("WORLD_SIZE", "1")) > 1
if several:
    dist.init_process_group("gloo")
torch.manual_seed(1)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.out = nn.LSTM(inputs, units, batch_first=True), nn.Linear(units, 10)

    def forward(self, x):
        return self.out(self.lstm(x)[0][:, -1])


model = Model()
if several:
    model = nn.parallel.DistributedDataParallel(model)
opt = torch.optim.Adam(model.parameters())
x, y = torch.randn(batch, steps, inputs), torch.randint(0, 10, (batch,))
loss_of = nn.CrossEntropyLoss()
times, begun = [], time.perf_counter()
stop = torch.zeros(1)
while True:
    t = time.perf_counter()
    opt.zero_grad()
    loss_of(model(x), y).backward()
    opt.step()
    times.append(time.perf_counter() - t)
    if len(times) % 20 == 0:
        stop[0] = time.perf_counter() - begun > seconds
        if several:
            dist.broadcast(stop, 0)
        if stop[0]:
            break
times = sorted(times[20:])
if not several or dist.get_rank() == 0:
    print(f"{1000 * times[0]:.4f} {1000 * times[len(times) // 4]:.4f} {1000 * times[len(times) // 2]:.4f}")
