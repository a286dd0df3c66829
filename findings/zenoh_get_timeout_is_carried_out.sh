#!/usr/bin/env bash
# eclipse-zenoh 1.10.2 (Python wheel over the same Rust core), two sessions of one process over TCP loopback.
#
# `get` of a key that nobody answers: its replies end within a second, though a timeout of 10 s was given, with no reply and
# no error.
# `get` of a key whose queryable takes longer than the timeout: one reply, an error with the text "Timeout", and the query is
# carried out all the same, after that.
# One expects the first to wait for somebody, as a timeout suggests, or to raise, and the second to be canceled. A caller must
# take no reply at all for "nobody is there", and what it repeats after an error may be done twice.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check eclipse-zenoh==1.10.2
env/bin/python - 2>log <<'PY' || { tail -n 1 log; exit 1; }
import socket
import sys
import threading
import time

import zenoh

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    place = f'["tcp/127.0.0.1:{free.getsockname()[1]}"]'


def session(key):
    config = zenoh.Config()
    config.insert_json5("scouting/multicast/enabled", "false")
    config.insert_json5("mode", '"router"' if key == "listen" else '"client"')
    config.insert_json5(f"{key}/endpoints", place)
    return zenoh.open(config)


with session("listen") as there, session("connect") as here:
    carried_out = threading.Event()

    def slow(query):
        time.sleep(3)
        carried_out.set()
        query.reply("slow", b"late")

    queryable = there.declare_queryable("slow", slow)
    time.sleep(1)

    begun = time.monotonic()
    nobody = list(here.get("nobody", timeout=10.0))
    nobody_seconds = time.monotonic() - begun
    begun = time.monotonic()
    late = list(here.get("slow", timeout=1.0))
    late_seconds = time.monotonic() - begun
    before = carried_out.is_set()
    after = carried_out.wait(5)

errors = [bytes(reply.err.payload).decode() for reply in late if reply.err]
print(f"nobody: {len(nobody)} replies after {nobody_seconds:.1f} s")
print(f"slow: {len(late)} replies after {late_seconds:.1f} s, errors {errors}, carried out {before}, then {after}")
for holds, why in [
    (nobody == [] and nobody_seconds < 1, "a get that nobody answers ends at once without a reply"),
    (errors == ["Timeout"] and len(late) == 1, "a get that times out has one reply, an error"),
    (not before and after, "its query is carried out later"),
]:
    if not holds:
        sys.exit(f"changed: {why}")
PY
