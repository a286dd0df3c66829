#!/usr/bin/env bash
# gymnasium 1.4.0 does not look at the entry points of installed packages.
#
# A package that declares the entry point group "gymnasium.envs", as plugins did for 0.26 to 0.29, is installed: its ids
# are unknown, and the error asks whether the package is installed. They are known once the package is imported, or named as
# "package:id".
# One expects an installed plugin to be found, as it was.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir plugin
cat >plugin/pyproject.toml <<'TOML'
[build-system]
requires = ["setuptools==80.9.0"]
build-backend = "setuptools.build_meta"
[project]
name = "some-plugin"
version = "1.0"
[project.entry-points."gymnasium.envs"]
SomePlugin = "some_plugin:register_envs"
[tool.setuptools]
py-modules = ["some_plugin"]
TOML
cat >plugin/some_plugin.py <<'PY'
import gymnasium as gym


def register_envs():
    if "SomePlugin/Pole-v0" not in gym.registry:
        gym.register("SomePlugin/Pole-v0", entry_point="gymnasium.envs.classic_control.cartpole:CartPoleEnv")


register_envs()
PY
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check gymnasium==1.4.0 numpy==2.4.6 ./plugin
env/bin/python -W ignore - <<'PY'
from importlib.metadata import entry_points

import gymnasium as gym

print("declared:", [own.name for own in entry_points(group="gymnasium.envs")])
try:
    gym.make("SomePlugin/Pole-v0")
    answer = "made"
except gym.error.NamespaceNotFound as error:
    answer = str(error)
print("installed only:", answer)
assert answer.startswith("Namespace SomePlugin not found. Have you installed the proper package"), "no longer so"
print("as package:id:", gym.make("some_plugin:SomePlugin/Pole-v0").spec.id)
print("once imported:", gym.make("SomePlugin/Pole-v0").spec.id)
PY
