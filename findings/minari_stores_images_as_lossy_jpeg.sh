#!/usr/bin/env bash
# minari 0.5.4: which image observations come back as they were written depends on their shape, and (H, W, 1) cannot be written.
#
# Four frames, zero with a rectangle of 200, uint8 with bounds 0 and 255, written by `create_dataset_from_buffers` with
# its defaults and read back. (84, 84) and (84, 84, 3): pixels differ by up to 25, for they are stored as JPEG.
# (4, 84, 84), a frame stack with channels first: exact. (84, 84, 1), gray with its channel kept: "TypeError: Cannot
# handle this data type: (1, 1, 1), |u1". (31, 31, 3): exact. With `jpeg_encoding=False` all five are exact.
# One expects a dataset to hold what was observed, and the error does not name the encoding. A grid of symbols in the
# shape of a picture is damaged without a word, and hashes of frames no longer match. Pass `jpeg_encoding=False`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check "minari[hdf5]==0.5.4" gymnasium==1.4.0 numpy==2.4.6 pillow==13.0.0
MINARI_DATASETS_PATH="$work" env/bin/python -W ignore - 2>log <<'PY' || { tail -n 1 log; exit 1; }
import sys

import gymnasium as gym
import minari
import numpy as np
from minari.data_collector.episode_buffer import EpisodeBuffer


def error(number, shape, **settings):
    frames = [np.zeros(shape, np.uint8) for _ in range(4)]
    for frame in frames:
        frame[tuple(slice(size // 4, size // 2) if size > 4 else slice(None) for size in shape)] = 200
    episode = EpisodeBuffer(
        observations=frames, actions=[np.int64(0)] * 3, rewards=[1.0] * 3, terminations=[False] * 3,
        truncations=[False, False, True], infos={},
    )
    name = f"demo/frames-v{number}"
    try:
        minari.create_dataset_from_buffers(
            name, [episode], observation_space=gym.spaces.Box(0, 255, shape, np.uint8),
            action_space=gym.spaces.Discrete(2), **settings,
        )
    except TypeError as failure:
        return str(failure)
    read = next(minari.load_dataset(name).iterate_episodes()).observations
    return int(np.abs(read.astype(int) - np.array(frames)).max())


shapes = [(84, 84), (84, 84, 3), (4, 84, 84), (84, 84, 1), (31, 31, 3)]
for number, shape in enumerate(shapes):
    default, exact = error(number, shape), error(number + 100, shape, jpeg_encoding=False)
    print(f"{shape}: {default} by default, {exact} with jpeg_encoding=False")
    if shape in ((84, 84), (84, 84, 3)):
        holds = isinstance(default, int) and default > 5
    elif shape == (84, 84, 1):
        holds = isinstance(default, str)
    else:
        holds = default == 0
    if not holds or exact != 0:
        sys.exit(f"{shape} is stored in another way now")
PY
echo "as described"
