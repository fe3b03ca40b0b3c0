"""spectral.npz: Fourier transforms by NumPy, in double, for tests/spec/spectral_spec.lua.

x_N of N samples, two rows; X_N their rfft; y_N_M the irfft of X_N for M samples; pad_N_M the rfft of x_N for M samples.
stft_*: short-time transforms of one recording, from frames cut by NumPy.
"""
import os

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
random = np.random.default_rng(20240229)


def pair(z):
    return np.stack([z.real, z.imag], -1)


arrays = {}
# Powers of 2, factors 3, 5, 7, a prime, twice and thrice a prime above the largest factor of a pass
for n in (1, 2, 3, 4, 5, 6, 8, 9, 15, 16, 30, 49, 64, 74, 97, 100, 111):
    x = random.standard_normal((2, n))
    arrays[f"x_{n}"], arrays[f"X_{n}"] = x, pair(np.fft.rfft(x))
    for m in (n - 1, n, n + 3, 2 * n):
        if m >= 1 and n <= 16:
            arrays[f"y_{n}_{m}"] = np.fft.irfft(np.fft.rfft(x), m)
            arrays[f"pad_{n}_{m}"] = pair(np.fft.rfft(x, m))

sound = random.standard_normal((3, 50))
weights = random.uniform(0.5, 1, 8)
arrays["sound"], arrays["weights"] = sound, weights
hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(8) / 8)
for name, window, hop, fft in (("hann", hann, 4, 8), ("weights", weights, 3, 8), ("fft", hann, 8, 16)):
    frames = np.stack([sound[:, at:at + 8] for at in range(0, 50 - 8 + 1, hop)], 1)
    arrays["stft_" + name] = pair(np.fft.rfft(frames * window, fft))
np.savez_compressed(os.path.join(HERE, "spectral.npz"), **arrays)
