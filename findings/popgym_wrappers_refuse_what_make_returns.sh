#!/usr/bin/env bash
# popgym 1.0.7 with gymnasium 1.4.0: its wrappers refuse the environments that gymnasium.make returns, without a word.
#
# PreviousAction(gym.make("popgym-RepeatFirstEasy-v0")) raises an AssertionError with an empty message: the wrapper expects
# one of POPGym's own classes, and make returns Gymnasium's environment checker around it. With disable_env_checker=True,
# or around env.unwrapped, it works.
# One expects the wrappers of a package to go around what its own ids make.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check popgym==1.0.7 gymnasium==1.4.0 numpy==2.4.6
env/bin/python -W ignore - 2>log <<'PY' || { tail -n 1 log; exit 1; }
import gymnasium as gym
import popgym
from popgym.wrappers import PreviousAction

made = gym.make("popgym-RepeatFirstEasy-v0")
print("make returns", made)
try:
    answer = str(PreviousAction(made).observation_space)
except AssertionError as error:
    answer = f"AssertionError {str(error)!r}"
print("around it:", answer)
assert answer == "AssertionError ''", "no longer so"
for name, env in (
    ("around env.unwrapped", made.unwrapped),
    ("with disable_env_checker=True", gym.make("popgym-RepeatFirstEasy-v0", disable_env_checker=True)),
):
    space = PreviousAction(env).observation_space
    print(f"{name}: {space}")
    assert isinstance(space, gym.spaces.Tuple) and len(space) == 2, "no longer so"
PY
