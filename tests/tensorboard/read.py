"""read.py FOLDER: reads FOLDER/runs with TensorBoard's own reader, then through a running `tensorboard --logdir`, and
compares everything with FOLDER/expected.json, which write.lua made."""

import io
import json
import pathlib
import socket
import struct
import sys
import time
import urllib.request

from PIL import Image
from tensorboard import default, program
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

folder = pathlib.Path(sys.argv[1])
expected = json.loads((folder / "expected.json").read_text())


def f32(value):
    return struct.unpack("f", struct.pack("f", value))[0]


class Mismatch(Exception):
    pass


def check(what, got, wanted):
    if got != wanted:
        raise Mismatch(f"{what}: expected {wanted!r}, got {got!r}")


def check_image(what, png, wanted):
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    check(what, (*picture.size, *picture.getpixel((0, 0))), (wanted["width"], wanted["height"], *wanted["first"]))


def check_reader(run):
    """With the reader of the package, everything, nothing sampled away."""
    everything = {"scalars": 0, "histograms": 0, "compressedHistograms": 0, "images": 0, "tensors": 0}
    reader = EventAccumulator(str(folder / "runs" / run), size_guidance=everything)
    reader.Reload()
    tags = reader.Tags()
    for kind, name in (("scalars", "scalars"), ("histograms", "histograms"), ("images", "images")):
        extra = {"late"} if kind == "scalars" and run == "adam" else set()
        check(f"{run}: {kind}", set(tags[name]), set(expected[kind][run]) | extra)
    for tag, points in expected["scalars"][run].items():
        got = [(e.step, e.value) for e in reader.Scalars(tag)]
        check(f"{run}: {tag}", got, [(p["step"], f32(p["value"])) for p in points])
    for tag, points in expected["histograms"][run].items():
        events = reader.Histograms(tag)
        check(f"{run}: {tag}: steps", [e.step for e in events], [p["step"] for p in points])
        for e, p in zip(events, points):
            h = e.histogram_value
            check(f"{run}: {tag}", (h.num, h.min, h.max), (p["value"]["count"], p["value"]["min"], p["value"]["max"]))
            check(f"{run}: {tag}: sum of the buckets", sum(h.bucket), h.num)
    for tag, points in expected["images"][run].items():
        events = reader.Images(tag)
        check(f"{run}: {tag}: steps", [e.step for e in events], [p["step"] for p in points])
        for e, p in zip(events, points):
            check_image(f"{run}: {tag}", e.encoded_image_string, p["value"])
    for tag, points in expected["texts"][run].items():
        got = [(e.step, e.tensor_proto.string_val[0].decode()) for e in reader.Tensors(tag)]
        if run == "resumed":  # what is void of a run that went on, the reader takes out of all kinds but this one
            del got[len(points):]
        check(f"{run}: {tag}", got, [(p["step"], p["value"]) for p in points])
    content = reader.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    values = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
    got = {name: getattr(v, v.WhichOneof("kind")) for name, v in values.items()}
    check(f"{run}: hparams", got, expected["hparams"][run])


def start_server():
    board = program.TensorBoard(default.get_plugins())
    board.configure(argv=["tensorboard", "--logdir", str(folder / "runs"), "--port", "0", "--samples_per_plugin",
                          "scalars=1000"])
    return board.launch()


def check_server(url):
    """What the program shows in the browser."""

    def get(path, post=None):
        data = None if post is None else json.dumps(post).encode()
        headers = {} if post is None else {"Content-Type": "application/json"}
        request = urllib.request.Request(url + "data/" + path, data=data, headers=headers)
        return json.loads(urllib.request.urlopen(request, timeout=30).read())

    runs = set(expected["hparams"])
    check("server: runs", set(get("runs")), runs)
    for plugin, kind in (("scalars", "scalars"), ("histograms", "histograms"), ("images", "images"), ("text", "texts")):
        tags = get(f"plugin/{plugin}/tags")
        for run in runs:
            check(f"server: {plugin} of {run}", set(tags[run]) - {"late"}, set(expected[kind][run]))
    for run in runs:
        for tag, points in expected["scalars"][run].items():
            got = [(p[1], p[2]) for p in get(f"plugin/scalars/scalars?run={run}&tag={tag}")]
            check(f"server: {tag} of {run}", got, [(p["step"], f32(p["value"])) for p in points])
    experiment = get("plugin/hparams/experiment", {"experimentName": ""})
    check("server: hparams", {h["name"] for h in experiment["hparamInfos"]},
          {name for settings in expected["hparams"].values() for name in settings})
    groups = get("plugin/hparams/session_groups", {
        "experimentName": "", "allowedStatuses": ["STATUS_SUCCESS", "STATUS_RUNNING", "STATUS_UNKNOWN"],
        "colParams": [], "startIndex": 0, "sliceSize": 100})
    got = sorted(json.dumps(g["hparams"], sort_keys=True) for g in groups["sessionGroups"])
    check("server: settings of the runs", got, sorted(json.dumps(s, sort_keys=True)
                                                      for s in expected["hparams"].values()))


for name in expected["hparams"]:
    check_reader(name)
print("TensorBoard read every scalar, histogram, image, text and setting of", len(expected["hparams"]), "runs")
try:
    socket.getaddrinfo("localhost", None)
except socket.gaierror:  # in a root without /etc/hosts, where TensorBoard cannot look for a port
    print("its server was not asked: the name localhost means nothing here")
    sys.exit()
address, deadline = start_server(), time.monotonic() + 60
while True:
    try:
        check_server(address)
        break
    except Mismatch:  # it serves what it has read so far
        if time.monotonic() > deadline:
            raise
        time.sleep(0.5)
print("its server shows the same")
