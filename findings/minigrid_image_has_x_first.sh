#!/usr/bin/env bash
# minigrid 3.2.0 with gymnasium 1.4.0: the observation called "image" is indexed [x, y], and its bytes are symbols, not brightness.
#
# MiniGrid-Empty-5x5-v0, seed 0: the agent is at (1, 1) and looks right, the goal is at (3, 3): two cells ahead and two to
# the right. In the (7, 7, 3) uint8 array the goal (object number 8) is at [5, 4]: first index the column (the agent's is
# 3), second the row from far to near (the agent's is 6). As a picture, rows first, the view lies on its side.
# The largest byte is 8 although the space says 0 to 255.
# A uint8 array of three channels called "image" is taken for a picture: division by 255 leaves next to nothing, and
# "up" in the array is the agent's left. Transpose before plotting or flipping, and give networks one-hot cells:
# OneHotPartialObsWrapper makes the array (7, 7, 20).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check gymnasium==1.4.0 numpy==2.4.6 minigrid==3.2.0
env/bin/python -W ignore - 2>log <<'PY' || { tail -n 1 log; exit 1; }
import sys

import gymnasium as gym
import minigrid
import numpy as np
from minigrid.core.constants import OBJECT_TO_IDX
from minigrid.wrappers import OneHotPartialObsWrapper

env = gym.make("MiniGrid-Empty-5x5-v0")
observation, _ = env.reset(seed=0)
image, world = observation["image"], env.unwrapped
agent = tuple(int(value) for value in world.agent_pos)
goal = next((x, y) for x in range(5) for y in range(5) if getattr(world.grid.get(x, y), "type", "") == "goal")
seen = np.argwhere(image[:, :, 0] == OBJECT_TO_IDX["goal"]).tolist()
print(f"agent {agent}, direction {observation['direction']}, goal {goal}, goal in the image {seen}, largest byte {image.max()}")
one_hot = OneHotPartialObsWrapper(env).observation_space["image"].shape
print(f"one-hot: {one_hot}")
for holds, why in [
    (agent == (1, 1) and observation["direction"] == 0 and goal == (3, 3), "the level is another one"),
    (seen == [[5, 4]], "the goal is elsewhere in the image"),
    (image.max() == 8 and env.observation_space["image"].high.max() == 255, "bytes have another range"),
    (one_hot == (7, 7, 20), "one-hot cells have another size"),
]:
    if not holds:
        sys.exit(why)
PY
echo "as described"
