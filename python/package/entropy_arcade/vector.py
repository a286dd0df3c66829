"""A world as a Gymnasium vector environment: all arenas in one native call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.utils import EzPickle
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from entropy_arcade import arguments, catalogue
from entropy_arcade.arenas import Arenas, Step, fresh_seed
from entropy_arcade.arguments import Level, Player, Seeds

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from entropy_arcade.arguments import WorldOptions


class ArcadeVectorEnv(VectorEnv[Any, Any, Any], EzPickle):
    """Arenas stepped together; the arguments are those of `Arenas`. Environment `i` of `reset(seed=s)` plays like a single
    `ArcadeEnv` of `reset(seed=s + i)`, whatever `num_envs` and `threads` (0: one per core) are.

    `autoreset_mode` is Gymnasium's: `NEXT_STEP` (the default: the step after an end ignores its action and gives the first
    observation of the next episode), `SAME_STEP` (the end already comes with that observation, and `info` has
    `final_obs` and `final_info`) or `DISABLED` (ended environments are to be reset with `options={"reset_mask": mask}`).
    Unlike in Gymnasium's own, an environment that waits for its reset may be stepped: it stands still with reward 0.

    With `self_play` every player of an arena is an environment of the vector, the first arena's first, and `num_envs` is
    a multiple of their number. Seeds are then those of arenas, and players of an arena begin and end together.
    """

    def __init__(
        self,
        num_envs: int,
        world: str,
        *,
        level: Level = None,
        split: str = "train",
        partner: Player = None,
        opponent: Player = None,
        self_play: bool = False,
        threads: int = 0,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        episode_limit: int | None = None,
        max_episode_steps: int | None = None,
        flat: bool = False,
        render_mode: str | None = None,
        **options: Unpack[WorldOptions],
    ) -> None:
        if episode_limit is None and max_episode_steps not in (None, -1):
            episode_limit = max_episode_steps
        given: dict[str, Any] = {
            "level": level,
            "split": split,
            "partner": partner,
            "opponent": opponent,
            "threads": threads,
            "episode_limit": episode_limit,
            "flat": flat,
        }
        EzPickle.__init__(
            self,
            num_envs,
            world,
            self_play=self_play,
            autoreset_mode=autoreset_mode,
            render_mode=render_mode,
            **given,
            **options,
        )
        self.render_mode = arguments.rendering(render_mode)
        self.autoreset_mode = _mode(autoreset_mode)
        modes = {AutoresetMode.NEXT_STEP: "next_step", AutoresetMode.SAME_STEP: "same_step"}
        self.num_envs = arguments.whole("num_envs", num_envs, 1, 65_536)
        self._players = catalogue.find(world).players if self_play else 1
        if self.num_envs % self._players:
            raise ValueError(f"num_envs = {num_envs}: with self_play a multiple of the {self._players} players")
        self.arenas = Arenas(
            world,
            num_envs=self.num_envs // self._players,
            everyone=self_play,
            autoreset=modes.get(self.autoreset_mode, "disabled"),
            **given,
            options=dict(options),
        )
        self.metadata = {
            "render_modes": ["rgb_array"],
            "render_fps": self.arenas.fps,
            "autoreset_mode": self.autoreset_mode,
        }
        self.single_observation_space = self.arenas.observation_space
        self.single_action_space = self.arenas.action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.episode_limit = self.arenas.limit
        self._begun = np.zeros(self.arenas.num_envs, dtype=np.bool_)

    def reset(  # type: ignore[override]
        self, *, seed: Seeds = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begins an episode in every environment, or where `options["reset_mask"]` is set."""
        seeds = arguments.seeds(seed, self.arenas.num_envs)
        super().reset(seed=next((own for own in seeds if own is not None), None))
        mask = self._mask((options or {}).get("reset_mask"))
        for arena in np.flatnonzero(mask & ~self._begun):
            if seeds[arena] is None:
                seeds[arena] = fresh_seed(self.np_random)
        vector, grid = self.arenas.begin(mask, seeds)
        self._begun |= mask
        return self._seen(vector, grid), {}

    def _mask(self, given: Any) -> npt.NDArray[np.bool_]:
        if given is None:
            return np.ones(self.arenas.num_envs, dtype=np.bool_)
        mask = np.asarray(given)
        if mask.dtype != np.bool_ or mask.shape != (self.num_envs,) or not mask.any():
            raise ValueError(
                f"options['reset_mask'] of dtype {mask.dtype} and shape {mask.shape}: a bool array of shape "
                f"({self.num_envs},) with at least one True is needed"
            )
        players = mask.reshape(-1, self._players)
        if (players != players[:, :1]).any():
            raise ValueError("options['reset_mask']: all players of an arena begin together; set theirs alike")
        return players[:, 0].copy()

    def step(
        self, actions: Any
    ) -> tuple[Any, npt.NDArray[np.float64], npt.NDArray[np.bool_], npt.NDArray[np.bool_], dict[str, Any]]:
        """Makes a step in every environment."""
        if not self._begun.all():
            raise RuntimeError("no episode has begun; call reset()")
        if self._players > 1:
            given = np.asarray(actions)
            fits = given.shape[:1] == (self.num_envs,)
            actions = given.reshape(-1, self._players, *given.shape[1:]) if fits else given
        step = self.arenas.step(actions)
        info: dict[str, Any] = {}
        terminated, truncated = (self._of_players(flags) for flags in (step.terminated, step.truncated))
        ended = terminated | truncated
        if ended.any():
            info = self._info(step, ended)
        return self._seen(step.vector, step.grid), step.rewards.reshape(-1), terminated, truncated, info

    def _of_players(self, flags: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        return np.repeat(flags, self._players) if self._players > 1 else flags

    def _seen(self, vector: npt.NDArray[Any], grid: npt.NDArray[Any]) -> Any:
        rows = (own.reshape(1, self.num_envs, *own.shape[2:]) for own in (vector, grid))
        return self.arenas.observation(*rows, 0)

    def _info(self, step: Step, ended: npt.NDArray[np.bool_]) -> dict[str, Any]:
        """What Gymnasium's own vector environments say of single ones at their end."""
        own: dict[str, Any] = {
            "success": step.success.reshape(-1),
            "_success": ended,
            "score": step.scores.reshape(-1),
            "_score": ended.copy(),
        }
        if step.final is None:
            return own
        last = np.full(self.num_envs, None, dtype=object)
        for env in np.flatnonzero(ended):
            last[env] = self.arenas.final(step.final, divmod(int(env), self._players))
        return {"final_obs": last, "_final_obs": ended.copy(), "final_info": own, "_final_info": ended.copy()}

    def render(self) -> tuple[npt.NDArray[np.uint8], ...] | None:  # type: ignore[override]
        """A picture of every environment, see `Arenas.picture`; nothing without a `render_mode`."""
        if self.render_mode is None:
            gym.logger.warn('render() draws nothing without a render_mode: make the environment with "rgb_array"')
            return None
        return tuple(self.arenas.picture(env // self._players) for env in range(self.num_envs))

    def close_extras(self, **kwargs: Any) -> None:
        """Lets go of the arenas and their threads."""
        self.arenas.close()


def _mode(given: AutoresetMode | str) -> AutoresetMode:
    """A mode by Gymnasium's value for it, `SameStep`, or by its name."""
    for mode in AutoresetMode:
        if given == mode or (isinstance(given, str) and given.lower() in (mode.name.lower(), mode.value.lower())):
            return mode
    known = ", ".join(repr(mode.value) for mode in AutoresetMode)
    raise ValueError(f"autoreset_mode = {given!r}: allowed: {known}")
