"""What single, vector and parallel environments share: spaces, and the arrays of the native part in their shapes."""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from entropy_arcade import _core, arguments, catalogue
from entropy_arcade.arguments import Level, Player


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
    """Arenas of one world, in which the caller plays the first player or, with `everyone`, all of them.

    `level` is the number of a level, a level file, or `random:DIFFICULTY` for generated levels where a world has them, of
    which `split="test"` plays those that are held out. `partner` plays the others of the first player's side, `opponent`
    those of the other side: `scripted` (the default where there is a script, else `random`), `random`, `shipped` for the
    trained agent that comes with the world, an `.agent` file, or a run folder. `episode_limit` replaces the world's own
    limit of steps. With `flat`, a world that shows a grid shows one vector, in which cells are from 0 to 1. `options` are
    those of `WorldOptions`.
    """

    def __init__(
        self,
        world: str,
        *,
        num_envs: int = 1,
        level: Level = None,
        split: str = "train",
        partner: Player = None,
        opponent: Player = None,
        everyone: bool = False,
        threads: int = 1,
        episode_limit: int | None = None,
        autoreset: str = "disabled",
        flat: bool = False,
        options: dict[str, Any],
    ) -> None:
        known = catalogue.find(world)
        if split not in ("train", "test"):
            raise ValueError(f"split = {split!r}: allowed: 'train', 'test'")
        self.num_envs = arguments.whole("num_envs", num_envs, 1, 65_536)
        sides = {"partner": known.teams[1:].count(known.teams[0]), "opponent": 0}
        sides["opponent"] = known.players - 1 - sides["partner"]
        players = {"partner": partner, "opponent": opponent}
        for name, given in players.items():
            if given is not None and (everyone or sides[name] == 0):
                why = "you play every player" if everyone else f"{known.name} has none"
                raise ValueError(f"{name} = {given!r}: {why}; leave it out")
            players[name] = given or ("scripted" if known.scripted else "random")
        self._core: _core.Arenas | None = _core.Arenas(
            known.name,
            arguments.level_name(level),
            split == "test",
            json.dumps(arguments.options(options)),
            self.num_envs,
            None if everyone else os.fspath(players["partner"] or ""),
            None if everyone else os.fspath(players["opponent"] or ""),
            arguments.whole("threads", threads, 0, arguments.MOST_THREADS),
            None if episode_limit is None else arguments.whole("episode_limit", episode_limit, 1, 2**32 - 1),
            autoreset,
        )
        # A fork has no threads to step with.
        self._process = os.getpid()
        said = json.loads(self._core.spec())
        spec = said["spec"]
        self.world = known
        self.players: int = said["players"]
        self.fps: int = max(1, round(1.0 / (spec["tick_seconds"] * spec["ticks_per_step"])))
        """Steps of a second of the world's own time."""
        self.limit: int = said["limit"]
        self.flat = bool(flat)
        shape = spec["observation"]["grid"]
        self._entries = len(spec["observation"]["vector"])
        self._cells = (shape["height"], shape["width"], shape["channels"]) if shape else None
        self.observation_space = self._space(said["bound"])
        self.action_space = _action_space(spec["action"])
        self._action_shape: tuple[int, ...] = (self.num_envs, self.players, *(self.action_space.shape or ()))
        self._forms = _forms(self._action_shape)
        self.action_names: list[str] = _action_names(spec["action"])
        """Names of the actions, or of the dimensions of a continuous one."""
        self.observation_names: list[str] = spec["observation"]["vector"]
        """Names of the entries of the vector."""

    def _space(self, bound: float) -> spaces.Space[Any]:
        if self._cells is None:
            return spaces.Box(-bound, bound, (self._entries,), np.float32)
        cells = int(np.prod(self._cells))
        if self.flat:
            low = np.concatenate([np.full(self._entries, -bound), np.zeros(cells)]).astype(np.float32)
            high = np.concatenate([np.full(self._entries, bound), np.ones(cells)]).astype(np.float32)
            return spaces.Box(low, high, dtype=np.float32)
        grid = spaces.Box(0, 255, self._cells, np.uint8)
        if self._entries == 0:
            return grid
        return spaces.Dict({"grid": grid, "vector": spaces.Box(-bound, bound, (self._entries,), np.float32)})

    def _open(self) -> _core.Arenas:
        if self._core is None:
            raise RuntimeError("the environment is closed; make another one")
        if self._process != os.getpid():
            raise RuntimeError("the environment was made in another process; make it anew in this one")
        return self._core

    def close(self) -> None:
        """Lets go of the arenas and their threads."""
        self._core = None

    def picture(self, env: int) -> npt.NDArray[np.uint8]:
        """What environment `env` looks like now, `[height, width, 3]` bytes: 480 pixels along its longer side."""
        pixels, (height, width) = self._open().picture(env)
        return pixels.reshape(height, width, 3)

    def begin(
        self, mask: npt.NDArray[np.bool_], seeds: list[int | None]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
        """Begins episodes where `mask` is set, with its seed or, if that is `None`, the next one; all observations."""
        return self._shaped(*self._open().begin(mask.tolist(), seeds))

    def step(self, actions: Any) -> Step:
        """A step with `actions` `[envs, players]`, of continuous ones `[envs, players, dimensions]`."""
        core, given, continuous = self._open(), np.asarray(actions), isinstance(self.action_space, spaces.Box)
        if not continuous and given.dtype.kind not in "iu":
            raise TypeError(f"actions of dtype {given.dtype}: this world's are discrete, whole numbers")
        # One environment or one player needs no axis of its own.
        if given.shape not in self._forms:
            shape = self._action_shape
            wanted = tuple(size for size in shape[:2] if size > 1) + shape[2:]
            raise ValueError(f"actions of shape {given.shape}: {wanted} is needed")
        if continuous:
            if given.dtype.kind not in "fiu":
                raise TypeError(f"actions of dtype {given.dtype}: this world's are continuous, floats")
            found = core.step_continuous(np.ascontiguousarray(given, dtype=np.float32).reshape(-1))
        else:
            found = core.step_discrete(np.ascontiguousarray(given, dtype=np.int64).reshape(-1))
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

    def _shaped(
        self, vector: npt.NDArray[np.float32], grid: npt.NDArray[np.uint8]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
        rows = (self.num_envs, self.players)
        return vector.reshape(*rows, self._entries), grid.reshape(*rows, *(self._cells or (0,)))

    def observation(self, vector: npt.NDArray[np.float32], grid: npt.NDArray[np.uint8], at: Any) -> Any:
        """The observation at `at`, environment and player, in the form of `observation_space`."""
        if self._cells is None:
            return vector[at]
        if self.flat:
            own_vector, own_grid = vector[at], grid[at]
            pixels = own_grid.reshape(*own_vector.shape[:-1], -1).astype(np.float32) / 255.0
            return np.concatenate([own_vector, pixels], axis=-1)
        return {"grid": grid[at], "vector": vector[at]} if self._entries else grid[at]

    def final(self, final: tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]], at: Any) -> Any:
        """The same of final observations, in arrays of its own: who keeps one does not keep them all."""
        found = self.observation(*final, at)
        return {key: own.copy() for key, own in found.items()} if isinstance(found, dict) else found.copy()


def _forms(wanted: tuple[int, ...]) -> set[tuple[int, ...]]:
    """`wanted`, with and without axes of length one for environments and players."""
    envs, players, *rest = wanted
    forms = {(envs, players, *rest)}
    if players == 1:
        forms.add((envs, *rest))
    if envs == 1:
        forms.add((players, *rest))
    if envs == players == 1:
        forms |= {tuple(rest), (1, *rest)}
    return forms


def _action_space(said: dict[str, Any]) -> spaces.Space[Any]:
    if "Discrete" in said:
        return spaces.Discrete(len(said["Discrete"]))
    low, high = (np.array([own[key] for own in said["Continuous"]], dtype=np.float32) for key in ("low", "high"))
    return spaces.Box(low, high, dtype=np.float32)


def _action_names(said: dict[str, Any]) -> list[str]:
    return list(said["Discrete"]) if "Discrete" in said else [own["name"] for own in said["Continuous"]]


def fresh_seed(rng: np.random.Generator) -> int:
    """A seed for an environment that was given none."""
    return int(rng.integers(2**63))
