"""A world as a single Gymnasium environment."""

from __future__ import annotations

import os
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium.utils import EzPickle

from entropy_arcade.arenas import Arenas, fresh_seed


class ArcadeEnv(gym.Env[Any, Any], EzPickle):
    """One arena. In a world of several players the agent is the first; `partner` plays the others of its side,
    `opponent` those of the other side: `scripted`, `random`, `shipped` for the trained agent that comes with the world, an
    `.agent` file, or a run folder.

    `episode_limit` replaces the world's own limit of steps, with which an episode is truncated. At the end of an episode
    `info` has `success` and `score`. A copy, by `pickle` or `copy`, is a new environment of the same arguments. The other
    arguments are those of `Arenas`.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}

    def __init__(
        self,
        world: str,
        *,
        level: int | str | os.PathLike[str] | None = None,
        partner: str | os.PathLike[str] = "scripted",
        opponent: str | os.PathLike[str] = "scripted",
        episode_limit: int | None = None,
        render_mode: str | None = None,
        flat: bool = False,
        **options: Any,
    ) -> None:
        EzPickle.__init__(
            self,
            world,
            level=level,
            partner=partner,
            opponent=opponent,
            episode_limit=episode_limit,
            flat=flat,
            **options,
        )
        if render_mode is not None:
            raise ValueError(f"render_mode = {render_mode!r}: this package draws nothing; watch the world in the arcade")
        self.render_mode = None
        self.arenas = Arenas(
            world,
            level=level,
            partner=partner,
            opponent=opponent,
            episode_limit=episode_limit,
            flat=flat,
            **options,
        )
        self.observation_space = self.arenas.observation_space
        self.action_space = self.arenas.action_space
        self.episode_limit = self.arenas.limit
        self._begun = False
        self._ended = True

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begins an episode: the first one under `seed`, or the next one."""
        super().reset(seed=seed)
        if seed is None and not self._begun:
            seed = fresh_seed(self.np_random)
        vector, grid = self.arenas.begin(np.ones(1, dtype=np.bool_), [seed])
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
