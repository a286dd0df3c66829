"""A world as a Gymnasium vector environment: all arenas in one native call."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.utils import EzPickle
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from entropy_arcade.arenas import Arenas, Step, fresh_seed


class ArcadeVectorEnv(VectorEnv[Any, Any, Any], EzPickle):
    """Arenas stepped together. Environment `i` of `reset(seed=s)` plays like a single `ArcadeEnv` of `reset(seed=s + i)`,
    whatever `num_envs` and `threads` (0: one per core) are.

    `autoreset_mode` is Gymnasium's: `NEXT_STEP` (the default: the step after an end ignores its action and gives the first
    observation of the next episode), `SAME_STEP` (the end already comes with that observation, and `info` has
    `final_obs` and `final_info`) or `DISABLED` (ended environments are to be reset with `options={"reset_mask": mask}`).
    Unlike in Gymnasium's own, an environment that waits for its reset may be stepped: it stands still with reward 0.
    """

    def __init__(
        self,
        num_envs: int,
        world: str,
        *,
        level: int | str | os.PathLike[str] | None = None,
        partner: str | os.PathLike[str] = "scripted",
        opponent: str | os.PathLike[str] = "scripted",
        threads: int = 0,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        episode_limit: int | None = None,
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
        flat: bool = False,
        **options: Any,
    ) -> None:
        EzPickle.__init__(
            self,
            num_envs,
            world,
            level=level,
            partner=partner,
            opponent=opponent,
            threads=threads,
            autoreset_mode=autoreset_mode,
            episode_limit=episode_limit,
            max_episode_steps=max_episode_steps,
            flat=flat,
            **options,
        )
        if render_mode is not None:
            raise ValueError(f"render_mode = {render_mode!r}: this package draws nothing; watch the world in the arcade")
        self.render_mode = None
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {"render_modes": [], "autoreset_mode": self.autoreset_mode}
        modes = {AutoresetMode.NEXT_STEP: "next_step", AutoresetMode.SAME_STEP: "same_step"}
        self.arenas = Arenas(
            world,
            num_envs=num_envs,
            level=level,
            partner=partner,
            opponent=opponent,
            threads=threads,
            episode_limit=max_episode_steps if episode_limit is None else episode_limit,
            autoreset=modes.get(self.autoreset_mode, "disabled"),
            flat=flat,
            **options,
        )
        self.num_envs = self.arenas.num_envs
        self.single_observation_space = self.arenas.observation_space
        self.single_action_space = self.arenas.action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.episode_limit = self.arenas.limit
        self._begun = np.zeros(self.num_envs, dtype=np.bool_)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begins an episode in every environment, or where `options["reset_mask"]` is set."""
        super().reset(seed=seed if isinstance(seed, int) else None)
        seeds: list[int | None]
        if seed is None:
            seeds = [None] * self.num_envs
        elif isinstance(seed, (int, np.integer)):
            seeds = [int(seed) + env for env in range(self.num_envs)]
        else:
            seeds = list(seed)
        if len(seeds) != self.num_envs:
            raise ValueError(f"{len(seeds)} seeds for {self.num_envs} environments; give one for each")
        mask = self._mask((options or {}).get("reset_mask"))
        for env in np.flatnonzero(mask & ~self._begun):
            if seeds[env] is None:
                seeds[env] = fresh_seed(self.np_random)
        vector, grid = self.arenas.begin(mask, seeds)
        self._begun |= mask
        return self.arenas.observation(vector, grid, (slice(None), 0)), {}

    def _mask(self, given: Any) -> npt.NDArray[np.bool_]:
        if given is None:
            return np.ones(self.num_envs, dtype=np.bool_)
        mask = np.asarray(given)
        if mask.dtype != np.bool_ or mask.shape != (self.num_envs,) or not mask.any():
            raise ValueError(
                f"options['reset_mask'] of dtype {mask.dtype} and shape {mask.shape}: a bool array of shape "
                f"({self.num_envs},) with at least one True is needed"
            )
        return mask

    def step(
        self, actions: Any
    ) -> tuple[Any, npt.NDArray[np.float64], npt.NDArray[np.bool_], npt.NDArray[np.bool_], dict[str, Any]]:
        """Makes a step in every environment."""
        if not self._begun.all():
            raise RuntimeError("no episode has begun; call reset()")
        step = self.arenas.step(actions)
        info: dict[str, Any] = {}
        ended = step.terminated | step.truncated
        if ended.any():
            info = self._info(step, ended)
        observation = self.arenas.observation(step.vector, step.grid, (slice(None), 0))
        return observation, step.rewards[:, 0], step.terminated, step.truncated, info

    def _info(self, step: Step, ended: npt.NDArray[np.bool_]) -> dict[str, Any]:
        """What Gymnasium's own vector environments say of single ones at their end."""
        own: dict[str, Any] = {
            "success": step.success[:, 0],
            "_success": ended,
            "score": step.scores[:, 0],
            "_score": ended.copy(),
        }
        if step.final is None:
            return own
        last = np.full(self.num_envs, None, dtype=object)
        for env in np.flatnonzero(ended):
            last[env] = self.arenas.observation(*step.final, (env, 0))
        return {"final_obs": last, "_final_obs": ended.copy(), "final_info": own, "_final_info": ended.copy()}
