#!/usr/bin/env bash
# MinAtar 1.0.15 with gymnasium 1.4.0: `reset(seed=s)` does not give the same episode again, since the sticky action survives it.
#
# With probability 0.1 MinAtar repeats the previous action instead of the one it is given. `reset` does not clear the
# previous action, so the first step of an episode can repeat the last action of the episode before.
# MinAtar/Breakout-v1, seeds 0 to 59: reset with the seed, step with "no action", look at the picture; then play "right"
# three times, reset with the same seed, step with "no action". For 10 of the 60 seeds the two pictures differ.
# With the last action cleared by hand before the second reset none of the 60 differ.
# One expects a seeded reset to decide all that follows, given the actions. Tests of reproducibility that reset one
# environment twice fail now and then; make a new environment, or set `env.unwrapped.game.last_action = 0`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check gymnasium==1.4.0 numpy==2.4.6
# What MinAtar's package asks for beside these is for pictures on the screen.
env/bin/pip install -q --disable-pip-version-check --no-deps MinAtar==1.0.15
env/bin/python -W ignore - 2>log <<'PY' || { tail -n 1 log; exit 1; }
import sys

import gymnasium as gym
import minatar.gym
import numpy as np

minatar.gym.register_envs()
NOTHING, RIGHT = 0, 2


def differs(seed, last, repair=False):
    env = gym.make("MinAtar/Breakout-v1")
    env.reset(seed=seed)
    before = env.step(NOTHING)[0]
    for _ in range(3):
        env.step(last)
    if repair:
        env.unwrapped.game.last_action = 0
    env.reset(seed=seed)
    return not np.array_equal(before, env.step(NOTHING)[0])


for name, expected, settings in [
    ("last action right", 10, {"last": RIGHT}),
    ("last action right, then cleared", 0, {"last": RIGHT, "repair": True}),
]:
    count = sum(differs(seed, **settings) for seed in range(60))
    print(f"{name}: {count} of 60 seeds give another first step")
    if count != expected:
        sys.exit(f"expected {expected}")
PY
echo "as described"
