"""PettingZoo's parallel environments."""

import warnings

import numpy as np
import pytest

import entropy_arcade
from entropy_arcade import WORLDS

pettingzoo_test = pytest.importorskip("pettingzoo.test")

SEVERAL = [world.name for world in WORLDS.values() if world.players > 1]


@pytest.mark.parametrize("name", SEVERAL)
def test_every_world_keeps_pettingzoos_contract(name):
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        pettingzoo_test.parallel_api_test(entropy_arcade.parallel_env(name), num_cycles=1000)
    assert [str(warning.message) for warning in given if "entropy" in str(warning.filename) or "Agent" in str(warning.message)] == []


@pytest.mark.parametrize("name", SEVERAL)
def test_an_episode_depends_on_its_seed_and_actions_alone(name):
    # The library's own test of this looks at one step only (PettingZoo 1.27).
    def play(seed, before):
        env = entropy_arcade.parallel_env(name)
        env.reset(seed=1)
        for index, agent in enumerate(env.possible_agents):
            env.action_space(agent).seed(7 + index)
        for _ in range(before):
            env.step({agent: env.action_space(agent).sample() for agent in env.agents})
        observations, _ = env.reset(seed=seed)
        for index, agent in enumerate(env.possible_agents):
            env.action_space(agent).seed(index)
        seen = []
        for _ in range(500):
            observations, rewards, *_ = env.step({agent: env.action_space(agent).sample() for agent in env.agents})
            seen.extend(np.ravel(part) for own in observations.values() for part in _parts(own))
            seen.append(np.array(list(rewards.values())))
            if not env.agents:
                env.reset()
        return np.concatenate(seen)

    assert np.array_equal(play(5, 0), play(5, 9))
    assert not np.array_equal(play(5, 0), play(6, 0))


def _parts(observation):
    return observation.values() if isinstance(observation, dict) else [observation]


def test_supersuit_makes_a_vector_of_it():
    supersuit = pytest.importorskip("supersuit")
    envs = supersuit.pettingzoo_env_to_vec_env_v1(entropy_arcade.parallel_env("paddle-duel"))
    envs = supersuit.concat_vec_envs_v1(envs, 2, base_class="gymnasium")
    observations, _ = envs.reset(seed=1)
    assert observations.shape[0] == 4
    assert envs.step(np.zeros(4, dtype=np.int64))[0].shape == observations.shape


def test_teams_and_results_are_in_the_infos():
    env = entropy_arcade.parallel_env("paddle-duel", episode_limit=5)
    _, infos = env.reset(seed=1)
    assert [infos[agent]["team"] for agent in env.possible_agents] == [0, 1]
    while env.agents:
        *_, infos = env.step(dict.fromkeys(env.agents, 0))
    assert {"success", "score", "team"} == infos["player_0"].keys()
    with pytest.raises(RuntimeError, match="reset"):
        env.step({})


def test_what_cannot_be_is_refused_in_one_line():
    with pytest.raises(ValueError, match="has one player"):
        entropy_arcade.parallel_env("lander")
    env = entropy_arcade.parallel_env("tag")
    env.reset(seed=1)
    with pytest.raises(ValueError, match="no action of player_1"):
        env.step({"player_0": 0})
