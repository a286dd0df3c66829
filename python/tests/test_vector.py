"""Vector environments against Gymnasium's own of single ones."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers.vector import NormalizeObservation, RecordEpisodeStatistics

from entropy_arcade import WORLDS, ArcadeEnv, ArcadeVectorEnv, parallel_env

SOME = ["lander", "lava-room", "cartpole", "paddle-duel", "memory-corridor", "pendulum"]
ENVS = 6


def equal(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, np.ndarray) and one.dtype == object:
        return all((a is None and b is None) or equal(a, b) for a, b in zip(one, other, strict=True))
    return one.dtype == other.dtype and np.array_equal(one, other)


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize("name", SOME)
def test_it_equals_gymnasiums_vector_of_single_environments(name, mode):
    # Episodes short enough that many end.
    ours = ArcadeVectorEnv(ENVS, name, autoreset_mode=mode, episode_limit=40, threads=2)
    single = [lambda: ArcadeEnv(name, episode_limit=40)] * ENVS
    theirs = SyncVectorEnv(single, autoreset_mode=mode)
    assert ours.observation_space == theirs.observation_space and ours.action_space == theirs.action_space
    assert ours.metadata == theirs.metadata
    assert equal(ours.reset(seed=11)[0], theirs.reset(seed=11)[0])
    ours.action_space.seed(3)
    ends = 0
    for step in range(150):
        actions = ours.action_space.sample()
        one, other = ours.step(actions), theirs.step(actions)
        assert all(equal(a, b) for a, b in zip(one[:4], other[:4], strict=True)), step
        assert equal(one[4], other[4]), (step, one[4], other[4])
        mask = one[2] | one[3]
        ends += int(mask.sum())
        if mode == AutoresetMode.DISABLED and mask.any():
            one, other = (env.reset(options={"reset_mask": mask.copy()}) for env in (ours, theirs))
            assert equal(one[0], other[0])
    assert ends >= ENVS, "hardly an episode has ended"


def test_sixty_four_environments_equal_single_ones_on_any_threads():
    for name in ["lander", "lava-room"]:
        seen = []
        for threads in [1, 2, 0]:
            envs = gym.make_vec(WORLDS[name].id, num_envs=64, threads=threads)
            envs.reset(seed=100)
            envs.action_space.seed(1)
            seen.append([envs.step(envs.action_space.sample())[:4] for _ in range(50)])
        for other in seen[1:]:
            assert all(equal(a, b) for one, two in zip(seen[0], other, strict=True) for a, b in zip(one, two, strict=True))
        env = gym.make(WORLDS[name].id).unwrapped
        env.reset(seed=100 + 63)
        envs.action_space.seed(1)
        for step in range(50):
            observation, reward, terminated, truncated, _ = env.step(envs.action_space.sample()[63])
            of_many = {key: own[63] for key, own in seen[0][step][0].items()} if isinstance(observation, dict) else seen[0][step][0][63]
            assert equal(observation, of_many) and reward == seen[0][step][1][63]
            if terminated or truncated:
                break


def test_gymnasiums_own_wrappers_go_around_it():
    envs = gym.make_vec("EntropyArcade/CartPole-v0", num_envs=4)
    envs = RecordEpisodeStatistics(NormalizeObservation(envs))
    envs.reset(seed=1)
    returns = []
    while len(returns) < 8:
        _, _, _, _, info = envs.step(np.array([0, 1, 0, 1]))
        if "episode" in info:
            returns.extend(info["episode"]["r"][info["_episode"]])
    assert all(5 <= own <= 15 for own in returns), returns


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_in_self_play_every_player_is_an_environment(mode):
    envs = ArcadeVectorEnv(4, "paddle-duel", self_play=True, autoreset_mode=mode, episode_limit=30)
    pairs = [parallel_env("paddle-duel", episode_limit=30) for _ in range(2)]
    seen, _ = envs.reset(seed=5)
    theirs = [pair.reset(seed=5 + arena)[0] for arena, pair in enumerate(pairs)]
    envs.action_space.seed(2)
    for step in range(30):
        assert equal(seen, np.stack([own[agent] for own in theirs for agent in own]))
        actions = envs.action_space.sample()
        seen, rewards, terminated, truncated, info = envs.step(actions)
        results = [pair.step(dict(zip(pair.agents, actions[2 * arena :], strict=False))) for arena, pair in enumerate(pairs)]
        theirs = [result[0] for result in results]
        assert rewards.tolist() == [own for result in results for own in result[1].values()]
        if step == 29:
            assert truncated.all() and not terminated.any()
            final = np.stack(list(info["final_obs"])) if mode == AutoresetMode.SAME_STEP else seen
            assert equal(final, np.stack([own[agent] for own in theirs for agent in own]))
    if mode == AutoresetMode.DISABLED:
        with pytest.raises(ValueError, match="begin together"):
            envs.reset(options={"reset_mask": np.array([True, False, False, False])})


def test_new_arrays_every_time():
    envs = ArcadeVectorEnv(2, "cartpole")
    first, _ = envs.reset(seed=1)
    kept = first.copy()
    second = envs.step(np.array([0, 1]))[0]
    assert np.array_equal(first, kept) and not np.shares_memory(first, second)


def test_limits_of_make_vec_are_episode_limits():
    envs = gym.make_vec("EntropyArcade/Lander-v0", num_envs=2, max_episode_steps=3)
    envs.reset(seed=1)
    assert [envs.step(np.zeros(2, dtype=np.int64))[3].all() for _ in range(3)] == [False, False, True]


@pytest.mark.parametrize(
    ("call", "part"),
    [
        (lambda envs: ArcadeVectorEnv(0, "cartpole"), "num_envs"),
        (lambda envs: ArcadeVectorEnv(-1, "cartpole"), "num_envs"),
        (lambda envs: ArcadeVectorEnv(10**9, "cartpole"), "num_envs"),
        (lambda envs: envs.reset(seed=[1]), "1 seeds for 3"),
        (lambda envs: envs.reset(seed=[1, 2, -3]), "-3"),
        (lambda envs: envs.reset(options={"reset_mask": np.zeros(3, dtype=bool)}), "reset_mask"),
        (lambda envs: envs.reset(seed=[1.5, 2, 3]), "seed = 1.5"),
        (lambda envs: envs.reset(seed="345"), "seed = '345'"),
        (lambda envs: envs.reset(seed=True), "seed = True"),
        (lambda envs: envs.step(np.zeros(2, dtype=np.int64)), "actions of shape (2,): (3,) is needed"),
        (lambda envs: envs.step(np.zeros((1, 3), dtype=np.int64)), "actions of shape (1, 3)"),
        (lambda envs: ArcadeVectorEnv(2, "cartpole", threads=10_000), "threads = 10000"),
        (lambda envs: ArcadeVectorEnv(3, "tag", self_play=True), "num_envs = 3"),
        (lambda envs: ArcadeVectorEnv(3, "cartpole", autoreset_mode="later"), "autoreset_mode = 'later'"),
        (lambda envs: ArcadeVectorEnv(2, "tag", self_play=True, opponent="random"), "you play every player"),
        (lambda envs: envs.step(np.array([0, 7, 0])), "environment 1: action 7"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(call, part):
    envs = ArcadeVectorEnv(3, "cartpole")
    envs.reset(seed=1)
    with pytest.raises(ValueError, match=".") as error:
        call(envs)
    assert part in str(error.value) and "\n" not in str(error.value)
