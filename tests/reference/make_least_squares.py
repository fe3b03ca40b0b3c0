"""least_squares.json: linear forecasts by SciPy's lstsq, for windows of series that the spec makes again.

    python3 -m venv env && env/bin/pip install scipy==1.17.1 numpy && env/bin/python make_least_squares.py

Series are of whole numbers and products, so that Lua gets the same bits; "float" holds what comes of series rounded to
single precision. Columns are centred and divided by their largest distance from the mean, as the core does: it decides
which of several solutions has the least weights. Errors are of the last quarter, models of the rest.
"""
import json
import os

import numpy as np
import scipy
from scipy.linalg import lstsq

HERE = os.path.dirname(os.path.abspath(__file__))


def noise(n, seed):
    """Numbers in 0..1 from a linear congruential generator."""
    out = np.empty(n)
    for t in range(n):
        seed = (seed * 1103515245 + 12345) % 2147483648
        out[t] = seed / 2147483648
    return out


def series(kind, n):
    """Columns of a series (n, D); the first one is to be forecast."""
    t, e = np.arange(n, dtype=float), noise(n, 7)
    season = noise(24, 11)[np.arange(n) % 24] + noise(168, 13)[np.arange(n) % 168]
    return np.stack({
        "trending": [0.37 * t + e],
        "trending_exact": [0.375 * t],
        "seasonal": [season + 0.25 * e],
        "seasonal_exact": [season],
        "level": [1000 + season + 0.25 * e],
        "constant": [0 * t + 5.1],
        "constant_then_not": [np.where(t < n * 0.75, 5.1, 5.1 + e)],
        "collinear": [season + 0.25 * e, 3 * (season + 0.25 * e) + 1, 0 * t + 2],
        "huge": [1e30 * (season + 0.25 * e)],
        "tiny": [1e-30 * (season + 0.25 * e)],
        "both": [1e-20 * (season + 0.25 * e), 1e20 * e],
        "slow": [(t % 400) * (400 - t % 400) / 40000 + 0.001 * e],
    }[kind], 1)


def windows(s, width):
    x = np.lib.stride_tricks.sliding_window_view(s, width, 0).transpose(0, 2, 1)[:-1]
    return x.reshape(len(x), -1), s[width:, :1]


def fit(kind, n, width, dtype):
    s = series(kind, n).astype(dtype).astype(float)
    cut = n * 3 // 4
    (x, y), (new_x, new_y) = windows(s[:cut], width), windows(s[cut:], width)
    mean, offset = x.mean(0), y.mean(0)
    constant = x.max(0) == x.min(0)
    mean[constant] = x[0, constant]  # without what rounding adds
    scale = np.where(constant, 1, np.abs(x - mean).max(0))
    said = (new_x - mean) / scale @ lstsq((x - mean) / scale, y - offset, cond=1e-10)[0] + offset
    return dict(mae=np.abs(said - new_y).mean(), said=said[:3, 0].tolist())


cases = []
for kind, n, width in ([(k, 4000, w) for k in ("trending", "seasonal") for w in (8, 24, 168, 336, 512)] +
                       [("trending_exact", 2000, 168), ("seasonal_exact", 2000, 336), ("level", 3000, 168),
                        ("constant", 1000, 64), ("constant_then_not", 1000, 64), ("collinear", 2000, 100),
                        ("huge", 2000, 168), ("tiny", 2000, 168), ("both", 2000, 24), ("slow", 3000, 168),
                        ("seasonal", 300, 70), ("seasonal", 200, 48), ("seasonal", 12, 2)]):
    cases.append(dict(kind=kind, n=n, width=width, float=fit(kind, n, width, np.float32),
                      double=fit(kind, n, width, np.float64), size=float(np.abs(series(kind, n)[:, 0]).max())))
    print(kind, n, width, cases[-1]["float"]["mae"], cases[-1]["double"]["mae"])
with open(os.path.join(HERE, "least_squares.json"), "w") as file:
    json.dump(dict(about=dict(scipy=scipy.__version__, numpy=np.__version__), cases=cases), file)
    file.write("\n")
