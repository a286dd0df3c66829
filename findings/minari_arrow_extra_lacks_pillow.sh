#!/usr/bin/env bash
# minari 0.5.4: the extra for its arrow format does not install what reading that format imports.
#
# After `pip install "minari[arrow]"` a dataset of data_format="arrow" can be neither created nor read: the storage imports
# Pillow, for the JPEG form of images, whether or not there are any. With Pillow it works.
# One expects the extra named after a format to bring what the format needs.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check "minari[arrow]==0.5.4" gymnasium==1.4.0 numpy==2.4.6
cat >create.py <<'PY'
import gymnasium as gym
from minari.dataset.minari_storage import MinariStorage

space = gym.spaces.Box(-1.0, 1.0, (2,))
kept = MinariStorage.new("kept", observation_space=space, action_space=gym.spaces.Discrete(2), data_format="arrow")
print("created", kept.metadata["data_format"])
PY
answer=$(env/bin/python -W ignore create.py 2>&1 | tail -n 1) || true
echo "with minari[arrow]: $answer"
[ "$answer" = "ModuleNotFoundError: No module named 'PIL'" ] || { echo "no longer so"; exit 1; }
env/bin/pip install -q --disable-pip-version-check pillow==12.0.0
rm -rf kept
answer=$(env/bin/python -W ignore create.py 2>&1 | tail -n 1) || true
echo "with pillow as well: $answer"
[ "$answer" = "created arrow" ] || { echo "no longer so"; exit 1; }
