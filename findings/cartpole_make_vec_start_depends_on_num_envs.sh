#!/usr/bin/env bash
# gymnasium 1.4.0: with one seed, the first CartPole of a vector starts elsewhere when the vector has another length.
#
# `make_vec("CartPole-v1", num_envs=n)` builds CartPoleVectorEnv and not a SyncVectorEnv. It draws the start states of
# all environments from a single generator, feature by feature. Seed 7, first environment: with n = 1 it starts at
# [0.0125, 0.0397, 0.0276, -0.0275], as the single environment does; with n = 2 at [0.0125, 0.0276, -0.0200, -0.0495].
# With `vectorization_mode="sync"` environment i starts, for every n, as the single environment does with seed 7 + i.
# Seed + i is what one expects of any vector, and CartPole is the task on which code is tried first.
# Tests that compare a vector with single environments, or runs with different numbers of environments, need "sync".
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


def starts(count, mode=None):
    envs = gym.make_vec("CartPole-v1", num_envs=count, vectorization_mode=mode)
    return type(envs.unwrapped).__name__, envs.reset(seed=7)[0]


singles = np.stack([gym.make("CartPole-v1").reset(seed=7 + i)[0] for i in range(3)])
for count in (1, 2, 3):
    name, native = starts(count)
    sync_name, sync = starts(count, "sync")
    print(f"{count} environments: {name} {native[0].round(4)}, {sync_name} {sync[0].round(4)}")
    if (name, sync_name) != ("CartPoleVectorEnv", "SyncVectorEnv"):
        sys.exit("make_vec picks other classes now")
    if not np.array_equal(sync, singles[:count]):
        sys.exit("sync no longer equals single environments with seed + i")
    if np.allclose(native[0], singles[0]) != (count == 1):
        sys.exit("the native vector's first start no longer depends on the count")
PY
echo "as described"
