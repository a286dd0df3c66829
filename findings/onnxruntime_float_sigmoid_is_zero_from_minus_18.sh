#!/usr/bin/env bash
# onnxruntime 1.32.0 (CPU): Sigmoid in float32 is exactly 0 at -18 and below, where the true value is 1.5e-8 and a normal number.
#
# Sigmoid at -18, -20, -30: 0, 0, 0. At -14: 7.75e-7 (true: 8.32e-7, 7% off). In float64 the same operator gives 1.52e-8,
# 2.06e-9 and 9.35e-14. The reference evaluator of onnx 1.23.2 is right in float32.
# The error is small in absolute terms, not relative to the result. From float32 one expects a relative error near 1e-7 down
# to about -87.
# Log of such a probability is minus infinity, so log-probabilities, entropies and odds of an exported Bernoulli policy
# or discriminator belong in the graph as -Softplus(-x), which gives -20 at -20.
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
from onnx import helper
from onnx.reference import ReferenceEvaluator

POINTS = [-14, -18, -20, -30]


def run(dtype, nodes):
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    ends = [helper.make_tensor_value_info(name, kind, [len(POINTS)]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "gate", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    feed = {"x": np.array(POINTS, dtype)}
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, feed)[0], ReferenceEvaluator(model).run(None, feed)[0]


true = 1 / (1 + np.exp(-np.array(POINTS, float)))
sigmoid = [helper.make_node("Sigmoid", ["x"], ["y"])]
single, reference = run(np.float32, sigmoid)
double, _ = run(np.float64, sigmoid)
log, _ = run(np.float32, [
    helper.make_node("Neg", ["x"], ["a"]), helper.make_node("Softplus", ["a"], ["b"]), helper.make_node("Neg", ["b"], ["y"]),
])
for name, row in (("float32", single), ("float64", double), ("reference float32", reference), ("-Softplus(-x)", log)):
    print(f"{name}: {[f'{value:.3g}' for value in row]}")
for holds, why in [
    (not single[1:].any(), "float32 is no longer 0"),
    (0.03 < abs(single[0] / true[0] - 1) < 0.15, "float32 at -14 has another error"),
    (np.allclose(double, true, rtol=0.01, atol=0), "float64 is off"),
    (np.allclose(reference, true, rtol=1e-5, atol=0), "the reference evaluator is off"),
    (np.allclose(log, POINTS, atol=1e-4), "Softplus is off"),
]:
    if not holds:
        sys.exit(why)
PY
echo "as described"
