#!/usr/bin/env bash
# gymnasium 1.4.0 with mujoco 4.0.0: on the step that falls, the v5 MuJoCo tasks pay no healthy reward and the v4 tasks do.
#
# Same seed, same random actions, the step that terminates. Hopper and Ant: the v5 reward is 1 less than the v4 reward,
# Humanoid: 5 less, InvertedDoublePendulum: 10 less, InvertedPendulum: 0 instead of 1. All earlier rewards of Hopper and
# InvertedPendulum are equal in both versions.
# One expects "one point for each step survived" in both, so that the return of InvertedPendulum is the episode's length;
# in v5 an episode that falls after n steps returns n - 1.
# Published v4 returns of short episodes are not those of v5, and a reward that is rebuilt from the observation has to
# know about the end.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check "gymnasium[mujoco]==1.4.0" numpy==2.4.6 mujoco==4.0.0
env/bin/python -W ignore - 2>log <<'PY' || { tail -n 1 log; exit 1; }
import sys

import gymnasium as gym
import numpy as np


def rewards(task):
    env, rewards, terminated = gym.make(task), [], False
    env.reset(seed=0)
    env.action_space.seed(1)
    while not terminated:
        _, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        rewards.append(float(reward))
        if truncated:
            sys.exit(f"{task} did not fall")
    return np.array(rewards)


for name, healthy in [
    ("Hopper", 1.0),
    ("Ant", 1.0),
    ("Humanoid", 5.0),
    ("InvertedPendulum", 1.0),
    ("InvertedDoublePendulum", 10.0),
]:
    old, new = rewards(f"{name}-v4"), rewards(f"{name}-v5")
    print(f"{name}, step {len(new)} falls: v4 {old[-1]:.3f}, v5 {new[-1]:.3f}")
    if len(old) != len(new) or not np.isclose(old[-1] - new[-1], healthy, atol=1e-6):
        sys.exit(f"{name}: the difference is not {healthy}")
    if name in ("Hopper", "InvertedPendulum") and not np.allclose(old[:-1], new[:-1], atol=1e-6):
        sys.exit(f"{name}: rewards before the fall differ")
PY
echo "as described"
