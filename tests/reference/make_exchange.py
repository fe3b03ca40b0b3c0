"""exchange/: small models of PyTorch and Keras, their checks, and files that attack whoever reads them; used by
import_spec.lua.

  torch.pt, torch.npz        embedding, two LSTM layers in both directions, layer norm, linear; torch.npz has what ran
  torch.safetensors          the same state dict
  checkpoint.pt              it as part of a checkpoint, with an optimiser's state
  old.pt                     the same state dict as PyTorch before 1.6 wrote it
  views.pt                   tensors that share one storage: transposed, a part of another, in half precision
  keras.keras, keras.npz     a functional model: convolution, Bidirectional GRU, batch norm, dense
  masked.keras, masked.npz   embedding with mask_zero, GRU with reset_after=False, SimpleRNN
  keras.weights.h5, keras.json, keras.h5    keras.keras in the other formats
  latest.weights.h5          the same weights in the newest format of HDF5
  chunks.weights.h5          the same weights in chunks, by gzip, shuffled and with checksums
  keras2.h5, keras2.npz      a functional model as Keras 2.11 wrote it
  evil/                      one attack each; a file whose code ran would make the file pwned

  env/bin/pip install torch==2.13.0 keras==3.15.1 h5py==3.16.0 safetensors==0.8.0; env/bin/python make_exchange.py
"""
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile

os.environ["KERAS_BACKEND"] = "torch"

import h5py
import keras
import numpy as np
import safetensors.torch
import torch
from keras import layers as L
from torch import nn

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
FOLDER = os.path.join(HERE, "exchange")
RNNLUA = os.environ.get("RNNLUA", os.path.join(ROOT, "build", "rnnlua"))
os.makedirs(os.path.join(FOLDER, "evil"), exist_ok=True)
os.chdir(FOLDER)


def recipe(kind):
    return subprocess.run([RNNLUA, "import", "--recipe", kind], capture_output=True, text=True, check=True).stdout


# ---- PyTorch ----


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(9, 3)
        self.lstm = nn.LSTM(3, 4, num_layers=2, bidirectional=True, batch_first=True)
        self.norm = nn.LayerNorm(8)
        self.fc = nn.Linear(8, 3)

    def forward(self, ids):
        y, (h, c) = self.lstm(self.embed(ids))
        return torch.relu(self.fc(self.norm(torch.cat((h[-2], h[-1]), 1))))


torch.manual_seed(1)
model = Net()
text = recipe("torch").replace("x = torch.randn(4, 12, 8)", "x = torch.randint(0, 9, (3, 5))")
exec(text.replace("check.npz", "torch.npz").replace("model.pt", "torch.pt"))
state = model.state_dict()
safetensors.torch.save_file(state, "torch.safetensors")
torch.save({"epoch": 3, "model": state, "optimizer": {"state": {}, "lr": 0.1, "betas": (0.9, 0.999), "big": 1 << 70}},
           "checkpoint.pt")
torch.save(state, "old.pt", _use_new_zipfile_serialization=False)
base = torch.arange(24.0).reshape(4, 6)
torch.save({"a.weight": base.t(), "a.bias": base[0], "b.weight": base[1:3, 2:4].half(), "b.bias": base[1:3, 1].double()},
           "views.pt")

# ---- Keras ----

keras.utils.set_random_seed(1)
start = keras.Input((6, 2))
x = L.Conv1D(4, 3, padding="causal", activation="relu")(start)
x = L.Bidirectional(L.GRU(3, return_sequences=True), merge_mode="ave")(x)
x = L.BatchNormalization()(x)
x = L.LSTM(3, activation="softsign", recurrent_activation="hard_sigmoid")(x)
functional = keras.Model(start, L.Dense(2, activation="softmax")(x))
masked = keras.Sequential([keras.Input((6,), dtype="int32"), L.Embedding(9, 3, mask_zero=True),
                           L.GRU(4, reset_after=False, return_sequences=True), L.SimpleRNN(3), L.Dense(2)])
rng = np.random.default_rng(1)
for one in (functional, masked):
    for variable in one.weights:
        if variable.dtype == "float32":
            variable.assign(np.abs(np.asarray(variable) + 0.3 * rng.standard_normal(variable.shape)))
