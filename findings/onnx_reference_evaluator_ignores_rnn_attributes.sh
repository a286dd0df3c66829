#!/usr/bin/env bash
# onnx 1.23.2 with onnxruntime 1.32.0: the reference evaluator ignores `sequence_lens`, `clip` and `activations` of GRU and LSTM.
#
# One GRU and one LSTM, 2 inputs, 3 hidden units, 4 steps, a batch of two equal sequences. Without extras both runtimes
# give the same final state, for both values of GRU's `linear_before_reset` too. With sequence lengths [2, 4], with
# `clip=0.1`, or with other activations, onnxruntime's result changes and the reference evaluator's does not, to the last
# bit: no error, no warning.
# From its name one takes it for the standard in executable form, and tests exports against it without another runtime.
# An exported recurrent policy with padded sequences passes such a test while it is wrong. Compare with onnxruntime, or
# export a single step without these attributes.
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
from onnx import TensorProto, checker, helper
from onnx.reference import ReferenceEvaluator

HIDDEN, INPUTS, STEPS = 3, 2, 4


def final_states(op, lengths=None, **attributes):
    gates, random = {"GRU": 3, "LSTM": 4}[op], np.random.default_rng(0)
    draw = lambda *shape: random.normal(size=shape).astype(np.float32)
    sequence = draw(STEPS, 1, INPUTS)
    feed = {
        "x": np.concatenate([sequence, sequence], axis=1),
        "w": draw(1, gates * HIDDEN, INPUTS),
        "r": draw(1, gates * HIDDEN, HIDDEN),
        "b": draw(1, 2 * gates * HIDDEN),
    }
    names = list(feed)
    if lengths is not None:
        names, feed = [*names, "lengths"], {**feed, "lengths": np.array(lengths, np.int32)}
    node = helper.make_node(op, names, ["", "state"], hidden_size=HIDDEN, **attributes)
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        for name, value in feed.items()
    ]
    output = helper.make_tensor_value_info("state", TensorProto.FLOAT, (1, 2, HIDDEN))
    graph = helper.make_graph([node], "rnn", inputs, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, feed)[0], ReferenceEvaluator(model).run(None, feed)[0]


for op, activations in (("GRU", ["Sigmoid", "Relu"]), ("LSTM", ["Sigmoid", "Relu", "Tanh"])):
    plain = final_states(op)
    if not np.allclose(*plain, atol=1e-5):
        sys.exit(f"{op}: the runtimes differ without extras")
    if op == "GRU":
        reset = final_states(op, linear_before_reset=1)
        if not np.allclose(*reset, atol=1e-5) or np.allclose(reset[0], plain[0], atol=1e-3):
            sys.exit("linear_before_reset is treated in another way now")
    for settings in ({"lengths": [2, 4]}, {"clip": 0.1}, {"activations": activations}):
        runtime, reference = final_states(op, **settings)
        changed = [not np.allclose(new, old, atol=1e-3) for new, old in zip((runtime, reference), plain)]
        print(f"{op} {settings}: changes onnxruntime {changed[0]}, reference evaluator {changed[1]}")
        if changed != [True, False] or not np.array_equal(reference, plain[1]):
            sys.exit(f"{op}: {settings} is treated in another way now")
PY
echo "as described"
