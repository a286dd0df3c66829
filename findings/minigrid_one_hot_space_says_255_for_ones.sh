#!/usr/bin/env bash
# MiniGrid 3.2.0, OneHotPartialObsWrapper: the image's space is Box(0, 255, uint8), and its values are 0 and 1.
#
# The planes are one-hot, exactly three ones a cell (object, color, state), yet the declared upper bound is 255. A network
# that divides bytes by the space's bound, as image encoders of the usual libraries do for uint8, sees ones as 0.004 and
# learns next to nothing from them; nothing fails, since 1 lies within the bound.
# One expects a wrapper that changes the meaning of an image to change its bound to 1.
# Beside it: the mission's space of the same observation raises NotImplementedError, without a message, when it is asked
# whether it can be flattened (`is_np_flattenable`), where every space of Gymnasium answers True or False. A walk over the
# parts of a Dict has to expect it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check minigrid==3.2.0 gymnasium==1.4.0 numpy==2.4.6
env/bin/python -W ignore - 2>log <<'PY' || { tail -n 1 log; exit 1; }
import gymnasium as gym
import minigrid
import numpy as np
from minigrid.wrappers import OneHotPartialObsWrapper

env = OneHotPartialObsWrapper(gym.make("MiniGrid-Empty-5x5-v0"))
space = env.observation_space["image"]
image = env.reset(seed=0)[0]["image"]
values, ones = np.unique(image).tolist(), int(image.sum())
print(f"image space: {space.low.min()} to {space.high.max()} {space.dtype}; values seen: {values}; ones: {ones}")
assert (int(space.high.max()), values, ones) == (255, [0, 1], 3 * 49), "no longer so"

try:
    answer = env.observation_space["mission"].is_np_flattenable
except NotImplementedError as error:
    answer = f"NotImplementedError {str(error)!r}"
print("mission.is_np_flattenable:", answer)
assert answer == "NotImplementedError ''", "no longer so"
PY
