#!/usr/bin/env bash
# gymnasium 1.4.0 with mujoco 4.0.0: an action beyond the bounds moves the body as the bound itself does, but is charged in full.
#
# HalfCheetah-v5, first step, all six motors at 1.0 (the upper bound): control cost 0.6. All at 5.0: the observation is
# the same to the last bit, the control cost is 15. Infinity: again the same observation, reward minus infinity. No
# error, no warning about the bounds, no end. MountainCarContinuous-v0 does the same (cost 0.1 and 2.5); Pendulum-v1
# clips first and charges the clipped torque.
# One expects either clipping before everything, or an error, since the action is not in the action space.
# A Gaussian policy without squashing is punished by a term it cannot see in the motion, and runs with and without
# ClipAction are different tasks.
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


def first_step(task, factor):
    env = gym.make(task)
    env.reset(seed=0)
    observation, reward, terminated, truncated, info = env.step((env.action_space.high * factor).astype(np.float32))
    return observation, float(reward), terminated or truncated, info


def check(holds, why):
    if not holds:
        sys.exit(why)


inside = first_step("HalfCheetah-v5", 1)
for factor, cost in ((5, 15.0), (np.inf, np.inf)):
    beyond = first_step("HalfCheetah-v5", factor)
    print(f"HalfCheetah-v5, {factor} times the bound: control reward {float(beyond[3]['reward_ctrl']):.2f}, reward {beyond[1]:.2f}")
    check(np.array_equal(inside[0], beyond[0]), "the motion is another one now")
    check(np.isclose(-beyond[3]["reward_ctrl"], cost), f"the control cost is not {cost}")
    check(not beyond[2], "the step ends the episode now")
check(np.isclose(-inside[3]["reward_ctrl"], 0.6), "the control cost at the bound is not 0.6")
for task, same in (("MountainCarContinuous-v0", False), ("Pendulum-v1", True)):
    inside, beyond = first_step(task, 1), first_step(task, 5)
    print(f"{task}: reward {inside[1]:.3f} at the bound, {beyond[1]:.3f} at five times the bound")
    check(np.array_equal(inside[0], beyond[0]), f"{task}: the motion is another one now")
    check((inside[1] == beyond[1]) == same, f"{task}: the reward treats the bound in another way now")
PY
echo "as described"
