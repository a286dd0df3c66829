"""Arguments that all environments share, and their checks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

Level = int | str | os.PathLike[str] | None
Player = str | os.PathLike[str] | None
Seeds = int | np.integer[Any] | Sequence[int | None] | npt.NDArray[np.integer[Any]] | None

MOST_THREADS = 256


class WorldOptions(TypedDict, total=False):
    """Options of a world's observations and actions: the arcade's table `[world]`."""

    actions: str | None
    """"discrete" or "continuous", in a world that has both."""
    flicker: float
    """Probability that an observation is blank, from 0 to below 1."""
    frame_stack: int
    """Observations of the latest moments in one, newest first, 1 to 16."""
    scaled: bool
    """Whether entries of published scales are divided by what they usually are at most."""
    velocity_masked: bool
    """Whether velocities are left out of the vector."""


def options(given: dict[str, Any]) -> dict[str, Any]:
    """`given` as plain Python values; `TypeError` for an unknown name, `ValueError` for a value that is not allowed."""
    checked: dict[str, Any] = {}
    for name, value in given.items():
        if name not in WorldOptions.__annotations__:
            known = ", ".join(WorldOptions.__annotations__)
            raise TypeError(f"unexpected argument {name!r}; options of a world are {known}")
        value = value.item() if isinstance(value, np.generic) else value
        match name:
            case "actions":
                allowed, fits = "'discrete', 'continuous'", value in (None, "discrete", "continuous")
            case "flicker":
                number = isinstance(value, (int, float)) and not isinstance(value, bool)
                allowed, fits = "0 to below 1", number and 0 <= value < 1
            case "frame_stack":
                allowed, fits = "1 to 16", type(value) is int and 1 <= value <= 16
            case _:
                allowed, fits = "True, False", isinstance(value, bool)
        if not fits:
            raise ValueError(f"{name} = {value!r}: allowed: {allowed}")
        checked[name] = value
    return checked


def whole(name: str, value: Any, least: int, most: int) -> int:
    """`value` as an int within `least` and `most`."""
    plain = value.item() if isinstance(value, np.integer) else value
    if type(plain) is not int or not least <= plain <= most:
        raise ValueError(f"{name} = {value!r}: allowed: whole numbers from {least} to {most}")
    return plain


def level_name(level: Level) -> str | None:
    """The level as the arcade names it."""
    if isinstance(level, np.integer):
        level = int(level)
    if level is None or type(level) is int:
        return None if level is None else str(level)
    if isinstance(level, (str, os.PathLike)):
        return os.fspath(level)
    raise ValueError(f"level = {level!r}: allowed: the number of a level, a level file, 'random:DIFFICULTY'")


def seed(value: Any) -> int | None:
    """One seed: a whole number from 0 to 2^64 - 1."""
    if value is None:
        return None
    plain = value.item() if isinstance(value, np.integer) else value
    if type(plain) is not int or not 0 <= plain < 2**64:
        raise ValueError(f"seed = {value!r}: allowed: whole numbers from 0 to 2^64 - 1")
    return plain


def seeds(value: Seeds, count: int) -> list[int | None]:
    """Seeds of `count` environments: of a single one `s`, those of environment i are s + i."""
    if value is None:
        return [None] * count
    if isinstance(value, np.ndarray) and value.ndim == 1:
        value = list(value)
    if isinstance(value, (list, tuple)):
        if len(value) != count:
            raise ValueError(f"{len(value)} seeds for {count} environments; give one for each")
        return [seed(own) for own in value]
    first = seed(value)
    assert first is not None
    return [seed(first + env) for env in range(count)]


def rendering(render_mode: str | None) -> str | None:
    """`render_mode`, if it is one that there is."""
    if render_mode not in (None, "rgb_array"):
        raise ValueError(f"render_mode = {render_mode!r}: allowed: 'rgb_array', None; gymnasium.make also has 'human'")
    return render_mode
