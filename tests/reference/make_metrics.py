"""metrics.json: accuracy, top-k, confusion matrix, precision, recall, F1 by scikit-learn; sMAPE and MASE by NumPy.

    python3 -m venv env && env/bin/pip install scikit-learn==1.9.1 numpy && env/bin/python make_metrics.py
"""
import json
import os

import numpy as np
import sklearn
from sklearn import metrics as sk

HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(20240229)


def labels_case(n, classes, used):
    """Labels and answers among the first `used` classes; logits whose largest is the answer."""
    logits = rng.normal(size=(n, classes))
    logits[:, used:] -= 100
    labels = rng.integers(0, used, n)
    answers = logits.argmax(1)
    every = list(range(classes))
    return dict(
        classes=classes, logits=logits.tolist(), labels=(labels + 1).tolist(), answers=(answers + 1).tolist(),
        accuracy=sk.accuracy_score(labels, answers),
        top_2=sk.top_k_accuracy_score(labels, logits, k=2, labels=every),
        confusion=sk.confusion_matrix(labels, answers, labels=every).tolist(),
        precision=sk.precision_score(labels, answers, labels=every, average=None, zero_division=0).tolist(),
        recall=sk.recall_score(labels, answers, labels=every, average=None, zero_division=0).tolist(),
        f1=sk.f1_score(labels, answers, labels=every, average=None, zero_division=0).tolist(),
        macro=sk.f1_score(labels, answers, average="macro", zero_division=0),
        micro=sk.f1_score(labels, answers, average="micro"), nats=sk.log_loss(labels, softmax(logits), labels=every))


def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def forecast_case(series, steps, season):
    history = rng.normal(size=(series, 30)) + 5
    lengths = rng.integers(season + 1, 31, series)
    actual, forecast = rng.normal(size=(2, series, steps)) * 3
    scaled = [np.abs(forecast[n] - actual[n]).mean() / np.abs(np.subtract(h[season:], h[:-season])).mean()
              for n, h in enumerate(history[n, :lengths[n]] for n in range(series))]
    smape = (200 * np.abs(forecast - actual) / (np.abs(forecast) + np.abs(actual))).mean()
    return dict(history=history.tolist(), lengths=lengths.tolist(), actual=actual.tolist(), forecast=forecast.tolist(),
                season=season, mase=float(np.mean(scaled)), smape=float(smape),
                mae=float(np.abs(forecast - actual).mean()))


cases = dict(labels=[labels_case(40, 4, 4), labels_case(7, 3, 2), labels_case(300, 11, 10)],
             forecasts=[forecast_case(5, 6, 1), forecast_case(3, 4, 7)])
with open(os.path.join(HERE, "metrics.json"), "w") as file:
    json.dump(dict(about=dict(sklearn=sklearn.__version__), **cases), file)
    file.write("\n")
