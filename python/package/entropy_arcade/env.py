"""A world as a single Gymnasium environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.utils import EzPickle

from entropy_arcade import arguments
from entropy_arcade.arenas import Arenas, fresh_seed
from entropy_arcade.arguments import Level, Player

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from entropy_arcade.arguments import WorldOptions


class ArcadeEnv(gym.Env[Any, Any], EzPickle):
    """One arena, in which the agent is the first player; the arguments are those of `Arenas`.

    At the end of an episode `info` has `success` and `score`. A copy, by `pickle` or `copy`, is a new environment of the
    same arguments.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 30}

    def __init__(
        self,
        world: str,
        *,
        level: Level = None,
        split: str = "train",
        partner: Player = None,
        opponent: Player = None,
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
            "episode_limit": episode_limit,
            "flat": flat,
        }
        EzPickle.__init__(self, world, render_mode=render_mode, **given, **options)
        self.render_mode = arguments.rendering(render_mode)
        self.arenas = Arenas(world, **given, options=dict(options))
        self.observation_space = self.arenas.observation_space
        self.action_space = self.arenas.action_space
        self.episode_limit = self.arenas.limit
        self.metadata = {**type(self).metadata, "render_fps": self.arenas.fps}
        self._begun = False
        self._ended = True

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begins an episode: the first one under `seed`, or the next one."""
        super().reset(seed=seed)
        own = arguments.seed(seed)
        if own is None and not self._begun:
            own = fresh_seed(self.np_random)
        vector, grid = self.arenas.begin(np.ones(1, dtype=np.bool_), [own])
        self._begun, self._ended = True, False
        return self.arenas.observation(vector, grid, (0, 0)), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Makes a step."""
        if self._ended:
            raise RuntimeError("the episode has ended, or none has begun; call reset()")
        step = self.arenas.step(action)
        terminated, truncated = bool(step.terminated[0]), bool(step.truncated[0])
        info: dict[str, Any] = {}
        if terminated or truncated:
            self._ended = True
            info = {"success": bool(step.success[0, 0]), "score": float(step.scores[0, 0])}
        observation = self.arenas.observation(step.vector, step.grid, (0, 0))
        return observation, float(step.rewards[0, 0]), terminated, truncated, info

    def render(self) -> npt.NDArray[np.uint8] | None:  # type: ignore[override]
        """A picture of the arena, see `Arenas.picture`; nothing without a `render_mode`."""
        if self.render_mode is None:
            gym.logger.warn('render() draws nothing without a render_mode: make the environment with "rgb_array"')
            return None
        return self.arenas.picture(0)

    def close(self) -> None:
        """Lets go of the arena."""
        self.arenas.close()
