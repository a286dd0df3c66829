#!/usr/bin/env bash
# gymnasium 1.4.0 with Box2D 2.3.10: LunarLander-v3 returns observations far outside its observation space, and stays alive there.
#
# The space bounds the two positions by 2.5. With the main engine on in every step, 50 episodes: almost half of the
# observations are outside, the height reaches 30. Leaving at the top does not end an episode.
# With random actions all observations of 50 episodes are inside, so a quick test finds nothing.
# Finite bounds are read as a promise, and a policy that has just learned not to crash does fly up.
# Scaling by the bounds gives numbers up to 12 there; a checker that ends a run on an observation outside the space
# ends good runs. Clip, or use statistics of what was seen.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check gymnasium==1.4.0 numpy==2.4.6 box2d==2.3.10 pygame-ce==2.5.8
env/bin/python -W ignore - 2>log <<'PY' || { tail -n 1 log; exit 1; }
import sys

import gymnasium as gym
import numpy as np

MAIN_ENGINE = 2


def fly(action=None):
    env, outside, steps, height = gym.make("LunarLander-v3"), 0, 0, 0.0
    env.action_space.seed(0)
    for seed in range(50):
        env.reset(seed=seed)
        over = False
        while not over:
            move = env.action_space.sample() if action is None else action
            observation, _, terminated, truncated, _ = env.step(move)
            steps, over = steps + 1, terminated or truncated
            outside += not env.observation_space.contains(observation)
            height = max(height, float(observation[1]))
    return steps, outside, height


bound = float(gym.make("LunarLander-v3").observation_space.high[1])
for name, action in (("random", None), ("main engine", MAIN_ENGINE)):
    steps, outside, height = fly(action)
    print(f"{name}: {outside} of {steps} observations outside, height up to {height:.1f}, bound {bound}")
    if action is None and outside:
        sys.exit("random flight leaves the space now")
    if action is not None and (bound != 2.5 or outside < steps / 4 or height < 20):
        sys.exit("flight with the main engine stays inside now")
PY
echo "as described"
