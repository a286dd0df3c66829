"""What single, vector and parallel environments share: spaces, and the arrays of the native part in their shapes."""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from entropy_arcade import _core

Observation = npt.NDArray[Any] | dict[str, npt.NDArray[Any]]


class Step(NamedTuple):
    """What a step of all arenas gives; arrays begin with `[envs, players]`, flags with `[envs]`."""

    vector: npt.NDArray[np.float32]
    grid: npt.NDArray[np.uint8]
    rewards: npt.NDArray[np.float64]
    terminated: npt.NDArray[np.bool_]
    truncated: npt.NDArray[np.bool_]
    success: npt.NDArray[np.bool_]
    scores: npt.NDArray[np.float64]
    final: tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]] | None


class Arenas:
    """Arenas of one world.

    `level` is the number of a level, a level file, or `random:DIFFICULTY` for generated ones, where a world has them.
    `options` are those of the arcade's table `[world]`: `actions` ("discrete" or "continuous"), `flicker` (the
    probability of a blank observation), `frame_stack` (observations in one), `scaled` and `velocity_masked`. With `flat`,
    a world that shows a vector and a grid shows one vector of both, with grids from 0 to 1.
    """

    def __init__(
        self,
        world: str,
        *,
        num_envs: int = 1,
        level: int | str | os.PathLike[str] | None = None,
        partner: str | os.PathLike[str] | None = None,
        opponent: str | os.PathLike[str] | None = None,
        threads: int = 1,
        episode_limit: int | None = None,
        autoreset: str = "disabled",
        flat: bool = False,
        **options: Any,
    ) -> None:
        def text(given: Any) -> str | None:
            return None if given is None else os.fspath(given) if isinstance(given, os.PathLike) else str(given)

        for name, value in {"num_envs": num_envs, "threads": threads, "episode_limit": episode_limit or 0}.items():
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not 0 <= value < 2**32:
                raise ValueError(f"{name} = {value!r}: allowed: whole numbers from 0")
        self._core = _core.Arenas(
            world,
            text(level),
            json.dumps(options),
            int(num_envs),
            text(partner),
            text(opponent),
            int(threads),
            None if episode_limit is None else int(episode_limit),
            autoreset,
        )
        said = json.loads(self._core.spec())
        spec = said["spec"]
        self.num_envs = int(num_envs)
        self.players: int = said["players"]
        self.limit: int | None = said["limit"]
        self.teams: list[int] = spec["teams"]
        self.flat = flat
        shape = spec["observation"]["grid"]
        self._entries = len(spec["observation"]["vector"])
        self._cells = (shape["height"], shape["width"], shape["channels"]) if shape else None
        self.observation_space = self._space(said["bound"])
        self.action_space, self._continuous = _action_space(spec["action"])
        self.action_names: list[str] = _action_names(spec["action"])
        """Names of the actions, or of the dimensions of a continuous one."""
        self.observation_names: list[str] = spec["observation"]["vector"]
        """Names of the entries of the vector."""

    def _space(self, bound: float) -> spaces.Space[Any]:
        vector = spaces.Box(-bound, bound, (self._entries,), np.float32) if self._entries else None
        if self._cells is None:
            assert vector is not None
            return vector
        grid = spaces.Box(0, 255, self._cells, np.uint8)
        if self.flat:
            cells = int(np.prod(self._cells))
            low = np.concatenate([np.full(self._entries, -bound), np.zeros(cells)]).astype(np.float32)
            high = np.concatenate([np.full(self._entries, bound), np.ones(cells)]).astype(np.float32)
            return spaces.Box(low, high, dtype=np.float32)
        return grid if vector is None else spaces.Dict({"grid": grid, "vector": vector})

    def begin(self, mask: npt.NDArray[np.bool_], seeds: list[int | None] | None) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Begins episodes where `mask` is set; observations of all arenas."""
        if seeds is not None and any(seed is not None and not 0 <= int(seed) < 2**64 for seed in seeds):
            raise ValueError(f"seed = {seeds}: allowed: whole numbers from 0 to 2^64 - 1")
        plain = None if seeds is None else [None if seed is None else int(seed) for seed in seeds]
        return self._shaped(*self._core.begin(mask.tolist(), plain))

    def step(self, actions: Any) -> Step:
        """A step with `actions` `[envs, players]`, of continuous ones `[envs, players, dimensions]`."""
        if self._continuous:
            flat = np.ascontiguousarray(actions, dtype=np.float32).reshape(-1)
            found = self._core.step_continuous(flat)
        else:
            given = np.asarray(actions)
            if given.dtype.kind not in "iu":
                raise TypeError(f"actions of dtype {given.dtype}: this world has discrete actions, which are whole numbers")
            found = self._core.step_discrete(np.ascontiguousarray(given, dtype=np.int64).reshape(-1))
        vector, grid, rewards, terminated, truncated, success, scores, final = found
        rows = (self.num_envs, self.players)
        return Step(
            *self._shaped(vector, grid),
            rewards.reshape(rows),
            terminated,
            truncated,
            success.reshape(rows),
            scores.reshape(rows),
            None if final is None else self._shaped(*final),
        )

    def _shaped(self, vector: npt.NDArray[Any], grid: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        rows = (self.num_envs, self.players)
        return vector.reshape(*rows, self._entries), grid.reshape(*rows, *(self._cells or (0,)))

    def observation(self, vector: npt.NDArray[Any], grid: npt.NDArray[Any], at: Any) -> Any:
        """The observation in the form of `observation_space`; `at` indexes environments and players."""
        if self._cells is None:
            return vector[at]
        if self.flat:
            own_vector, own_grid = vector[at], grid[at]
            pixels = own_grid.reshape(*own_vector.shape[:-1], -1).astype(np.float32) / 255.0
            return np.concatenate([own_vector, pixels], axis=-1)
        return {"grid": grid[at], "vector": vector[at]} if self._entries else grid[at]


def _action_space(said: dict[str, Any]) -> tuple[spaces.Space[Any], bool]:
    if "Discrete" in said:
        return spaces.Discrete(len(said["Discrete"])), False
    dimensions = said["Continuous"]
    bounds = [np.array([own[key] for own in dimensions], dtype=np.float32) for key in ("low", "high")]
    return spaces.Box(bounds[0], bounds[1], dtype=np.float32), True


def _action_names(said: dict[str, Any]) -> list[str]:
    return list(said["Discrete"]) if "Discrete" in said else [own["name"] for own in said["Continuous"]]


def fresh_seed(rng: np.random.Generator) -> int:
    """A seed for an environment that was given none."""
    return int(rng.integers(2**63))


__all__ = ["Arenas", "Observation", "Step", "fresh_seed"]
