"""The vector environment for Stable-Baselines3, where it is installed."""

import copy

import numpy as np
import pytest

pytest.importorskip("stable_baselines3")

from stable_baselines3 import PPO
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.env_util import make_vec_env
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


def test_it_makes_environments_by_id():
    # It asks for pictures first.
    make_vec_env("EntropyArcade/CartPole-v0", 2).reset()


def test_a_grid_needs_no_convolution_where_it_is_flat():
    envs = ArcadeVecEnv("lava-room", 4, flat=True, frame_stack=2)
    PPO("MlpPolicy", envs, n_steps=32, device="cpu", seed=1).learn(128)
    assert copy.deepcopy(envs).reset().shape == envs.reset().shape


def test_ppo_learns_from_it():
    envs = VecMonitor(ArcadeVecEnv("cartpole", 8, threads=1))
    PPO("MlpPolicy", envs, n_steps=64, device="cpu", seed=1).learn(2000)
