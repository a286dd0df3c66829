#!/usr/bin/env bash
# Environment steps per second of a learner by the number of actors, for an environment that takes a millisecond a step and no
# processor time: what the session itself lets through. Prints a table; needs a virtual environment with
# gymnasium, such as tests/bridge/requirements.txt makes.
#   cargo build --features distributed && benches/sessions/scaling.sh target/debug/entropy-arcade VENV
set -euo pipefail
program=$(realpath "${1:?give the program}")
export VIRTUAL_ENV=$(realpath "${2:?give the virtual environment}")
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
cat >sleepy.py <<'PY'
import time

import gymnasium
import numpy


class Sleepy(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-1.0, 1.0, (4,), numpy.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.count = 0
        return self.observation_space.sample(), {}

    def step(self, action):
        time.sleep(0.001)
        self.count += 1
        return self.observation_space.sample(), 0.0, self.count == 200, False, {}


gymnasium.register("Sleepy-v0", Sleepy)
PY
env=gym:sleepy:Sleepy-v0
echo "| actors | env steps/s | of one, for each |"
echo "|---|---|---|"
first=0
for count in ${ACTORS:-1 2 4 8 16}; do
    place="tcp/127.0.0.1:$((20000 + RANDOM % 20000))"
    rm -rf run
    "$program" --no-render --env "$env" --steps 1000000000 --arenas 1 --device cpu --out run --listen "$place" --no-actors \
        --most-actors 16 --set learner.learning_starts=1000000000 --set learner.checkpoint_seconds=0 >/dev/null 2>&1 &
    learner=$!
    sleep 2
    for _ in $(seq "$count"); do
        "$program" actors --join "$place" --env "$env" --threads 1 >/dev/null 2>&1 &
    done
    # The first seconds are those in which actors join.
    sleep $((8 + count))
    before=$("$program" session --join "$place" status)
    sleep 10
    after=$("$program" session --join "$place" status)
    kill -INT $learner
    wait $learner || true
    wait
    rate=$(python3 - "$before" "$after" <<'PY'
import json, sys
before, after = (json.loads(text)["net"] for text in sys.argv[1:])
print(round((after["env_steps"] - before["env_steps"]) / (after["time"] - before["time"]), 1))
PY
    )
    [ "$first" != 0 ] || first=$(python3 -c "print($rate / $count)")
    echo "| $count | $rate | $(python3 -c "print(round($rate / $count / $first, 3))") |"
done
