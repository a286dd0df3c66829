#!/usr/bin/env bash
# gymnasium 1.4.0: NormalizeReward's running return starts anew one step early after a termination, never after a truncation.
#
# The wrapper divides rewards by the deviation of a discounted return that it sums up step by step (gamma 0.99).
# Reward 1 a step, episodes of 5 steps, `reset` called after each. Expected: 1, 1.99, 2.97, 3.94, 4.90, and again.
# Seen with `terminated`: 1, 1.99, 2.97, 3.94, 1, then 1.99, 2.97, 3.94, 4.90, 1: the earlier return is dropped before
# the last reward is added, and that reward counts into the next episode. Seen with `truncated`: 20 steps give 18.2, as
# if there were no episodes; neither the end nor `reset` changes the sum. The vector version with NEXT_STEP does both, too.
# One expects the sum to be an episode's discounted return. In tasks that only end by their limit, such as HalfCheetah,
# the scale is that of one endless episode; where failing costs a lot, the cost lands in the sum of the next episode.
# A normalizer of one's own that starts anew after each end learns another scale from the same data.
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
from gymnasium.wrappers import NormalizeReward
from gymnasium.wrappers.vector import NormalizeReward as VectorNormalizeReward


class Fives(gym.Env):
    observation_space = gym.spaces.Box(0, 5, (1,))
    action_space = gym.spaces.Discrete(2)

    def __init__(self, terminates):
        self.terminates = terminates

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.steps += 1
        end = self.steps == 5
        observation = np.array([self.steps], np.float32)
        return observation, 1.0, end and self.terminates, end and not self.terminates, {}


def single(terminates):
    env, returns = NormalizeReward(Fives(terminates), gamma=0.99), []
    for _ in range(4):
        env.reset()
        for _ in range(5):
            env.step(0)
            returns.append(float(env.discounted_reward[0]))
    return returns


def vector(terminates):
    envs = gym.vector.SyncVectorEnv([lambda: Fives(terminates)])
    envs, returns, ended = VectorNormalizeReward(envs, gamma=0.99), [], False
    envs.reset()
    while len(returns) < 20:
        _, _, terminated, truncated, _ = envs.step(np.zeros(1, int))
        if not ended:
            returns.append(float(envs.accumulated_reward[0]))
        ended = terminated[0] or truncated[0]
    return returns


def check(name, seen, expected):
    print(f"{name}: {np.round(seen, 2).tolist()}")
    if not np.allclose(seen, expected, atol=1e-3):
        sys.exit(f"{name}: other returns than described")


powers = np.cumsum(0.99 ** np.arange(20))
first, later = [*powers[:4], 1.0], [*powers[1:5], 1.0]
for name, run in (("single", single), ("vector", vector)):
    check(f"{name}, terminated", run(True), [*first, *later, *later, *later])
    check(f"{name}, truncated", run(False), powers)
PY
echo "as described"
