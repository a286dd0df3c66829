"""Pictures of single, vector and parallel environments."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.wrappers import RecordEpisodeStatistics, RenderCollection

import entropy_arcade


@pytest.mark.parametrize("name", list(entropy_arcade.WORLDS))
def test_every_world_is_drawn_and_moves(name):
    env = entropy_arcade.ArcadeEnv(name, render_mode="rgb_array")
    env.reset(seed=1)
    first = env.render()
    assert first.dtype == np.uint8 and first.ndim == 3 and first.shape[2] == 3
    assert max(first.shape) == 480 and first.shape[0] % 2 == first.shape[1] % 2 == 0
    assert len(np.unique(first.reshape(-1, 3), axis=0)) > 2
    env.action_space.seed(1)
    for _ in range(12):
        if any(env.step(env.action_space.sample())[2:4]):
            env.reset()
    later = env.render()
    assert later.shape == first.shape and not np.array_equal(later, first)
    assert 1 <= env.metadata["render_fps"] <= 200


def test_gymnasium_makes_them_and_collects_their_frames():
    env = gym.make("EntropyArcade/Lander-v0", render_mode="rgb_array")
    env = RenderCollection(RecordEpisodeStatistics(env))
    env.reset(seed=3)
    ended = False
    while not ended:
        _, _, terminated, truncated, info = env.step(env.action_space.sample())
        ended = terminated or truncated
    frames = env.render()
    assert len(frames) == info["episode"]["l"] + 1 and not np.array_equal(frames[0], frames[-1])


def test_a_vector_shows_every_environment():
    envs = gym.make_vec("EntropyArcade/PaddleDuel-v0", num_envs=3, render_mode="rgb_array")
    envs.reset(seed=1)
    for _ in range(5):
        envs.step(envs.action_space.sample())
    pictures = envs.render()
    assert len(pictures) == 3 and not np.array_equal(pictures[0], pictures[1])
    single = entropy_arcade.ArcadeVectorEnv(4, "paddle-duel", self_play=True, render_mode="rgb_array")
    single.reset(seed=1)
    both = single.render()
    assert len(both) == 4 and np.array_equal(both[0], both[1]) and not np.array_equal(both[0], both[2])


def test_players_of_a_parallel_environment_share_one():
    env = entropy_arcade.parallel_env("tag", render_mode="rgb_array")
    env.reset(seed=1)
    assert env.render().shape[2] == 3
    assert entropy_arcade.parallel_env("tag").render() is None


def test_other_modes_are_refused_and_no_mode_draws_nothing():
    for make in (entropy_arcade.ArcadeEnv, entropy_arcade.parallel_env):
        with pytest.raises(ValueError, match="render_mode = 'human'"):
            make("tag", render_mode="human")
    env = entropy_arcade.ArcadeEnv("lava-room")
    env.reset(seed=1)
    assert env.render() is None
