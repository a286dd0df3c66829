#!/usr/bin/env bash
# gymnasium 1.4.0 with mujoco 4.0.0: one NaN in an action switches every motor off for that step, and observations stay finite.
#
# HalfCheetah-v5, first step, five motors at 1.0 and one NaN, whichever it is: the observation equals that of the action
# zero to the last bit. The reward is NaN through the control cost, no flag is set, and the episode goes on.
# InvertedPendulum-v5 has no control cost: there a NaN action gives reward 1 and finite numbers throughout. MuJoCo prints
# a warning to stderr and writes it to the file MUJOCO_LOG.TXT in the working directory.
# One expects NaN to spread into the state, or the one motor to be lost, or an error.
# A policy that has diverged can go on collecting plausible data (in InvertedPendulum nothing in the transition tells), so
# actions must be checked before they are sent.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check "gymnasium[mujoco]==1.4.0" numpy==2.4.6 mujoco==4.0.0
env/bin/python -W ignore - 2>log <<'PY' || { tail -n 1 log; exit 1; }
import pathlib
import sys

import gymnasium as gym
import numpy as np


def first_step(task, action):
    env = gym.make(task)
    env.reset(seed=0)
    observation, reward, terminated, truncated, _ = env.step(np.array(action, np.float32))
    return observation, float(reward), terminated or truncated


def check(holds, why):
    if not holds:
        sys.exit(why)


still, moved = first_step("HalfCheetah-v5", [0.0] * 6), first_step("HalfCheetah-v5", [1.0] * 6)
check(not np.array_equal(still[0], moved[0]), "the motors do nothing at all")
for motor in range(6):
    action = [1.0] * 6
    action[motor] = np.nan
    observation, reward, ended = first_step("HalfCheetah-v5", action)
    print(f"HalfCheetah-v5, motor {motor} NaN: as without action {np.array_equal(observation, still[0])}, reward {reward}, ended {ended}")
    check(np.array_equal(observation, still[0]), "the motion is not that of the action zero")
    check(np.isnan(reward) and not ended, "the reward is a number or the episode ends")
observation, reward, ended = first_step("InvertedPendulum-v5", [np.nan])
print(f"InvertedPendulum-v5, NaN: observation {observation.round(4)}, reward {reward}, ended {ended}")
check(np.isfinite(observation).all() and reward == 1.0 and not ended, "InvertedPendulum-v5 shows the NaN now")
check("CTRL" in pathlib.Path("MUJOCO_LOG.TXT").read_text(), "MUJOCO_LOG.TXT says nothing about controls")
PY
echo "as described"
