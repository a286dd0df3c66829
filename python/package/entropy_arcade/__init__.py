"""The worlds of Entropy Arcade as Gymnasium and PettingZoo environments.

>>> import entropy_arcade
>>> import gymnasium as gym
>>> env = gym.make("EntropyArcade/LavaRoom-v0", level=3)
>>> envs = gym.make_vec("EntropyArcade/Lander-v0", num_envs=64)

`entropy_arcade.WORLDS` lists the worlds, `entropy_arcade.parallel_env("tag")` is PettingZoo's kind of environment for
worlds of several players, and `entropy_arcade.sb3` has a vector environment for Stable-Baselines3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium as gym

from entropy_arcade._core import __version__
from entropy_arcade.catalogue import WORLDS, World
from entropy_arcade.env import ArcadeEnv
from entropy_arcade.vector import ArcadeVectorEnv

if TYPE_CHECKING:
    from entropy_arcade.parallel import ArcadeParallelEnv

__all__ = [
    "WORLDS",
    "ArcadeEnv",
    "ArcadeVectorEnv",
    "World",
    "__version__",
    "parallel_env",
    "register",
]


def parallel_env(world: str, **kwargs: Any) -> ArcadeParallelEnv:
    """PettingZoo's parallel environment of a world of several players, such as `tag`; needs the package `pettingzoo`."""
    from entropy_arcade.parallel import ArcadeParallelEnv

    return ArcadeParallelEnv(world, **kwargs)


def register() -> None:
    """Registers every world with Gymnasium, as importing this package does."""
    for world in WORLDS.values():
        if world.id not in gym.registry:
            gym.register(
                id=world.id,
                entry_point="entropy_arcade.env:ArcadeEnv",
                vector_entry_point="entropy_arcade.vector:ArcadeVectorEnv",
                kwargs={"world": world.name},
            )


register()
