"""Log-mel spectra, cepstral coefficients and deltas by librosa 0.11.0 (audio.safetensors), and a WAV file written by
Python's own module (audio.wav): PYTHON make_audio.py, with librosa and safetensors. The settings of the cases are
those that tests/spec/audio_spec.lua asks for."""

import pathlib
import wave

import librosa
import numpy as np
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(7)
t = np.arange(4000) / 8000
signal = 0.4 * np.sin(2 * np.pi * (200 + 900 * t) * t) + 0.1 * np.sin(2 * np.pi * 2500 * t) * (t > 0.2)
signal = (signal * np.hanning(4000) + 0.01 * rng.standard_normal(4000)).astype(np.float32)
out = {"signal": signal}

CASES = {
    "speech": dict(sr=8000, n_fft=256, win_length=200, hop_length=80, n_mels=40),
    "narrow": dict(sr=8000, n_fft=512, win_length=512, hop_length=128, n_mels=26, fmin=100, fmax=3000),
    "odd": dict(sr=16000, n_fft=600, win_length=401, hop_length=133, n_mels=20),  # not a power of two
}
for name, case in CASES.items():
    power = librosa.feature.melspectrogram(y=signal.astype(np.float64), **case)
    log_mel = librosa.power_to_db(power)
    mfcc = librosa.feature.mfcc(S=log_mel, n_mfcc=13)
    out[name + ".log_mel"] = log_mel.T
    out[name + ".log_mel_all"] = librosa.power_to_db(power, top_db=None).T
    out[name + ".mfcc"] = mfcc.T
    out[name + ".delta"] = librosa.feature.delta(mfcc).T
    out[name + ".delta2"] = librosa.feature.delta(mfcc, order=2).T
out["narrow.delta_5"] = librosa.feature.delta(librosa.feature.mfcc(S=out["narrow.log_mel"].T, n_mfcc=13), width=5).T
save_file({k: np.ascontiguousarray(v, dtype=np.float32) for k, v in out.items()}, HERE / "audio.safetensors")

with wave.open(str(HERE / "audio.wav"), "wb") as f:  # two channels: 0, 1, 2 ... and the negative squares
    f.setnchannels(2)
    f.setsampwidth(2)
    f.setframerate(11025)
    f.writeframes(np.stack([np.arange(100), -np.arange(100) ** 2], 1).astype("<i2").tobytes())
