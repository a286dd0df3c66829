"""The vector environment for Stable-Baselines3, where it is installed."""

import numpy as np
import pytest

pytest.importorskip("stable_baselines3")

from stable_baselines3 import PPO
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.vec_env import VecMonitor

from entropy_arcade import ArcadeEnv
from entropy_arcade.sb3 import ArcadeVecEnv


@pytest.mark.parametrize("name", ["cartpole", "lander", "pendulum"])
def test_single_environments_pass_its_checker(name):
    check_env(ArcadeEnv(name), warn=True)


def test_ends_carry_the_final_observation():
    envs = ArcadeVecEnv("cartpole", 3)
    envs.seed(7)
    first = envs.reset()
    envs.seed(7)
    assert np.array_equal(first, envs.reset()) and not np.array_equal(first, envs.reset())
    ends = 0
    for _ in range(60):
        seen, _, ended, infos = envs.step(np.zeros(3, dtype=np.int64))
        for env in np.flatnonzero(ended):
            ends += 1
            assert abs(infos[env]["terminal_observation"][2]) > 0.2 > abs(seen[env][2])
            assert not infos[env]["TimeLimit.truncated"]
    assert ends > 10


def test_ppo_learns_from_it():
    envs = VecMonitor(ArcadeVecEnv("cartpole", 8, threads=1))
    PPO("MlpPolicy", envs, n_steps=64, device="cpu", seed=1).learn(2000)
