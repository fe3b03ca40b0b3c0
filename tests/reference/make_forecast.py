"""forecast.json: what baselines, measures and distributions are compared with.

    python3 -m venv env && env/bin/pip install numpy scipy && env/bin/python make_forecast.py

Naive2, SES and Theta follow the R code of the M4 organisers (Mcompetitions/M4-methods, "4Theta method.R" and
"Benchmarks and Evaluation.R"): SeasonalityTest, decompose(type = "multiplicative"), OWA from sMAPE and MASE. CRPS are the
formulas of scoringRules (crps_norm, crps_sample by its definition as two expectations), the interval score that of
Gneiting and Raftery 2007. The distributions are those of SciPy.
"""
import json
import os

import numpy as np
import scipy
from scipy import optimize, stats

HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(20240414)


def is_seasonal(x, m):
    """SeasonalityTest of M4: the autocorrelation at lag m against 1.645 times its standard error."""
    if m < 2 or len(x) < 3 * m:
        return False
    d = x - x.mean()
    acf = np.array([(d[k:] * d[:len(d) - k]).sum() for k in range(m + 1)]) / (d * d).sum()
    return abs(acf[m]) > 1.645 / np.sqrt(len(x)) * np.sqrt(1 + 2 * (acf[1:m] ** 2).sum())


def indices(x, m):
    """R's decompose(type = "multiplicative")$figure."""
    weights = np.ones(m) / m if m % 2 else np.r_[0.5, np.ones(m - 1), 0.5] / m
    half = m // 2
    trend = np.convolve(x, weights, mode="valid")
    ratio = x[half:half + len(trend)] / trend
    figure = np.array([ratio[(np.arange(len(ratio)) + half) % m == k].mean() for k in range(m)])
    return figure / figure.mean()


def ses(x):
    def error(a):
        level, total = x[0], 0.0
        for v in x[1:]:
            total += (v - level) ** 2
            level += a * (v - level)
        return total

    a = optimize.minimize_scalar(error, bounds=(1e-4, 1 - 1e-4), method="bounded", options=dict(xatol=1e-9)).x
    level = x[0]
    for v in x[1:]:
        level += a * (v - level)
    return level


def methods(x, h, m):
    s = indices(x, m) if is_seasonal(x, m) else np.ones(1)
    at = lambda t: s[np.asarray(t) % len(s)]
    t, ahead = np.arange(len(x)), len(x) + np.arange(h)
    y = x / at(t)
    slope, constant = np.polyfit(t, y, 1)
    line = constant + slope * ahead
    theta = (ses(2 * y - (constant + slope * t)) + line) / 2
    return dict(last=np.full(h, x[-1]), seasonal=x[len(x) - m + np.arange(h) % m],
                drift=x[-1] + (1 + np.arange(h)) * (x[-1] - x[0]) / (len(x) - 1), naive2=y[-1] * at(ahead),
                smoothing=ses(y) * at(ahead), theta=theta * at(ahead))


def smape(f, y):
    return (200 * abs(f - y) / (abs(f) + abs(y))).mean()


def mase(f, y, x, m):
    return np.mean([abs(a - b).mean() / abs(h[m:] - h[:-m]).mean() for a, b, h in zip(f, y, x)])


def series_case(m, h, seasonal):
    t = np.arange(12 * m + h)
    every = []
    for _ in range(3):
        x = 50 + 0.1 * t + rng.normal(size=len(t)).cumsum() * 0.3 + rng.normal(size=len(t))
        every.append(x * (1 + 0.3 * np.sin(2 * np.pi * (t % m) / m)) if seasonal else x)
    every = np.array(every)
    x, y = every[:, :-h], every[:, -h:]
    each = [methods(row, h, m) for row in x]
    forecasts = {name: np.array([one[name] for one in each]) for name in each[0]}
    f = y + rng.normal(size=y.shape)
    owa = (smape(f, y) / smape(forecasts["naive2"], y) + mase(f, y, x, m) / mase(forecasts["naive2"], y, x, m)) / 2
    return dict(season=m, horizon=h, history=x.tolist(), actual=y.tolist(), forecast=f.tolist(), owa=owa,
                smape=smape(f, y), mase=mase(f, y, x, m), forecasts={k: v.tolist() for k, v in forecasts.items()})


def scores():
    y = rng.normal(size=(4, 3)) * 2
    mean, sd = rng.normal(size=(4, 3)), rng.uniform(0.5, 2, size=(4, 3))
    z = (y - mean) / sd
    crps_norm = sd * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi))
    samples = rng.normal(size=(4, 3, 9))
    crps_sample = abs(samples - y[..., None]).mean(-1) - abs(samples[..., None] - samples[..., None, :]).mean((-1, -2)) / 2
    q = np.array([0.1, 0.25, 0.5, 0.9])
    quantiles = np.sort(rng.normal(size=(4, 3, 4)), -1)
    e = y[..., None] - quantiles
    pinball = np.maximum(q * e, (q - 1) * e).mean()
    low, high = quantiles[..., 0], quantiles[..., -1]
    alpha = 0.2
    score = (high - low + 2 / alpha * np.maximum(low - y, 0) + 2 / alpha * np.maximum(y - high, 0)).mean()
    return dict(actual=y.tolist(), mean=mean.tolist(), deviation=sd.tolist(), crps_gaussian=crps_norm.mean(),
                samples=samples.tolist(), crps=crps_sample.mean(), q=q.tolist(), quantiles=quantiles.tolist(),
                pinball=pinball, coverage=((low <= y) & (y <= high)).mean(), width=(high - low).mean(),
                interval_score=score)


def distributions():
    location, scale, freedom = rng.normal(size=(20,)), rng.uniform(0.2, 3, 20), rng.uniform(2.1, 40, 20)
    y = rng.normal(size=20) * 4
    mean, dispersion = rng.uniform(0.2, 50, 20), rng.uniform(0.05, 3, 20)
    counts = rng.integers(0, 80, 20)
    r = 1 / dispersion
    levels = [0.001, 0.05, 0.3, 0.5, 0.9, 0.999]
    return dict(
        location=location.tolist(), scale=scale.tolist(), freedom=freedom.tolist(), y=y.tolist(),
        student_t_nll=(-stats.t.logpdf(y, freedom, location, scale)).tolist(),
        mean=mean.tolist(), dispersion=dispersion.tolist(), counts=counts.tolist(),
        negative_binomial_nll=(-stats.nbinom.logpmf(counts, r, r / (r + mean))).tolist(), levels=levels,
        normal_quantiles=stats.norm.ppf(levels).tolist(),
        student_t_quantiles=[stats.t.ppf(q, freedom).tolist() for q in levels],
        negative_binomial_quantiles=[stats.nbinom.ppf(q, r, r / (r + mean)).tolist() for q in levels])


with open(os.path.join(HERE, "forecast.json"), "w") as file:
    json.dump(dict(about=dict(numpy=np.__version__, scipy=scipy.__version__),
                   series=[series_case(7, 10, True), series_case(12, 5, True), series_case(7, 9, False)],
                   scores=scores(), distributions=distributions()), file)
    file.write("\n")
