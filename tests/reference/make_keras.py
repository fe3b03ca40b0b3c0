"""keras.safetensors: what only Keras has, or has first: the GRU reset before and after the product, masks, layers that
keep their state from call to call (stateful).

Each case is a set of tensors "case.name" (N=4, T=6, D=3, H=5), all weights already in our layout (rows are gates, in the
order i f g o and r z n; Keras has columns, i f c o and z r h):
  weight_ih, weight_hh, bias_ih, bias_hh   bias_hh only for gru_after, whose second bias acts inside the reset
  x (N, T, D); lengths (N) in the cases "..._masked": the mask is True up to there; x is random in the padding, too
  y (N, T, H): every output, 0 in the padding (Keras repeats the last output there; the program checks that and zeroes)
  h (N, H) and, for the LSTM, c: the last states
  dy (N, T, H), 0 in the padding: given; dx, dweight_ih ... the gradients of loss = <y, dy>
  ..._stateful: y is that of the first three steps and then of the other three, called apart with stateful=True

  env/bin/pip install tensorflow-cpu==2.21.0 keras==3.15.1 safetensors numpy; env/bin/python make_keras.py
"""
import json
import os
import platform

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
import safetensors.numpy
import tensorflow as tf

N, T, D, H = 4, 6, 3, 5
LENGTHS = [6, 1, 4, 3]
HERE = os.path.dirname(os.path.abspath(__file__))
keras.backend.set_floatx("float64")

LAYERS = {
    "rnn": (keras.layers.SimpleRNN, {}, [0]),
    "lstm": (keras.layers.LSTM, {}, [0, 1, 2, 3]),
    "gru_before": (keras.layers.GRU, {"reset_after": False}, [1, 0, 2]),  # z r h -> r z n
    "gru_after": (keras.layers.GRU, {"reset_after": True}, [1, 0, 2]),
}


def gates(columns, order):
    """The last axis, gate after gate, in our order."""
    parts = np.split(columns, len(order), axis=-1)
    return np.concatenate([parts[i] for i in order], axis=-1)


def ours(name, weights, order, prefix=""):
    kernel, recurrent, bias = (gates(np.asarray(w), order) for w in weights)
    result = {"weight_ih": kernel.T, "weight_hh": recurrent.T}
    if name == "gru_after":
        result |= {"bias_ih": bias[0], "bias_hh": bias[1]}
    else:
        result["bias_ih"] = bias
    return {prefix + key: value for key, value in result.items()}


def case(name, kind):
    make, options, order = LAYERS[name]
    rng = np.random.default_rng(sum((name + kind).encode()))
    stateful = kind == "stateful"
    layer = make(H, return_sequences=True, return_state=True, stateful=stateful, **options)
    layer.build((N, T, D))
    layer.set_weights([0.5 * rng.standard_normal(w.shape) for w in layer.get_weights()])
    x = rng.standard_normal((N, T, D))
    dy = rng.standard_normal((N, T, H))
    valid = np.ones((N, T), dtype=bool)
    result = {"x": x, "dy": dy}
    if kind == "masked":
        valid = np.arange(T)[None, :] < np.array(LENGTHS)[:, None]
        dy *= valid[:, :, None]
        result["lengths"] = np.array(LENGTHS, dtype=np.int32)
    tensor = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        if stateful:
            first, *_ = layer(tensor[:, :3])
            second, *states = layer(tensor[:, 3:])
            y = tf.concat([first, second], 1)
        else:
            y, *states = layer(tensor, mask=tf.constant(valid) if kind == "masked" else None)
        loss = tf.reduce_sum(y * dy)
    numbers = y.numpy()
    if kind == "masked":
        for n, length in enumerate(LENGTHS):
            assert (numbers[n, length:] == numbers[n, length - 1]).all()
    result["y"] = numbers * valid[:, :, None]
    for state, values in zip(("h", "c"), states):
        result[state] = np.asarray(values)
    result |= ours(name, layer.get_weights(), order)
    if not stateful:  # between two calls Keras keeps values, not history; so would a detached state of ours
        grads = tape.gradient(loss, [tensor] + layer.trainable_weights)
        result["dx"] = grads[0].numpy()
        result |= ours(name, grads[1:], order, "d")
    return {f"{name}_{kind}.{key}": np.ascontiguousarray(value) for key, value in result.items()}


tensors = {}
for name in LAYERS:
    for kind in ("plain", "masked", "stateful"):
        tensors |= case(name, kind)
for key, value in tensors.items():
    assert np.isfinite(value).all(), key
about = {"made by": "make_keras.py", "keras": keras.__version__, "tensorflow": tf.__version__,
         "python": platform.python_version()}
path = os.path.join(HERE, "keras.safetensors")
safetensors.numpy.save_file(tensors, path, metadata={"about": json.dumps(about, sort_keys=True)})
print(f"keras.safetensors: {len(tensors)} tensors, {os.path.getsize(path)} bytes")
