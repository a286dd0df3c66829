"""What the arcade sees of an observation, and what an environment gets of its actions."""

import math

import gymnasium as gym
import numpy as np

MOST_CHOICES = 1024
# Sides of an image.
LEAST_SIDE = 5


class Refused(Exception):
    """What the arcade cannot play, in one line."""


def leaves(space, name, take):
    """The spaces that a Dict or Tuple is made of, each with a function that takes its part of an observation."""
    if isinstance(space, gym.spaces.Dict):
        for key, inner in space.spaces.items():
            yield from leaves(inner, f"{name} {key}".strip(), lambda value, key=key: take(value)[key])
    elif isinstance(space, gym.spaces.Tuple):
        for index, inner in enumerate(space.spaces):
            yield from leaves(inner, f"{name} {index}".strip(), lambda value, index=index: take(value)[index])
    else:
        yield space, name, take


def is_flattenable(space):
    if isinstance(space, gym.spaces.Text):
        # Its letters as numbers mean nothing.
        return False
    try:
        return bool(space.is_np_flattenable)
    except NotImplementedError:  # Spaces of other packages need not say.
        return False


def is_image(space):
    """Bytes in a plane that a convolution can do something with; a board of three by three is a vector."""
    if not (isinstance(space, gym.spaces.Box) and space.dtype in (np.uint8, np.bool_) and len(space.shape) in (2, 3)):
        return False
    return sorted(space.shape)[-2] >= LEAST_SIDE


class Observations:
    """Writes observations as a float vector and a grid of bytes, channels first."""

    def __init__(self, env, identity):
        # The one-hot planes of MiniGrid hold zeros and ones, whatever their space says.
        self.ones = identity.startswith(("MiniGrid-", "BabyAI-"))
        self.names, self.vector, self.dropped, self.parts = [], [], [], []
        self.grid, self.shape, self.full = None, None, False
        for space, name, take in leaves(env.observation_space, "", lambda value: value):
            self.parts.append((space, name, take))
            if is_image(space) and self.grid is None:
                self.add_grid(space, take)
            elif isinstance(space, gym.spaces.Box) or is_flattenable(space):
                self.add_vector(space, name, take, env)
            else:
                self.dropped.append(name or type(space).__name__)
        if not self.names and self.grid is None:
            raise Refused(f"nothing of its observations can be read: {env.observation_space}")
        only = len(self.vector) == 1 and self.vector[0][0] is None
        if only and self.grid is None:
            self.write = self.write_plain
        elif not self.names:
            self.write = self.write_grid

    def compare(self, value):
        """Refuses an observation of another shape or kind than its space: what is read of it would be something else."""
        for space, name, take in self.parts:
            part, what = take(value), name or "the observation"
            if isinstance(space, gym.spaces.Box) and np.shape(part) != space.shape:
                raise Refused(f"{what} has the shape {np.shape(part)}, its space says {space.shape}")
            if is_image(space) and np.asarray(part).dtype not in (np.uint8, np.bool_):
                raise Refused(f"{what} is an image of {np.asarray(part).dtype}, its space says {space.dtype}")
            if isinstance(space, (gym.spaces.Discrete, gym.spaces.MultiDiscrete)) and not space.contains(part):
                raise Refused(f"{what} is {part!r}, which is not in its space {space}")

    def add_grid(self, space, take):
        shape = space.shape if len(space.shape) == 3 else (*space.shape, 1)
        # Channels are few; usually they come last.
        first = shape[0] < min(shape[1], shape[2])
        self.shape = shape if first else (shape[2], shape[0], shape[1])
        # Ones become 255 when they are sent.
        self.full = self.ones or space.dtype == np.bool_ or int(space.high.max()) <= 1
        order = (0, 1, 2) if first else (2, 0, 1)
        flat = len(space.shape) == 2

        def write(value, out):
            image = np.asarray(take(value))
            out[...] = image if flat else image.transpose(order)

        self.grid = write

    def bright(self, grids):
        """The bytes of `grids`, from dark to full brightness."""
        return (grids * np.uint8(255)).tobytes() if self.full else grids.tobytes()

    def add_vector(self, space, name, take, env):
        size = int(np.prod(space.shape)) if isinstance(space, gym.spaces.Box) else gym.spaces.flatdim(space)
        start = len(self.names)
        self.names += entry_names(space, name, size, env)
        where = slice(start, start + size)
        if isinstance(space, gym.spaces.Box):
            # A byte is a share of 255.
            scale = 255.0 if space.dtype == np.uint8 and int(space.high.max()) == 255 else 1.0
            flat = len(space.shape) == 1 and scale == 1.0

            def write(value, out):
                part = take(value)
                out[where] = part if flat else np.asarray(part, np.float32).reshape(-1) / scale

        else:

            def write(value, out):
                out[where] = gym.spaces.flatten(space, take(value))

        is_whole = space is env.observation_space and isinstance(space, gym.spaces.Box)
        self.vector.append((None if is_whole and len(space.shape) == 1 and scale == 1.0 else where, write))

    def write(self, value, vector, grid):
        for _, write in self.vector:
            write(value, vector)
        if self.grid is not None:
            self.grid(value, grid)

    @staticmethod
    def write_plain(value, vector, _):
        vector[:] = value

    def write_grid(self, value, _, grid):
        self.grid(value, grid)


