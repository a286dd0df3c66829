#!/usr/bin/env bash
# pettingzoo 1.27.0: parallel_seed_test passes an environment whose observations are unseeded noise from the second step on.
#
# An environment of 50 steps for two players, asked for 100 cycles. Noise from the first step on: fails, as it should.
# Noise from the second step on: passes. It steps each of its two copies once. The loop ends
# when `any(terminations)` holds; on a dictionary that tests the keys, and names of players are true.
# One expects a test with a `num_cycles` argument (500 by default) to compare that many steps.
# It does not show that an environment is deterministic; compare whole episodes yourself.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check pettingzoo==1.27.0 gymnasium==1.4.0 numpy==2.4.6
env/bin/python -W ignore - 2>log <<'PY' || { tail -n 1 log; exit 1; }
import sys

import gymnasium as gym
import numpy as np
from pettingzoo import ParallelEnv
from pettingzoo.test import parallel_seed_test


class Noise(ParallelEnv):
    metadata = {"name": "noise_v0"}
    render_mode = None

    def __init__(self, first_unseeded):
        self.first_unseeded, self.steps = first_unseeded, 0
        self.possible_agents = ["player_0", "player_1"]
        self.observation_spaces = {name: gym.spaces.Box(0, 1, (1,)) for name in self.possible_agents}
        self.action_spaces = {name: gym.spaces.Discrete(2) for name in self.possible_agents}

    def observation_space(self, agent):
        return self.observation_spaces[agent]

    def action_space(self, agent):
        return self.action_spaces[agent]

    def observe(self):
        random = self.random if self.steps < self.first_unseeded else np.random.default_rng()
        return {name: random.random(1).astype(np.float32) for name in self.possible_agents}

    def reset(self, seed=None, options=None):
        self.agents, self.steps, self.random = list(self.possible_agents), 0, np.random.default_rng(seed)
        return self.observe(), {name: {} for name in self.agents}

    def step(self, actions):
        self.steps += 1
        players, over = self.agents, self.steps == 50
        if over:
            self.agents = []
        every = lambda value: {name: value for name in players}
        return self.observe(), every(0.0), every(over), every(False), {name: {} for name in players}


def passes(first_unseeded):
    made = []
    try:
        parallel_seed_test(lambda: made.append(Noise(first_unseeded)) or made[-1], num_cycles=100)
        return True, [env.steps for env in made]
    except AssertionError:
        return False, [env.steps for env in made]


for first, expected in ((1, False), (2, True)):
    seen, steps = passes(first)
    print(f"noise from step {first} on: {'passes' if seen else 'fails'} after {steps} steps")
    if seen != expected or steps != [1, 1]:
        sys.exit("the test looks at other steps now")
PY
echo "as described"