ids = rng.integers(1, 9, (3, 6))
ids[1, 4:] = 0
for name, model, x in (("keras", functional, rng.standard_normal((3, 6, 2)).astype("float32")), ("masked", masked, ids)):
    np.savez(name + ".npz", x=x, y=np.asarray(model.predict(x, verbose=0)))
    model.save(name + ".keras")
functional.save_weights("keras.weights.h5")
functional.save("keras.h5")
with open("keras.json", "w") as file:
    file.write(functional.to_json())

with h5py.File("latest.weights.h5", "w", libver="latest") as new, h5py.File("keras.weights.h5") as file:
    for name in file:
        file.copy(name, new)


with h5py.File("chunks.weights.h5", "w") as new, h5py.File("keras.weights.h5") as file:
    def in_chunks(name, item):
        if isinstance(item, h5py.Dataset):
            new.create_dataset(name, data=item[...], chunks=tuple(min(n, 4) for n in item.shape), compression="gzip",
                               shuffle=True, fletcher32=True)
    file.visititems(in_chunks)

old = keras.Sequential([keras.Input((6, 2)), L.Bidirectional(L.GRU(3, return_sequences=True)), L.LSTM(2), L.Dense(2)])
x = rng.standard_normal((3, 6, 2)).astype("float32")
np.savez("keras2.npz", x=x, y=np.asarray(old.predict(x, verbose=0)))


def config_2(layer):
    kept = {"units", "activation", "recurrent_activation", "return_sequences", "reset_after", "merge_mode", "use_bias"}
    one = {k: v for k, v in layer.get_config().items() if k in kept} | {"name": layer.name, "dtype": "float32"}
    if hasattr(layer, "forward_layer"):
        one["layer"] = config_2(layer.forward_layer)
    return {"class_name": type(layer).__name__, "config": one}


entries = [{"class_name": "InputLayer", "name": "in", "config": {"batch_input_shape": [None, 6, 2], "name": "in"},
            "inbound_nodes": []}]
for layer in old.layers:
    before = entries[-1]["name"]
    entries.append(config_2(layer) | {"name": layer.name, "inbound_nodes": [[[before, 0, 0, {}]]]})
with h5py.File("keras2.h5", "w") as file:
    file.attrs["keras_version"] = b"2.11.0"
    file.attrs["model_config"] = json.dumps({"class_name": "Functional", "config": {
        "name": "model", "layers": entries, "input_layers": [["in", 0, 0]],
        "output_layers": [[entries[-1]["name"], 0, 0]]}}).encode()
    group = file.create_group("model_weights")
    group.attrs["layer_names"] = [layer.name.encode() for layer in old.layers]
    for layer in old.layers:
        own = group.create_group(layer.name)
        names = [f"{layer.name}/part{i}/kernel:0" for i in range(len(layer.weights))]
        own.attrs["weight_names"] = [name.encode() for name in names]
        for name, weight in zip(names, layer.weights):
            own[name] = np.asarray(weight)

# ---- attacks: pickles ----


def archive(name, members):
    with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as out:
        for member, content in members.items():
            out.writestr(zipfile.ZipInfo(member), content, zipfile.ZIP_DEFLATED)


class Runs:
    def __init__(self, f, *args):
        self.made = f, args

    def __reduce__(self):
        return self.made


def storage(count, key=b"0"):
    return (b"(X\x07\0\0\0storagectorch\nFloatStorage\nX" + struct.pack("<I", len(key)) + key + b"X\x03\0\0\0cpuJ"
            + struct.pack("<i", count) + b"tQ")


def tensor(count, offset, size, stride):
    numbers = b"".join(b"(" + b"".join(b"\x8a\x08" + struct.pack("<q", n) for n in t) + b"t" for t in (size, stride))
    return (b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage(count) + b"J" + struct.pack("<i", offset) + numbers
            + b"\x89ccollections\nOrderedDict\n)RtR")


def state_dict(value):
    return b"\x80\x02}X\x06\0\0\0weight" + value + b"s."


