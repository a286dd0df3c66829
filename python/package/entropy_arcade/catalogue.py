"""The worlds, and their ids in Gymnasium."""

from __future__ import annotations

import json
from dataclasses import dataclass

from entropy_arcade import _core

# Two ids that differed in the case of one letter would be taken for each other.
_OWN_NAMES = {"cartpole": "CartPole", "cart-pole": "RapierCartPole"}


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

    @property
    def players(self) -> int:
        """Number of players."""
        return len(self.teams)


def env_id(name: str) -> str:
    """The id of the world called `name` in Gymnasium."""
    own = _OWN_NAMES.get(name, "".join(word.capitalize() for word in name.split("-")))
    return f"EntropyArcade/{own}-v0"


def _read() -> dict[str, World]:
    worlds = (World(id=env_id(own["name"]), **{**own, "teams": tuple(own["teams"])}) for own in json.loads(_core.catalogue()))
    return {world.name: world for world in worlds}


WORLDS: dict[str, World] = _read()
"""All worlds by name."""
