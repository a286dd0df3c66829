#!/usr/bin/env bash
# gymnasium 1.4.0: the vector RecordEpisodeStatistics reports wrong returns when sub-environments are reset one by one.
#
# Two environments of 2 and 5 steps, reward 1, 2, 3 … a step, in a SyncVectorEnv with autoreset disabled; ended ones are
# reset with `reset(options={"reset_mask": ended})`. True returns are 3 and 15. Seen: the long episode is reported with
# return 5 and length 1. With NEXT_STEP and SAME_STEP the same wrapper reports 3 and 15.
# The vector environment takes `reset_mask` out of the caller's own dict; the wrapper looks for it afterwards, finds none,
# and clears the running sums of every environment. A dict that is used for a second call resets everything.
# One expects a wrapper made for vectors to know which episodes go on, and an argument to stay as it was.
# With masked resets put the single-environment RecordEpisodeStatistics on each sub-environment, which reports 15, and
# pass a new dict in each call.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check gymnasium==1.4.0 numpy==2.4.6
env/bin/python -W ignore - 2>log <<'PY' || { tail -n 1 log; exit 1; }
import sys

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers.vector import RecordEpisodeStatistics


class Count(gym.Env):
    observation_space = gym.spaces.Box(0, 100, (1,))
    action_space = gym.spaces.Discrete(2)

    def __init__(self, steps):
        self.steps = steps

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.step_number = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.step_number += 1
        observation = np.array([self.step_number], np.float32)
        return observation, float(self.step_number), self.step_number == self.steps, False, {}


def long_episode(mode, inside=False):
    wrap = gym.wrappers.RecordEpisodeStatistics if inside else lambda env: env
    envs = SyncVectorEnv([lambda: wrap(Count(2)), lambda: wrap(Count(5))], autoreset_mode=mode)
    envs = envs if inside else RecordEpisodeStatistics(envs)
    envs.reset(seed=0)
    while True:
        _, _, terminated, _, info = envs.step(np.zeros(2, int))
        if terminated[1]:
            return float(info["episode"]["r"][1]), int(info["episode"]["l"][1])
        if terminated.any() and mode == AutoresetMode.DISABLED:
            options = {"reset_mask": terminated}
            envs.reset(options=options)
            if options:
                sys.exit("reset_mask stays in the caller's dict now")


for mode, inside, expected in [
    (AutoresetMode.NEXT_STEP, False, (15.0, 5)),
    (AutoresetMode.SAME_STEP, False, (15.0, 5)),
    (AutoresetMode.DISABLED, False, (5.0, 1)),
    (AutoresetMode.DISABLED, True, (15.0, 5)),
]:
    seen = long_episode(mode, inside)
    print(f"{mode.name}, wrapper {'inside' if inside else 'outside'}: return {seen[0]}, length {seen[1]}")
    if seen != expected:
        sys.exit(f"{mode.name}: expected {expected}")
PY
echo "as described"
