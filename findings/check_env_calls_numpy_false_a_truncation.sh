#!/usr/bin/env bash
# gymnasium 1.4.0: check_env says that an environment "truncates after 1 step" when `truncated` is numpy's False.
#
# A sound environment that runs for 20 steps passes `check_env`. The same environment with `np.bool_` flags fails:
# "AssertionError: Environment truncates after 1 step, something has gone very wrong." The check for the first step is
# `is False`, which numpy's False is not. The checker inside `gym.make` takes the same flags without a warning, and a
# flag computed as `self.steps >= self.limit` with numpy numbers, or read from an array, is an `np.bool_`.
# The message sends one looking for a limit that is not there. Return Python's `bool(...)` from `step`; bindings that
# hand out array elements have to convert them.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check gymnasium==1.4.0 numpy==2.4.6
env/bin/python -W ignore - 2>log <<'PY' || { tail -n 1 log; exit 1; }
import sys
import warnings

import gymnasium as gym
import numpy as np
from gymnasium.utils.env_checker import check_env


class Walk(gym.Env):
    observation_space = gym.spaces.Box(0, 100, (1,))
    action_space = gym.spaces.Discrete(2)

    def __init__(self, flag=bool):
        self.flag = flag

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.steps += 1
        observation = np.array([self.steps], np.float32)
        return observation, 1.0, self.flag(self.steps == 20), self.flag(False), {}


check_env(Walk(bool))
print("bool: passes")
try:
    check_env(Walk(np.bool_))
    sys.exit("np.bool_ passes check_env now")
except AssertionError as error:
    print(f"np.bool_: {error}")
    if "truncates after 1 step" not in str(error):
        sys.exit("the message has changed")
gym.register("Walk-v0", entry_point=Walk, kwargs={"flag": np.bool_})
with warnings.catch_warnings(record=True) as raised:
    warnings.simplefilter("always")
    env = gym.make("Walk-v0")
    env.reset(seed=0)
    env.step(0)
if raised:
    sys.exit(f"gym.make warns now: {raised[0].message}")
print("gym.make with np.bool_: no warning")
PY
echo "as described"
