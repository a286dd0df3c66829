#!/usr/bin/env bash
# MinAtar 1.0.15 through Gymnasium 1.4.0: a picture of render_mode="rgb_array" is float64 in [0, 1], 10 × 10 × 3.
#
# Gymnasium asks for "RGB values" of shape (height, width, 3), and those of its own environments are uint8. Converted to that,
# every pixel of a MinAtar picture becomes 0: what is shown or filmed is black, and nothing warns. Its environments also
# declare no `render_fps`, which RecordVideo takes as 30.
# One expects bytes, and more than a pixel per cell.
# Whoever shows them multiplies floats by 255 and scales without smoothing.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check MinAtar==1.0.15 gymnasium==1.4.0 numpy==2.4.6
env/bin/python -W ignore - 2>log <<'PY' || { tail -n 1 log; exit 1; }
import gymnasium as gym
import minatar.gym
import numpy as np

minatar.gym.register_envs()
for name in ("Asterix", "Breakout", "Freeway", "Seaquest", "SpaceInvaders"):
    env = gym.make(f"MinAtar/{name}-v1", render_mode="rgb_array")
    env.reset(seed=0)
    for _ in range(5):
        env.step(0)
    frame = env.render()
    as_bytes = frame.astype(np.uint8)
    print(name, frame.shape, frame.dtype, f"brightest {frame.max():.2f}, as bytes {as_bytes.max()}", "fps", env.metadata.get("render_fps"))
    assert frame.shape == (10, 10, 3) and frame.dtype == np.float64, "no longer so"
    assert 0.0 < frame.max() <= 1.0 and "render_fps" not in env.metadata, "no longer so"
    assert as_bytes.max() == 0, "no longer so"
PY
