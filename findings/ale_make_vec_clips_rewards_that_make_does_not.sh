#!/usr/bin/env bash
# ale-py 0.12.1 with gymnasium 1.4.0: one Atari id is two tasks, through `make` and through `make_vec`.
#
# `gym.make("ALE/SpaceInvaders-v5")`: colored frames (210, 160, 3), rewards 0, 5, 10 … as in the game.
# `gym.make_vec("ALE/SpaceInvaders-v5", num_envs=2)`: AtariVectorEnv with four stacked gray frames (4, 84, 84), and every
# reward is 0 or 1, of type int32; `reward_clipping=False` gives 5, 10 … again. With `vectorization_mode="sync"` frames and
# rewards are those of `make`.
# One expects `make_vec` to run copies of what `make` runs; returns measured through it are counts of scoring events.
# Scores meant for comparison with published ones need `reward_clipping=False` or the single environment.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check gymnasium==1.4.0 numpy==2.4.6 ale-py==0.12.1
env/bin/python -W ignore - 2>log <<'PY' || { tail -n 1 log; exit 1; }
import sys

import ale_py
import gymnasium as gym
import numpy as np


def vector(**settings):
    envs = gym.make_vec("ALE/SpaceInvaders-v5", num_envs=2, **settings)
    shape, seen = envs.single_observation_space.shape, set()
    envs.reset(seed=0)
    envs.action_space.seed(0)
    for _ in range(500):
        _, rewards, _, _, _ = envs.step(envs.action_space.sample())
        seen |= set(rewards.tolist())
    return type(envs.unwrapped).__name__, shape, sorted(seen), rewards.dtype.name


def single():
    env, seen = gym.make("ALE/SpaceInvaders-v5"), set()
    env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(1000):
        _, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        seen.add(reward)
        if terminated or truncated:
            env.reset()
    return "make", env.observation_space.shape, sorted(seen), type(reward).__name__


clipped, raw, sync, one = vector(), vector(reward_clipping=False), vector(vectorization_mode="sync"), single()
for name, row in (("make_vec", clipped), ("reward_clipping=False", raw), ("sync", sync), ("make", one)):
    print(name, *row)
for holds, why in [
    (clipped[:2] == ("AtariVectorEnv", (4, 84, 84)), "make_vec gives other frames now"),
    (clipped[2] == [0, 1] and clipped[3] == "int32", "make_vec's rewards are not 0 and 1 of int32"),
    (max(raw[2]) > 1, "reward_clipping=False clips too"),
    (sync[1] == one[1] == (210, 160, 3), "sync or make give other frames now"),
    (max(sync[2]) > 1 and max(one[2]) > 1, "sync or make clip rewards now"),
]:
    if not holds:
        sys.exit(why)
PY
echo "as described"
