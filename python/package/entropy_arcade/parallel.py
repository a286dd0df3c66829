"""A world of several players as PettingZoo's parallel environment."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from gymnasium.utils import EzPickle
from pettingzoo import ParallelEnv

from entropy_arcade import arguments, catalogue
from entropy_arcade.arenas import Arenas, Step
from entropy_arcade.arguments import Level

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from entropy_arcade.arguments import WorldOptions


class ArcadeParallelEnv(ParallelEnv[str, Any, Any], EzPickle):
    """All players of one arena; the arguments are those of `Arenas`.

    Players are called `player_0` onwards; `infos` has the `team` of each, and at the end of an episode its `success` and
    `score`. All players' episodes end together.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "is_parallelizable": True}

    def __init__(
        self,
        world: str,
        *,
        level: Level = None,
        split: str = "train",
        episode_limit: int | None = None,
        flat: bool = False,
        render_mode: str | None = None,
        **options: Unpack[WorldOptions],
    ) -> None:
        given: dict[str, Any] = {"level": level, "split": split, "episode_limit": episode_limit, "flat": flat}
        EzPickle.__init__(self, world, render_mode=render_mode, **given, **options)
        known = catalogue.find(world)
        if known.players < 2:
            several = ", ".join(own.name for own in catalogue.WORLDS.values() if own.players > 1)
            raise ValueError(f"{known.name} has one player; use gymnasium.make({known.id!r}), or one of {several}")
        self.render_mode = arguments.rendering(render_mode)
        self.arenas = Arenas(world, everyone=True, **given, options=dict(options))
        own = {"name": f"{known.name}_v0", "render_fps": self.arenas.fps}
        self.metadata = {**type(self).metadata, **own}
        self.possible_agents = [f"player_{slot}" for slot in range(self.arenas.players)]
        self.agents: list[str] = []
        # The same objects every time, so that seeding one has an effect.
        self.observation_spaces = {agent: deepcopy(self.arenas.observation_space) for agent in self.possible_agents}
        self.action_spaces = {agent: deepcopy(self.arenas.action_space) for agent in self.possible_agents}
        self._begun = False

    def observation_space(self, agent: str) -> Any:
        """The observation space of a player."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Any:
        """The action space of a player."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """Begins an episode: the first one under `seed`, or the next one."""
        own = arguments.seed(seed)
        if own is None and not self._begun:
            own = int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
        vector, grid = self.arenas.begin(np.ones(1, dtype=np.bool_), [own])
        self._begun = True
        self.agents = list(self.possible_agents)
        return self._seen(vector, grid), self._infos(None)

    def step(
        self, actions: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """Makes a step in which every player acts."""
        if not self.agents:
            raise RuntimeError("the episode has ended, or none has begun; call reset()")
        missing = [agent for agent in self.agents if agent not in actions]
        if missing:
            raise ValueError(f"no action of {', '.join(missing)}: every player acts in every step")
        # An action of shape (1,) does as well as a number.
        shape = self.arenas.action_space.shape or ()
        given = [np.asarray(actions[agent]) for agent in self.agents]
        given = [own.reshape(shape) if own.size == max(1, int(np.prod(shape))) else own for own in given]
        if any(own.shape != shape for own in given):
            raise ValueError(f"actions of shapes {[own.shape for own in given]}: {shape} is needed")
        step = self.arenas.step(np.stack(given))
        every = self.agents
        ended = bool(step.terminated[0] or step.truncated[0])
        if ended:
            self.agents = []
        return (
            self._seen(step.vector, step.grid),
            {agent: float(step.rewards[0, slot]) for slot, agent in enumerate(every)},
            dict.fromkeys(every, bool(step.terminated[0])),
            dict.fromkeys(every, bool(step.truncated[0])),
            self._infos(step if ended else None),
        )

    def _seen(self, vector: Any, grid: Any) -> dict[str, Any]:
        players = enumerate(self.possible_agents)
        return {agent: self.arenas.observation(vector, grid, (0, slot)) for slot, agent in players}

    def _infos(self, last: Step | None) -> dict[str, dict[str, Any]]:
        infos: dict[str, dict[str, Any]] = {}
        for slot, agent in enumerate(self.possible_agents):
            infos[agent] = {"team": self.arenas.world.teams[slot]}
            if last is not None:
                infos[agent] |= {"success": bool(last.success[0, slot]), "score": float(last.scores[0, slot])}
        return infos

    def render(self) -> npt.NDArray[np.uint8] | None:  # type: ignore[override]
        """A picture of the arena, see `Arenas.picture`; nothing without a `render_mode`."""
        return None if self.render_mode is None else self.arenas.picture(0)

    def close(self) -> None:
        """Lets go of the arena."""
        self.arenas.close()
