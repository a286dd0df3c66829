"""A vector environment for Stable-Baselines3, which does not take Gymnasium's; needs the package `stable-baselines3`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium.utils import EzPickle
from stable_baselines3.common.vec_env import VecEnv

from entropy_arcade import arguments
from entropy_arcade.arenas import Arenas, fresh_seed
from entropy_arcade.arguments import Level, Player

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from entropy_arcade.arguments import WorldOptions


class ArcadeVecEnv(VecEnv, EzPickle):
    """Arenas as Stable-Baselines3 steps them: the observation after an end is the first of the next episode, and the final
    one is `terminal_observation` in the environment's info. The arguments are those of `Arenas`; wrap it in `VecMonitor`
    for episode returns.
    """

    def __init__(
        self,
        world: str,
        num_envs: int = 8,
        *,
        level: Level = None,
        split: str = "train",
        partner: Player = None,
        opponent: Player = None,
        threads: int = 0,
        episode_limit: int | None = None,
        flat: bool = False,
        render_mode: str | None = None,
        **options: Unpack[WorldOptions],
    ) -> None:
        given: dict[str, Any] = {
            "level": level,
            "split": split,
            "partner": partner,
            "opponent": opponent,
            "threads": threads,
            "episode_limit": episode_limit,
            "flat": flat,
        }
        EzPickle.__init__(self, world, num_envs, render_mode=render_mode, **given, **options)
        self.render_mode = arguments.rendering(render_mode)
        self.arenas = Arenas(world, num_envs=num_envs, autoreset="same_step", **given, options=dict(options))
        self._actions: Any = None
        self._begun = False
        self._rng = np.random.default_rng()
        super().__init__(self.arenas.num_envs, self.arenas.observation_space, self.arenas.action_space)
        # `VecEnv.__init__` makes one of its own.
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": self.arenas.fps}

    def reset(self) -> Any:
        """Begins an episode everywhere, with the seeds of `seed()` if they were set since the last call."""
        # `VecEnv.__init__` makes the list of seeds.
        seeds = [arguments.seed(own) for own in self._seeds]
        if not self._begun:
            seeds = [fresh_seed(self._rng) if own is None else own for own in seeds]
        vector, grid = self.arenas.begin(np.ones(self.num_envs, dtype=np.bool_), seeds)
        self._begun = True
        self._reset_seeds()
        self._reset_options()
        return self.arenas.observation(vector, grid, (slice(None), 0))

    def step_async(self, actions: Any) -> None:
        """Keeps the actions for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[Any, Any, Any, list[dict[str, Any]]]:
        """Makes the step."""
        if not self._begun:
            raise RuntimeError("no episode has begun; call reset()")
        step = self.arenas.step(self._actions)
        ended = step.terminated | step.truncated
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for env in np.flatnonzero(ended):
            infos[env] = {
                "success": bool(step.success[env, 0]),
                "is_success": bool(step.success[env, 0]),
                "score": float(step.scores[env, 0]),
                "TimeLimit.truncated": bool(step.truncated[env] and not step.terminated[env]),
            }
            if step.final is not None:
                infos[env]["terminal_observation"] = self.arenas.final(step.final, (env, 0))
        observation = self.arenas.observation(step.vector, step.grid, (slice(None), 0))
        return observation, step.rewards[:, 0].astype(np.float32), ended, infos

    def get_images(self) -> list[Any]:
        """A picture of every environment, see `Arenas.picture`."""
        return [self.arenas.picture(env) for env in range(self.num_envs)]

    def close(self) -> None:
        """Lets go of the arenas and their threads."""
        self.arenas.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """An attribute, the same for every environment."""
        return [getattr(self, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Refused: environments have no attributes of their own."""
        raise AttributeError(f"{attr_name}: the environments have no attributes of their own to set")

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        """Refused: environments have no methods of their own."""
        raise AttributeError(f"{method_name}: the environments have no methods of their own")

    def env_is_wrapped(self, wrapper_class: type[Any], indices: Any = None) -> list[bool]:
        """No single environment is wrapped."""
        return [False] * len(list(self._get_indices(indices)))
