"""Times single ops in PyTorch, one line of JSON for each line of JSON: the peer of ops.lua, which starts it."""
import json
import statistics
import sys
import time

import torch
import torch.nn.functional as F

torch.set_grad_enabled(False)
names = {"torch": torch, "F": F}


def values(n):
    columns = 100
    names.update(x=torch.randn(n), y=torch.randn(n), positive=torch.rand(n) + 0.01, m=torch.randn(n) > 0,
                 a=torch.randn(n // columns, columns), row=torch.randn(columns), column=torch.randn(n // columns, 1))


def measure(expression, threads, seconds):
    torch.set_num_threads(threads)
    f = eval(f"lambda: {expression}", names)
    start = time.perf_counter()
    f()
    once = max(time.perf_counter() - start, 1e-7)
    block = max(1, min(1000, int(2e-4 / once)))
    times, end = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(block):
            f()
        times.append((time.perf_counter() - start) / block)
    return statistics.median(times)


for line in sys.stdin:
    task = json.loads(line)
    answer = {}
    if task["op"] == "version":
        answer["version"] = f"PyTorch {torch.__version__}"
    elif task["op"] == "values":
        values(task["n"])
    else:
        answer["median"] = measure(task["op"], task["threads"], task["seconds"])
    print(json.dumps(answer), flush=True)
