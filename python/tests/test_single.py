"""Single environments."""

import copy
import json
import os
import pickle
import re
import subprocess
import sys
import warnings
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import entropy_arcade
from entropy_arcade import WORLDS, _core

GOLDEN = Path(__file__).parents[2] / "tests" / "fixtures" / "golden.json"
NORMALIZED = "we recommend using a symmetric and normalized space"


@pytest.mark.parametrize("world", WORLDS.values(), ids=lambda world: world.name)
def test_every_world_keeps_gymnasiums_contract(world):
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        check_env(gym.make(world.id).unwrapped)
    given = [str(warning.message) for warning in given]
    # Pendulum keeps its published torques, -2 to 2.
    assert [said for said in given if not (world.name == "pendulum" and NORMALIZED in said)] == []


@pytest.mark.parametrize("world", WORLDS.values(), ids=lambda world: world.name)
def test_an_episode_depends_on_its_seed_and_actions_alone(world):
    def play(seed, before):
        env = gym.make(world.id).unwrapped
        env.reset(seed=99)
        for _ in range(before):
            env.step(env.action_space.sample())
            if env._ended:
                env.reset()
        seen = []
        observation, _ = env.reset(seed=seed)
        env.action_space.seed(5)
        for _ in range(500):
            seen.append((np.concatenate([np.ravel(own) for own in _parts(observation)]), 0.0, False))
            observation, reward, terminated, truncated, _ = env.step(env.action_space.sample())
            seen.append((np.concatenate([np.ravel(own) for own in _parts(observation)]), reward, terminated))
            if terminated or truncated:
                observation, _ = env.reset()
        return seen

    def same(one, other):
        return all(np.array_equal(a[0], b[0]) and a[1:] == b[1:] for a, b in zip(one, other, strict=True))

    first = play(7, 0)
    assert same(first, play(7, 13)), "what happened before the reset has an effect"
    assert not same(first, play(8, 0)), "the seed has no effect"


def _parts(observation):
    return observation.values() if isinstance(observation, dict) else [observation]


@pytest.mark.skipif(not GOLDEN.exists(), reason="not in a checkout of the arcade")
def test_worlds_play_like_those_of_the_arcade():
    known = json.loads(GOLDEN.read_text())
    for name in WORLDS:
        if name in known:
            assert _core.fingerprint(name) == known[name], name
    for name, level in [("lava-room", 3), ("key-door", 2), ("tag", 1)]:
        assert _core.fingerprint(name, str(level)) == known[f"{name}-{level}.ron"], name
    continuous = '{"actions": "continuous"}'
    for name in ["lander", "cartpole", "cart-pole"]:
        assert _core.fingerprint(name, None, continuous) == known[f"{name}, continuous actions"], name


