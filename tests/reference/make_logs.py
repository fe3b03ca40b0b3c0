"""Event messages of TensorBoard as its own protocol buffers encode them (logs.json): PYTHON make_logs.py, with
tensorboard 2.21.0. The values are those that tests/spec/logs_spec.lua writes."""

import json
import pathlib

from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

WALL = 1234567890.25


def encoded(step=0, **content):
    return event_pb2.Event(wall_time=WALL, step=step, **content).SerializeToString(deterministic=True).hex()


def summary(step, tag, **content):
    return encoded(step, summary=summary_pb2.Summary(value=[summary_pb2.Summary.Value(tag=tag, **content)]))


def metadata(plugin, content=b""):
    data = summary_pb2.SummaryMetadata.PluginData(plugin_name=plugin, content=content)
    return summary_pb2.SummaryMetadata(plugin_data=data)


def hparams(name, **content):
    data = plugin_data_pb2.HParamsPluginData(**content).SerializeToString(deterministic=True)
    return summary(0, "_hparams_/" + name, metadata=metadata("hparams", data))


def session_start():
    info = plugin_data_pb2.SessionStartInfo(start_time_secs=WALL)
    info.hparams["bias"].bool_value = False
    info.hparams["cell"].string_value = "gru"
    info.hparams["lr"].number_value = 0.1
    return hparams("session_start_info", session_start_info=info)


HISTOGRAM = {"min": -1.5, "max": 2, "num": 3, "sum": 1.5, "sum_squares": 8.5, "bucket_limit": [-2, -1, 2.25],
             "bucket": [0, 1, 2]}
TEXT = tensor_pb2.TensorProto(
    dtype=7, string_val=["olá *x*".encode()],
    tensor_shape=tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=1)]))
EXPERIMENT = api_pb2.Experiment(
    hparam_infos=[api_pb2.HParamInfo(name="bias", type="DATA_TYPE_BOOL"),
                  api_pb2.HParamInfo(name="cell", type="DATA_TYPE_STRING"),
                  api_pb2.HParamInfo(name="lr", type="DATA_TYPE_FLOAT64")],
    metric_infos=[api_pb2.MetricInfo(name=api_pb2.MetricName(tag="epoch/loss"))])

reference = {
    "version": encoded(file_version="brain.Event:2"),
    "start": encoded(301, session_log=event_pb2.SessionLog(status="START")),
    "scalar": summary(300, "step/loss", simple_value=0.1),
    "scalar_large_step": summary(1 << 40, "x", simple_value=-2),
    "image": summary(5, "picture", image=summary_pb2.Summary.Image(
        height=300, width=2, colorspace=3, encoded_image_string=b"\x89PNG\x00\xff")),
    "histogram": summary(7, "weights/h", histo=summary_pb2.HistogramProto(**HISTOGRAM)),
    "text": summary(8, "sample", tensor=TEXT, metadata=metadata("text")),
    "experiment": hparams("experiment", experiment=EXPERIMENT),
    "session_start": session_start(),
    "session_end": hparams("session_end_info", session_end_info=plugin_data_pb2.SessionEndInfo(
        status="STATUS_SUCCESS", end_time_secs=WALL)),
}
path = pathlib.Path(__file__).with_name("logs.json")
path.write_text(json.dumps(reference, indent=1) + "\n")