PICKLES = {
    "system": pickle.dumps({"w": Runs(os.system, "touch pwned")}, 2),
    "eval": pickle.dumps({"w": Runs(eval, "open('pwned', 'w')")}, 4),
    "getattr": pickle.dumps(Runs(getattr, "text", "upper"), 2),
    "inst": b"(S'touch pwned'\nios\nsystem\n.",
    "newobj": b"\x80\x02cdatetime\ndate\nC\x01a\x81.",
    "obj": b"\x80\x02(cos\nsystem\nX\x0b\0\0\0touch pwnedo.",
    "build": b"\x80\x02]}X\x01\0\0\0aK\x01sb.",
    "stack_global": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x0btouch pwned\x85R.",
    "extension": b"\x80\x02\x82\x01.",
    "persistent": b"Pos.system\n.",
    "function_of_text": b"\x80\x02X\x01\0\0\0fX\x01\0\0\0a\x85R.",
    "module_as_storage": state_dict(b"(X\x07\0\0\0storagecos\nsystem\nX\x01\0\0\x000X\x03\0\0\0cpuK\x01tQ"),
    "huge_shape": state_dict(tensor(4, 0, (1 << 40, 1 << 40), (0, 0))),
    "outside": state_dict(tensor(4, 3, (2,), (1,))),
    "far_stride": state_dict(tensor(4, 0, (2,), (1 << 62,))),
    "negative": state_dict(tensor(4, 0, (-2, -2), (1, 1))),
    "expanded": state_dict(tensor(4, 0, (1000, 1000), (0, 0))),
    "long_text": b"\x80\x02X\xff\xff\xff\x7fabc.",
    "long_number": b"\x80\x02\x8b\xff\xff\xff\x7fabc.",
    "memo": b"\x80\x02h\x07.",
    "no_mark": b"\x80\x02t.",
    "empty_stack": b"\x80\x020.",
    "frame_lies": b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f}.",
    "laughs": b"\x80\x02]q\0" + b"".join(b"](h" + bytes([i]) + b"h" + bytes([i]) + b"eq" + bytes([i + 1]) for i in range(60))
    + b".",
}
for name, text in PICKLES.items():
    archive(f"evil/{name}.pt", {"a/data.pkl": text, "a/byteorder": "little", "a/data/0": b"\0" * 16})
torch.save(Net(), "evil/whole_model.pt")
torch.jit.save(torch.jit.script(nn.Linear(1, 1)), "evil/torchscript.pt")
with open("old.pt", "rb") as file:
    old = file.read()
at = next(len(old) - 8 - 4 * n for n in range(1, 99) if struct.unpack("<q", old[-8 - 4 * n:][:8])[0] == n)
for name, text in (("cut", old[:-100]), ("count", old[:at] + struct.pack("<q", 1 << 60) + old[at + 8:])):
    with open(f"evil/old_{name}.pt", "wb") as file:
        file.write(text)
with open("evil/tar.pt", "wb") as file:
    file.write(bytes(257) + b"ustar\x0000" + bytes(247))
archive("evil/big_endian.pt", {"a/data.pkl": state_dict(tensor(4, 0, (4,), (1,))), "a/byteorder": "big",
                               "a/data/0": b"\0" * 16})