def test_levels_options_and_players_are_those_of_the_arcade():
    assert gym.make("EntropyArcade/LavaRoom-v0", level="random:1").action_space.n == 5
    lander = gym.make("EntropyArcade/Lander-v0", actions="continuous", frame_stack=2)
    assert lander.action_space.shape == (2,) and lander.observation_space.shape == (16,)
    duel = gym.make("EntropyArcade/PaddleDuel-v0", opponent="shipped")
    duel.reset(seed=3)
    scores = []
    while not scores:
        _, _, terminated, truncated, info = duel.step(0)
        if terminated or truncated:
            scores.append(info["score"])
    assert scores[0] < 0, "whoever stands still loses to the shipped agent"
    short = gym.make("EntropyArcade/Lander-v0", episode_limit=7).unwrapped
    short.reset(seed=1)
    assert [short.step(0)[3] for _ in range(7)] == [False] * 6 + [True]
    flat = gym.make("EntropyArcade/LavaRoom-v0", flat=True)
    observation, _ = flat.reset(seed=1)
    assert observation in flat.observation_space and observation.dtype == np.float32


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"level": 99}, "level"),
        ({"level": 1.5}, "level = 1.5"),
        ({"level": "1", "world": "lander"}, "lander has no levels"),
        ({"flicker": 2}, "flicker = 2"),
        ({"flicker": float("nan")}, "flicker = nan"),
        ({"frame_stack": -1}, "frame_stack = -1"),
        ({"velocity_masked": 1}, "velocity_masked = 1"),
        ({"split": "test"}, "split = test"),
        ({"split": "all"}, "split = 'all'"),
        ({"opponent": "random"}, "opponent = 'random': lava-room has none"),
        ({"partner": "random", "world": "paddle-duel"}, "partner = 'random': paddle-duel has none"),
        ({"opponent": "no-such.agent", "world": "paddle-duel"}, "no-such.agent"),
        ({"world": "no-such-world"}, "no-such-world"),
        ({"episode_limit": 0}, "episode_limit = 0"),
        ({"episode_limit": -1}, "episode_limit = -1"),
        ({"actions": "continuous"}, "world.actions"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(arguments, part):
    with pytest.raises(ValueError, match=".") as error:
        entropy_arcade.ArcadeEnv(**{"world": "lava-room", **arguments})
    assert part in str(error.value) and "\n" not in str(error.value)


def test_unknown_arguments_are_type_errors():
    for arguments in [{"fliker": 0.5}, {"num_envs": 2}, {"autoreset": "same_step"}]:
        with pytest.raises(TypeError, match=next(iter(arguments))):
            entropy_arcade.ArcadeEnv("lava-room", **arguments)


def test_numbers_of_numpy_are_numbers():
    env = entropy_arcade.ArcadeEnv(
        "lava-room", level=np.int64(2), frame_stack=np.int64(2), flicker=np.float32(0.5), episode_limit=np.int32(9)
    )
    assert env.episode_limit == 9
    entropy_arcade.ArcadeVectorEnv(np.int64(2), "cartpole", velocity_masked=np.bool_(True)).reset(seed=np.int64(3))


def test_held_out_levels_are_others():
    starts = []
    for split in ["train", "test"]:
        env = entropy_arcade.ArcadeEnv("lava-room", level="random:2:50", split=split, flat=True)
        starts.append({env.reset(seed=seed)[0].tobytes() for seed in range(60)})
    assert min(map(len, starts)) > 20 and not starts[0] & starts[1]


@pytest.mark.parametrize("text", ["docs/python.md", "README.md", "python/README.md"])
def test_programs_of_the_docs_run(text):
    path = GOLDEN.parents[2] / text
    if not path.exists():
        pytest.skip("not in a checkout of the arcade")
    blocks = re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL)
    blocks = [block for block in blocks if "stable_baselines3" not in block]
    assert blocks
    for block in blocks:
        subprocess.run([sys.executable, "-W", "error", "-c", block], check=True, timeout=120)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_fork_refuses_and_does_not_hang():
    envs = entropy_arcade.ArcadeVectorEnv(64, "lander", threads=2)
    envs.reset(seed=1)
    envs.step(np.zeros(64, dtype=np.int64))
    child = os.fork()
    if child == 0:
        try:
            envs.step(np.zeros(64, dtype=np.int64))
            os._exit(1)
        except RuntimeError as error:
            os._exit(0 if "another process" in str(error) else 2)
    assert os.waitpid(child, 0)[1] == 0


def test_a_closed_environment_says_so():
    env = gym.make("EntropyArcade/CartPole-v0").unwrapped
    env.reset(seed=1)
    env.close()
    env.close()
    for call in [lambda: env.reset(), lambda: env.step(0)]:
        with pytest.raises(RuntimeError, match="closed"):
            call()


def test_a_copy_is_a_new_environment_of_the_same_arguments():
    env = gym.make("EntropyArcade/Lander-v0", episode_limit=9).unwrapped
    first, _ = env.reset(seed=3)
    env.step(0)
    for copied in [pickle.loads(pickle.dumps(env)), copy.deepcopy(env)]:
        assert copied.episode_limit == 9
        with pytest.raises(RuntimeError, match="reset"):
            copied.step(0)
        assert np.array_equal(copied.reset(seed=3)[0], first)


def test_a_bad_action_or_call_changes_nothing():
    env = gym.make("EntropyArcade/CartPole-v0").unwrapped
    with pytest.raises(RuntimeError, match="reset"):
        env.step(0)
    env.reset(seed=1)
    for action in [2, -1]:
        with pytest.raises(ValueError, match=f"action {action}"):
            env.step(action)
    with pytest.raises(TypeError, match="whole numbers"):
        env.step(0.5)
    other = gym.make("EntropyArcade/CartPole-v0").unwrapped
    other.reset(seed=1)
    assert np.array_equal(env.step(1)[0], other.step(1)[0])
    pendulum = gym.make("EntropyArcade/Pendulum-v0").unwrapped
    pendulum.reset(seed=1)
    with pytest.raises(ValueError, match="NaN"):
        pendulum.step([float("nan")])
    for action in [[0.0, 0.0], 0.0, [[0.0], [0.0]]]:
        with pytest.raises(ValueError, match="actions of shape"):
            pendulum.step(action)
    with pytest.raises(TypeError, match="floats"):
        pendulum.step(["a"])
