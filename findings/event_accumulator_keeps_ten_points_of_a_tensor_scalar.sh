#!/usr/bin/env bash
# tensorboard 2.21.0: EventAccumulator keeps 10 of 1000 points, or all of them, depending on how the writer encoded the scalar.
#
# The same 1000 values, once as `simple_value`, once as a tensor (what tensorboard's own `scalar_pb` makes). The first are
# in `Scalars("r")`, all 1000. The second are not in `Scalars` at all but in `Tensors("r")`, and there are 10: the last one
# and nine from anywhere in the run. `size_guidance={"tensors": 0}` keeps all.
# A scalar is a scalar, one expects, and the limit that one remembers for scalars is 10000 points.
# Curves and maxima computed from event files of unknown origin need both tables and the size guidance.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check tensorboard==2.21.0 numpy==2.4.6
env/bin/python -W ignore - 2>log <<'PY' || { tail -n 1 log; exit 1; }
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.scalar.summary import scalar_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter


def write(folder, summary):
    writer = EventFileWriter(folder)
    for step in range(1000):
        writer.add_event(Event(wall_time=1000 + step, step=step, summary=summary(step)))
    writer.close()


def read(folder, **settings):
    events = EventAccumulator(folder, **settings)
    events.Reload()
    tags = events.Tags()
    table = events.Scalars if "r" in tags["scalars"] else events.Tensors
    return "scalars" if "r" in tags["scalars"] else "tensors", [event.step for event in table("r")]


write("simple", lambda step: Summary(value=[Summary.Value(tag="r", simple_value=step)]))
write("tensor", lambda step: scalar_pb("r", float(step)))
for folder, settings, table, count in [
    ("simple", {}, "scalars", 1000),
    ("tensor", {}, "tensors", 10),
    ("tensor", {"size_guidance": {"tensors": 0}}, "tensors", 1000),
]:
    seen, steps = read(folder, **settings)
    print(f"{folder} {settings}: {len(steps)} points in {seen}, last step {steps[-1]}")
    if (seen, len(steps), steps[-1]) != (table, count, 999):
        sys.exit(f"expected {count} points in {table}")
PY
echo "as described"
