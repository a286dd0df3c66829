"""The worlds, and their ids in Gymnasium."""

from __future__ import annotations

import json
from dataclasses import dataclass

from entropy_arcade import _core


@dataclass(frozen=True)
class World:
    """A world of the arcade."""

    name: str
    """Name on the arcade's command line, such as `lava-room`."""
    id: str
    """Id in Gymnasium, such as `EntropyArcade/LavaRoom-v0`."""
    summary: str
    """What it is about, in a sentence."""
    teams: tuple[int, ...]
    """The team of every player."""
    levels: int
    """Number of levels that come with it, 0 in a world without."""
    scripted: bool
    """Whether it has a hand-written player."""
    agents: tuple[str, ...]
    """Trained agents that come with it, by file name; those of a level end in its number."""

    @property
    def players(self) -> int:
        """Number of players."""
        return len(self.teams)


def _read() -> dict[str, World]:
    said = json.loads(_core.catalogue())
    worlds = (World(**{**own, "teams": tuple(own["teams"]), "agents": tuple(own["agents"])}) for own in said)
    return {world.name: world for world in worlds}


WORLDS: dict[str, World] = _read()
"""All worlds by name."""


def find(world: str) -> World:
    """The world of this name or id; `ValueError` if there is none."""
    for own in WORLDS.values():
        if world in (own.name, own.id):
            return own
    raise ValueError(f"world = {world!r}: no such world; choose one of {', '.join(WORLDS)}")