def entry_names(space, name, size, env):
    """Names of the entries, those of a MuJoCo task by what they measure."""
    parts = getattr(env.unwrapped, "observation_structure", None)
    if isinstance(parts, dict) and space is env.observation_space:
        words = {"qpos": "position", "qvel": "velocity"}
        parts = [(words.get(part, part), count) for part, count in parts.items() if not part.startswith("skipped")]
        if all(isinstance(count, int) for _, count in parts) and sum(count for _, count in parts) == size:
            return [f"{part} {index}" for part, count in parts for index in range(count)]
    name = name or "o"
    return [name] if size == 1 and name != "o" else [f"{name} {index}".replace("o ", "o") for index in range(size)]


class Actions:
    """Reads the actions of all environments."""

    def __init__(self, env):
        space = env.action_space
        self.space, self.names, self.low, self.high = space, [], [], []
        if isinstance(space, gym.spaces.Discrete):
            start = int(space.start)
            self.names = meanings(env, int(space.n)) or [str(start + index) for index in range(int(space.n))]
            self.read = lambda data: [action + start for action in data[:, 0].tolist()]
        elif isinstance(space, (gym.spaces.MultiDiscrete, gym.spaces.MultiBinary)):
            sizes = [2] * int(np.prod(space.shape)) if isinstance(space, gym.spaces.MultiBinary) else space.nvec.ravel()
            choices = math.prod(int(size) for size in sizes)
            if choices > MOST_CHOICES:
                raise Refused(f"its actions are {choices} combinations: at most {MOST_CHOICES} can be chosen from")
            rows = [np.unravel_index(index, tuple(int(size) for size in sizes)) for index in range(choices)]
            offset = getattr(space, "start", 0)
            table = [(np.asarray(row).reshape(space.shape) + offset).astype(space.dtype) for row in rows]
            self.names = [" ".join(str(part) for part in row.ravel()) for row in table]
            self.read = lambda data: [table[action] for action in data[:, 0].tolist()]
        elif isinstance(space, gym.spaces.Box) and np.issubdtype(space.dtype, np.floating):
            low, high = space.low.astype(np.float32).ravel(), space.high.astype(np.float32).ravel()
            if not (np.isfinite(low).all() and np.isfinite(high).all()):
                raise Refused("its actions have no bounds: wrap it with gymnasium.wrappers.RescaleAction")
            self.low, self.high = low.tolist(), high.tolist()
            shape, kind = space.shape, space.dtype
            # A rounding error must not leave the space.
            least, most = space.low.ravel(), space.high.ravel()
            self.read = lambda data: list(np.clip(data.astype(kind), least, most).reshape(-1, *shape))
        else:
            raise Refused(f"its actions are {space}: allowed: Discrete, MultiDiscrete, MultiBinary, bounded float Box")

    @property
    def is_box(self):
        return bool(self.low)


def meanings(env, count):
    ask, listed = getattr(env.unwrapped, "get_action_meanings", None), getattr(env.unwrapped, "actions", None)
    try:
        names = [str(name).lower() for name in (ask() if ask else [action.name for action in listed])]
    except Exception:  # Some have the method and not the answer, or actions of another kind.
        return None
    return names if len(names) == count and len(set(names)) == count else None
