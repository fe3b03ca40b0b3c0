-- recipes.lua: what a user runs in Python, beside the model: it saves a batch with what the model makes of it, and of
-- PyTorch what ran on the way.

local recipes = {}

recipes.keras = [==[
import numpy as np

# model = keras.saving.load_model("model.keras"); a batch as the model takes it, of sequences of some length:
shape = [4] + [n or 12 for n in model.input_shape[1:]]
x = np.random.default_rng(0).standard_normal(shape).astype("float32")  # or ids: integers(0, 50, shape)
for layer in model._flatten_layers():
    if layer.compute_dtype != layer.variable_dtype:  # mixed precision would tell too little
        layer.dtype_policy = layer.variable_dtype
np.savez("check.npz", x=x, y=np.asarray(model.predict(x, verbose=0)))
]==]

recipes.torch = [==[
import json
import numpy as np
import torch
from torch.nn.utils import parametrize
from torch.overrides import TorchFunctionMode

# model = your model; a batch as it takes it:
x = torch.randn(4, 12, 8)  # or ids: torch.randint(0, 50, (4, 12))

calls, known, inside = [], {}, 0

def name(value):  # a tensor by the call that made it; all else as JSON
    if torch.is_tensor(value):
        return {"t": known[id(value)][0] if id(value) in known else "?"}
    if isinstance(value, (list, tuple)):
        return [name(v) for v in value]
    if isinstance(value, slice):
        return {"slice": [name(value.start), name(value.stop), name(value.step)]}
    if value is Ellipsis:
        return {"ellipsis": True}
    return value if isinstance(value, (bool, int, float, str, type(None))) else "..."

def flat(values):
    for value in values if isinstance(values, (list, tuple)) else [values]:
        yield from flat(value) if isinstance(value, (list, tuple)) else [value]

def note(args, out, **more):
    results = [v for v in flat(out) if torch.is_tensor(v)]
    if results:
        call = dict(more, id=str(len(calls) + 1), args=name(args), shapes=[list(v.shape) for v in results])
        for k, value in enumerate(results):
            known[id(value)] = (f"{call['id']}.{k}", value)
        calls.append(call)

class Functions(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if not inside:
            more = {k: name(v) for k, v in (kwargs or {}).items()}
            note(list(args), out, function=func.__name__, options=more)
        return out

def before(module, args, kwargs):
    global inside
    inside += 1

def after(path, kind):
    def hook(module, args, kwargs, out):
        global inside
        inside -= 1
        if not inside:
            said = {k: v for k, v in vars(module).items() if not k.startswith("_") and not torch.is_tensor(v)}
            note(list(args) + list(kwargs.values()), out, module=path, options={k: name(v) for k, v in said.items()},
                 **{"class": kind.__name__})
    return hook

for path, module in model.named_modules():
    kind = type(module).__mro__[1 if parametrize.is_parametrized(module) else 0]  # as weight_norm has it
    if kind.__module__.startswith("torch.nn.modules.") and not kind.__module__.endswith("container"):
        module.register_forward_pre_hook(before, with_kwargs=True)
        module.register_forward_hook(after(path, kind), with_kwargs=True)

model.float().eval()  # half precision would tell too little
if x.is_floating_point():
    x = x.float()
known[id(x)] = ("0", x)
with torch.no_grad(), Functions():
    y = model(x)
y = y[0] if isinstance(y, tuple) else y
recorded = json.dumps({"torch": torch.__version__, "x": "0", "y": known[id(y)][0], "calls": calls})
np.savez("check.npz", x=x.numpy(), y=y.numpy(), recorded=np.frombuffer(recorded.encode(), dtype=np.uint8))
torch.save(model.state_dict(), "model.pt")
]==]

return recipes