archive("evil/twice.pt", {"a/data.pkl": b"\x80\x02}.", "b/data.pkl": b"\x80\x02}."})
archive("evil/no_storage.pt", {"a/data.pkl": state_dict(tensor(4, 0, (4,), (1,)))})
archive("evil/short_storage.pt", {"a/data.pkl": state_dict(tensor(4, 0, (4,), (1,))), "a/data/0": b"\0" * 12})
with zipfile.ZipFile("evil/bomb.pt", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out:
    out.writestr("a/data.pkl", state_dict(tensor(1 << 23, 0, (1 << 23,), (1,))))
    out.writestr("a/data/0", bytes(1 << 25))

# ---- attacks: HDF5 and configurations ----


def weights(change):
    """masked.keras with its HDF5 file changed."""
    with zipfile.ZipFile("masked.keras") as file:
        members = {name: file.read(name) for name in file.namelist()}
    memory = io.BytesIO(members["model.weights.h5"])
    with h5py.File(memory, "r+") as file:
        change(file)
    return members | {"model.weights.h5": memory.getvalue()}


KERNEL = "layers/dense/vars/0"


def replaced(make):
    def change(file):
        del file[KERNEL]
        make(file)
    return change


def external_link(file):
    file[KERNEL] = h5py.ExternalLink("/etc/passwd", "/x")


def soft_link(file):
    file[KERNEL] = h5py.SoftLink("/layers/dense/vars/1")


def external_storage(file):
    file.create_dataset(KERNEL, (3, 2), "f4", external=[("/etc/passwd", 0, 24)])


def chunked_bomb(file):
    file.create_dataset(KERNEL, (1 << 40, 1 << 20), "f4", chunks=(1 << 10, 1 << 10), compression="gzip")


def unallocated(file):
    space = h5py.h5s.create_simple((1 << 30, 1 << 29))
    h5py.h5d.create(file[os.path.dirname(KERNEL)].id, b"0", h5py.h5t.IEEE_F32LE, space)


def compressed(file):
    file.create_dataset(KERNEL, data=np.zeros((3, 2), "f4"), compression="lzf", chunks=(3, 2))


def deflate_bomb(file):
    file.create_dataset(KERNEL, data=np.zeros((1 << 10, 1 << 11), "f4"), compression="gzip", compression_opts=9)


def virtual(file):
    layout = h5py.VirtualLayout((3, 2), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (3, 2))
    file.create_virtual_dataset(KERNEL, layout)


def text_array(file):
    file.create_dataset(KERNEL, data=np.array([[b"a"] * 2] * 3))


def wrong_shape(file):
    file.create_dataset(KERNEL, data=np.zeros((2, 3), "f4"))


def missing(file):
    pass


def circle(file):
    file["layers/dense/vars/0"] = file["layers"]


for f in (external_link, soft_link, external_storage, chunked_bomb, unallocated, compressed, deflate_bomb,
          virtual, text_array, wrong_shape, missing, circle):
    archive(f"evil/h5_{f.__name__}.keras", weights(replaced(f)))


def config(name, change):
    with zipfile.ZipFile("masked.keras") as file:
        members = {n: file.read(n) for n in file.namelist()}
    value = json.loads(members["config.json"])
    value = change(value) or value
    archive(f"evil/config_{name}.keras", members | {"config.json": json.dumps(value)})


def layers_of(value):
    return value["config"]["layers"]


def with_lambda(value):
    layers_of(value).append({"module": "keras.layers", "class_name": "Lambda", "registered_name": None, "config": {
        "name": "trick", "function": {"class_name": "__lambda__", "config": {"code": "4wEAAAA="}}}})


def with_class(value):
    layers_of(value)[-1].update(module="subprocess", class_name="Popen", registered_name=None)


def with_registered(value):
    layers_of(value)[-1].update(registered_name="Custom>Dense")


def with_function(value):
    layers_of(value)[-1]["config"]["activation"] = {"module": "os", "class_name": "function", "config": "system",
                                                    "registered_name": "function"}


def with_huge_units(value):
    layers_of(value)[-1]["config"]["units"] = 1 << 40


def with_huge_vocabulary(value):
    layers_of(value)[1]["config"]["input_dim"] = 1 << 40


def with_deep(value):
    for _ in range(40):
        value = {"module": "keras", "class_name": "Sequential", "registered_name": "Sequential",
                 "config": {"name": "deep", "layers": [value]}}
    return value


def with_unknown(value):
    layers_of(value)[-1].update(class_name="MultiHeadAttention")


def with_newline(value):
    layers_of(value)[-1]["config"]["name"] = "dense\nos.execute('touch pwned')"


for f in (with_lambda, with_class, with_registered, with_function, with_huge_units, with_huge_vocabulary, with_deep,
          with_unknown):
    config(f.__name__, f)
config("newline_in_name", with_newline)
os.rename("evil/config_newline_in_name.keras", "newline.keras")
archive("evil/yaml.keras", {"config.json": "!!python/object/apply:os.system ['touch pwned']", "model.weights.h5": b""})
print("torch", torch.__version__, "keras", keras.__version__, "python", sys.version.split()[0],
      sum(os.path.getsize(os.path.join(d, f)) for d, _, fs in os.walk(".") for f in fs), "bytes")
