#!/usr/bin/env bash
# SuperSuit 3.11.0 with pettingzoo 1.27.0: without a seed, the environments of concat_vec_envs_v1 all play the same episode.
#
# It makes its environments by pickling the one it is given, random generator included. Three copies of an environment that
# draws its observations from a generator of its own show the same number three times, at the reset and at every step, until
# reset(seed=...) is called, which gives each another seed. An environment that cannot be pickled is refused, though
# everything runs in one process.
# One expects the environments of a vector to differ, or the copies to be made by calling something.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check supersuit==3.11.0 pettingzoo==1.27.0 gymnasium==1.4.0 numpy==2.4.6
env/bin/python -W ignore - <<'PY'
import numpy as np
import supersuit
from gymnasium.spaces import Box, Discrete
from pettingzoo import ParallelEnv


class Noise(ParallelEnv):
    metadata = {"name": "noise_v0", "render_modes": []}
    render_mode = None

    def __init__(self):
        self.possible_agents, self.agents = ["player_0"], []
        self.rng = np.random.default_rng()
        self.seen, self.choice = Box(0.0, 1.0, (1,), np.float32), Discrete(2)

    def observation_space(self, agent):
        return self.seen

    def action_space(self, agent):
        return self.choice

    def look(self):
        return {"player_0": self.rng.random(1).astype(np.float32)}

    def reset(self, seed=None, options=None):
        if seed is not None:
            self.rng = np.random.default_rng(seed)
        self.agents = list(self.possible_agents)
        return self.look(), {"player_0": {}}

    def step(self, actions):
        one = {"player_0": False}
        return self.look(), {"player_0": 0.0}, one, dict(one), {"player_0": {}}


envs = supersuit.concat_vec_envs_v1(supersuit.pettingzoo_env_to_vec_env_v1(Noise()), 3, base_class="gymnasium")
none = np.zeros(3, dtype=np.int64)
for seed in (None, 1):
    first, second = envs.reset(seed=seed)[0].ravel(), envs.step(none)[0].ravel()
    different = [len(set(own.tolist())) for own in (first, second)]
    print(f"reset(seed={seed}): {first}, then {second}")
    assert different == ([1, 1] if seed is None else [3, 3]), "no longer so"

locked = Noise()
locked.handle = (line for line in ())
try:
    supersuit.concat_vec_envs_v1(supersuit.pettingzoo_env_to_vec_env_v1(locked), 3, base_class="gymnasium")
    answer = "made"
except TypeError as error:
    answer = str(error)
print("one that holds a generator:", answer)
assert "cannot pickle" in answer, "no longer so"
PY
