#!/usr/bin/env python3
"""A worker on the standard library alone, in the place of a Python interpreter: it counts, and fails as it is told.

An observation is the step of the episode, the number of the episode and a part of the seed; an episode lasts `length`
steps and pays the action of each. Other keyword arguments say in which step of the process what goes wrong; with `once`, a file,
only until that exists.
"""

import json
import os
import struct
import sys
import time

IN, OUT = sys.stdin.buffer, sys.stdout.buffer


def send(kind, content):
    OUT.write(kind + struct.pack("<I", len(content)) + content)
    OUT.flush()


hello = json.loads(IN.readline())
seeds, asked = [seed % 9973 for seed in hello["seeds"]], hello["kwargs"]
rows = len(seeds)
length = asked.get("length", 5)
said = {
    "vector": ["step", "episode", "seed"],
    "grid": None,
    "dropped": [],
    "actions": ["none", "one"],
    "low": [],
    "high": [],
    "limit": None,
    "threshold": None,
    "fps": 10,
    "picture": False,
    "versions": {"fake": "1"},
}
said.update(asked.get("said", {}))
if asked.get("hello") == "error":
    send(b"E", b"there is no such thing")
    sys.exit()
if asked.get("hello") == "garbage":
    OUT.write(b"Hello, this is Python")
    OUT.flush()
    sys.exit()
if asked.get("hello") == "exit":
    print("Segmentation fault, or so", file=sys.stderr)
    os._exit(3)
send(b"H", json.dumps(said).encode())

steps, episodes = [0] * rows, [0] * rows


def goes_wrong(what, made):
    if asked.get(what) != made:
        return False
    marker = asked.get("once")
    if marker:
        if os.path.exists(marker):
            return False
        open(marker, "w").close()
    return True


def answer(rewards, flags):
    content = struct.pack(f"<{rows}d", *rewards) + bytes(flags)
    after = b""
    for row in range(rows):
        content += struct.pack("<3f", steps[row], episodes[row], seeds[row])
        if flags[row]:
            steps[row], episodes[row] = 0, episodes[row] + 1
            after += struct.pack("<3f", 0, episodes[row], seeds[row])
    send(b"S", content + after)


answer([0.0] * rows, [0] * rows)
made = 0
while True:
    if IN.read(1) != b"S":
        sys.exit()
    moves = IN.read(rows)
    actions = struct.unpack(f"<{rows}i", IN.read(4 * rows))
    made += 1
    if goes_wrong("crash_at", made):
        print("the wheel came off", file=sys.stderr)
        os._exit(1)
    if goes_wrong("hang_at", made):
        time.sleep(60)
    if goes_wrong("slow_at", made):
        time.sleep(0.9)
    if goes_wrong("short_at", made):
        send(b"S", b"too short")
        continue
    for row in range(rows):
        steps[row] += moves[row]
    flags = [1 if moves[row] and steps[row] == length else 0 for row in range(rows)]
    answer([float(action) for action in actions], flags)
