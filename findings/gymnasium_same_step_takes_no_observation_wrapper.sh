#!/usr/bin/env bash
# gymnasium 1.4.0: vector wrappers of observations refuse the autoreset mode SAME_STEP, those of rewards do not.
#
# Around a vector environment with autoreset in the same step, FlattenObservation, NormalizeObservation and
# RescaleObservation raise a ValueError; NormalizeReward and RecordEpisodeStatistics go around it. In NEXT_STEP all do.
# One expects a mode that every environment may choose to go with every wrapper.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check gymnasium==1.4.0 numpy==2.4.6
env/bin/python -W ignore - <<'PY'
import gymnasium as gym
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import vector

observations = [(vector.FlattenObservation, {}), (vector.NormalizeObservation, {}),
                (vector.RescaleObservation, {"min_obs": -1.0, "max_obs": 1.0})]
others = [(vector.NormalizeReward, {}), (vector.RecordEpisodeStatistics, {})]
for mode in (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP):
    for wrapper, arguments in observations + others:
        envs = gym.make_vec("MountainCar-v0", 2, vectorization_mode="sync", vector_kwargs={"autoreset_mode": mode})
        try:
            wrapper(envs, **arguments)
            answer = "goes around it"
        except ValueError as error:
            answer = str(error)
        print(mode.name, wrapper.__name__, answer)
        refused = mode == AutoresetMode.SAME_STEP and (wrapper, arguments) in observations
        expected = "Expected autoreset_mode to be NEXT_STEP or DISABLED" if refused else "goes around it"
        assert answer.startswith(expected), "no longer so"
PY
