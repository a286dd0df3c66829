#!/usr/bin/env bash
# tensorboard 2.21.0: after a run goes back to an earlier step, its two loaders and its Python reader show different histories.
#
# Steps 0 to 90 in tens, then, in a second file of the same folder, steps 50 to 70 again (a run resumed from a checkpoint).
# The default server shows 0 to 40 and the new 50 to 70: what the resumed run overtook is gone, 80 and 90 included.
# `--load_fast=false` shows all 13 points. EventAccumulator returns all 13. With a SessionLog START event at step 50 in the
# second file EventAccumulator returns 8 points as the default server does, `--load_fast=false` still 13.
# One expects "fast" to be about speed, and a start mark to mean the same to both servers and the reader.
# A writer that resumes should cut the old file at the checkpoint, so that no step is in the files twice.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check tensorboard==2.21.0 numpy==2.4.6
env/bin/python -W ignore - 2>log <<'PY' || { tail -n 1 log; exit 1; }
import json
import socket
import subprocess
import sys
import time
import urllib.request

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter


def write(folder, steps, start, mark):
    writer = EventFileWriter(folder)
    if mark:
        writer.add_event(Event(wall_time=start, step=steps[0], session_log=SessionLog(status=SessionLog.START)))
    for step in steps:
        summary = Summary(value=[Summary.Value(tag="r", simple_value=start)])
        writer.add_event(Event(wall_time=start + step, step=step, summary=summary))
    writer.close()


def read(folder):
    events = EventAccumulator(folder)
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars("r")]


def serve(root, fast):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}/data/plugin/scalars/scalars?run=run&tag=r"
    options = ["--logdir", root, "--host", "127.0.0.1", "--port", str(port), f"--load_fast={fast}"]
    server = subprocess.Popen([sys.executable, "-m", "tensorboard.main", *options], stderr=subprocess.DEVNULL)
    last = None
    try:
        for _ in range(40):
            time.sleep(1)
            try:
                rows = json.load(urllib.request.urlopen(address, timeout=5))
            except OSError:
                continue
            if rows and rows == last:
                return [(step, value) for _, step, value in rows]
            last = rows
    finally:
        server.terminate()
        server.wait()
    return last


new = [(50, 2000.0), (60, 2000.0), (70, 2000.0)]
old = [(step, 1000.0) for step in range(0, 100, 10)]
for mark in (False, True):
    root = f"mark-{mark}"
    write(f"{root}/run", range(0, 100, 10), 1000, False)
    time.sleep(1.1)  # File names hold the second.
    write(f"{root}/run", [50, 60, 70], 2000, mark)
    for name, seen, expected in [
        ("default server", serve(root, "auto"), old[:5] + new),
        ("--load_fast=false", serve(root, "false"), old + new),
        ("EventAccumulator", read(f"{root}/run"), old[:5] + new if mark else old + new),
    ]:
        print(f"start mark {mark}, {name}: {seen and [step for step, _ in seen]}")
        if seen != expected:
            sys.exit(f"expected {[step for step, _ in expected]}")
PY
echo "as described"
