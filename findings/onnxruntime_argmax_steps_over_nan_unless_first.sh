#!/usr/bin/env bash
# onnxruntime 1.32.0 (CPU): ArgMax and ReduceMax step over a NaN, unless it comes first.
#
# ArgMax of [1, NaN, 2] is 2, of [1, 2, NaN] is 1, of [NaN, 1, 2] is 0. ReduceMax gives 2, 2 and NaN. NumPy, and the
# reference evaluator of onnx 1.23.2, return the NaN wherever it stands: positions 1, 2, 0, maximum NaN.
# TopK in the same runtime does not step over it: its first position is that of the NaN in all three.
# One expects NaN to spread, or at least to be treated alike in all positions.
# A greedy policy exported to ONNX goes on choosing plausible actions after some of its outputs have broken, and two
# runtimes choose different ones. Whoever needs to notice checks the logits, not the action.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
env/bin/python -W ignore - 2>log <<'PY' || { tail -n 1 log; exit 1; }
import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator


def run(values):
    nodes = [
        helper.make_node("ArgMax", ["x"], ["position"], axis=0, keepdims=0),
        helper.make_node("ReduceMax", ["x"], ["maximum"], axes=[0], keepdims=0),
        helper.make_node("TopK", ["x", "one"], ["top", "first"], axis=0),
    ]
    one = helper.make_tensor("one", TensorProto.INT64, [1], [1])
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [len(values)])]
    outputs = [
        helper.make_tensor_value_info("position", TensorProto.INT64, []),
        helper.make_tensor_value_info("maximum", TensorProto.FLOAT, []),
        helper.make_tensor_value_info("first", TensorProto.INT64, [1]),
        helper.make_tensor_value_info("top", TensorProto.FLOAT, [1]),
    ]
    graph = helper.make_graph(nodes, "greedy", inputs, outputs, [one])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    feed = {"x": np.array(values, np.float32)}
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return [[float(np.squeeze(value)) for value in runtime.run(None, feed)] for runtime in (session, ReferenceEvaluator(model))]


nan = np.nan
for values, position, maximum in (([1, nan, 2], 2, 2.0), ([1, 2, nan], 1, 2.0), ([nan, 1, 2], 0, nan)):
    runtime, reference = run(values)
    where = values.index(nan)
    print(f"{values}: onnxruntime ArgMax {runtime[0]:.0f}, ReduceMax {runtime[1]}; reference {reference[0]:.0f}, {reference[1]}")
    if not np.array_equal(runtime, [position, maximum, where, nan], equal_nan=True):
        sys.exit("onnxruntime treats NaN in another way now")
    if np.argmax(values) != where or not np.isnan(np.max(values)):
        sys.exit("NumPy treats NaN in another way now")
    if not np.array_equal(reference[:2], [where, nan], equal_nan=True):
        sys.exit("the reference evaluator treats NaN in another way now")
PY
echo "as described"
