"""Steps copies of a Gymnasium environment for the arcade, which starts this file and talks to it over two pipes.

Messages to the arcade: one byte for the kind, four for the length, the content. `H` hello (JSON), `S` the outcome of a
step, `P` a picture, `E` why it ends. Messages from the arcade: a JSON line first, then `S` with a byte per
environment, whether it makes a step, and an action each, or `P` with the number of one. Everything binary is little-endian. The end of the input is the end of the worker.
"""

import importlib
import importlib.metadata
import json
import math
import os
import signal
import struct
import sys
import traceback
import warnings

# Environments print: the pipes are moved away first, and what is printed goes to standard error.
IN, OUT = os.fdopen(os.dup(0), "rb"), os.dup(1)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
os.dup2(2, 1)
# Ctrl-C is the arcade's to handle.
signal.signal(signal.SIGINT, signal.SIG_IGN)

TERMINATED, TRUNCATED, SUCCESS = 1, 2, 4
MOST_CHOICES = 1024


class Refused(Exception):
    """What the arcade cannot play, in one line."""


def send(kind, *parts):
    parts = [memoryview(part).cast("B") for part in parts if len(part)]
    parts.insert(0, memoryview(kind + struct.pack("<I", sum(map(len, parts)))))
    while parts:
        written = os.writev(OUT, parts)
        while parts and written >= len(parts[0]):
            written -= len(parts.pop(0))
        if written:
            parts[0] = parts[0][written:]


def receive(length):
    data = IN.read(length)
    if len(data) < length:
        os._exit(0)
    return data


# --- Spaces ---------------------------------------------------------------------------------------------------------


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
    return isinstance(space, gym.spaces.Box) and space.dtype in (np.uint8, np.bool_) and len(space.shape) in (2, 3)


class Observations:
    """Writes observations as a float vector and a grid of bytes, channels first."""

    def __init__(self, env, identity):
        # The one-hot planes of MiniGrid hold zeros and ones, whatever their space says.
        self.ones = identity.startswith(("MiniGrid-", "BabyAI-"))
        self.names, self.vector, self.dropped = [], [], []
        self.grid, self.shape = None, None
        for space, name, take in leaves(env.observation_space, "", lambda value: value):
            if is_image(space) and self.grid is None:
                self.add_grid(space, take)
            elif isinstance(space, gym.spaces.Box) or is_flattenable(space):
                self.add_vector(space, name, take, env)
            else:
                self.dropped.append(name or type(space).__name__)
        if not self.names and self.grid is None:
            raise Refused(f"nothing of its observations can be read: {env.observation_space}")
        only = len(self.vector) == 1 and self.vector[0][0] is None
        self.plain = self.vector[0][1] if only and self.grid is None else None

    def add_grid(self, space, take):
        shape = space.shape if len(space.shape) == 3 else (*space.shape, 1)
        # Channels are few; usually they come last.
        first = shape[0] < min(shape[1], shape[2])
        self.shape = shape if first else (shape[2], shape[0], shape[1])
        full = self.ones or space.dtype == np.bool_ or int(space.high.max()) <= 1
        order = (0, 1, 2) if first else (2, 0, 1)

        def write(value, out):
            image = np.asarray(take(value), np.uint8).reshape(shape).transpose(order)
            np.multiply(image, 255, out=out) if full else np.copyto(out, image)

        self.grid = write

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
        if self.plain is not None:
            vector[:] = value
            return
        for _, write in self.vector:
            write(value, vector)
        if self.grid is not None:
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
    """Reads an action of every environment."""

    def __init__(self, env):
        space = env.action_space
        self.space, self.names, self.low, self.high = space, [], [], []
        if isinstance(space, gym.spaces.Discrete):
            start = int(space.start)
            self.names = meanings(env, int(space.n)) or [str(start + index) for index in range(int(space.n))]
            self.read = lambda data, index: int(data[index, 0]) + start
        elif isinstance(space, (gym.spaces.MultiDiscrete, gym.spaces.MultiBinary)):
            sizes = [2] * int(np.prod(space.shape)) if isinstance(space, gym.spaces.MultiBinary) else space.nvec.ravel()
            choices = math.prod(int(size) for size in sizes)
            if choices > MOST_CHOICES:
                raise Refused(f"its actions are {choices} combinations: at most {MOST_CHOICES} can be chosen from")
            rows = [np.unravel_index(index, tuple(int(size) for size in sizes)) for index in range(choices)]
            offset = getattr(space, "start", 0)
            table = [(np.asarray(row).reshape(space.shape) + offset).astype(space.dtype) for row in rows]
            self.names = [" ".join(str(part) for part in row.ravel()) for row in table]
            self.read = lambda data, index: table[int(data[index, 0])]
        elif isinstance(space, gym.spaces.Box) and np.issubdtype(space.dtype, np.floating):
            low, high = space.low.astype(np.float32).ravel(), space.high.astype(np.float32).ravel()
            if not (np.isfinite(low).all() and np.isfinite(high).all()):
                raise Refused("its actions have no bounds: wrap it with gymnasium.wrappers.RescaleAction")
            self.low, self.high = low.tolist(), high.tolist()
            shape, kind = space.shape, space.dtype
            # A rounding error must not leave the space.
            self.read = lambda data, index: np.clip(data[index], low, high).reshape(shape).astype(kind)
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


# --- Environments ---------------------------------------------------------------------------------------------------


def prepare(identity):
    """Imports what registers `identity`."""
    for prefix, module in (("ALE/", "ale_py"), ("MiniGrid-", "minigrid"), ("BabyAI-", "minigrid"), ("popgym-", "popgym")):
        if identity.startswith(prefix):
            importlib.import_module(module)
    if identity.startswith("MinAtar/"):
        importlib.import_module("minatar.gym").register_envs()


def make(identity, kwargs, picture):
    kwargs = dict(kwargs)
    if identity.startswith("ALE/"):
        kwargs.setdefault("frameskip", 1)
    if identity.startswith("popgym-"):
        # Its wrapper refuses an environment that is being checked.
        kwargs.setdefault("disable_env_checker", True)
    if picture and "render_mode" not in kwargs:
        try:
            return wrap(identity, gym.make(identity, render_mode="rgb_array", **kwargs))
        except Exception:  # Not all can be drawn; what is wrong otherwise is said below.
            pass
    return wrap(identity, gym.make(identity, **kwargs))


def wrap(identity, env):
    if identity.startswith("ALE/"):
        return gym.wrappers.AtariPreprocessing(env)
    if identity.startswith(("MiniGrid-", "BabyAI-")):
        # Cells hold symbols, which are not brightness.
        return importlib.import_module("minigrid.wrappers").OneHotPartialObsWrapper(env)
    if identity.startswith("popgym-"):
        return importlib.import_module("popgym.wrappers").PreviousAction(env)
    return env


def succeeded(info, episode_return, threshold):
    for key in ("is_success", "success"):
        if key in info:
            return bool(np.all(info[key]))
    return threshold is not None and episode_return >= threshold


class Worker:
    def __init__(self, hello):
        identity = hello["id"]
        prepare(identity)
        seeds = hello["seeds"]
        self.envs = [make(identity, hello["kwargs"], hello["picture"]) for _ in seeds]
        env = self.envs[0]
        self.observations, self.actions = Observations(env, identity), Actions(env)
        count, grid = len(seeds), self.observations.shape or (0, 0, 0)
        self.rewards, self.flags = np.zeros(count, np.float64), np.zeros(count, np.uint8)
        self.vectors = np.zeros((count, len(self.observations.names)), np.float32)
        self.grids = np.zeros((count, *grid), np.uint8)
        # First observations of the next episodes, where one has ended.
        self.next_vectors, self.next_grids = np.zeros_like(self.vectors), np.zeros_like(self.grids)
        self.returns, self.steps = [0.0] * count, 0
        spec = env.spec
        self.threshold = getattr(spec, "reward_threshold", None)
        space = self.actions
        send(
            b"H",
            json.dumps(
                {
                    "vector": self.observations.names,
                    "grid": list(grid) if self.observations.shape else None,
                    "dropped": self.observations.dropped,
                    "actions": space.names,
                    "low": space.low,
                    "high": space.high,
                    "limit": getattr(spec, "max_episode_steps", None),
                    "threshold": self.threshold,
                    "fps": env.metadata.get("render_fps"),
                    "picture": env.render_mode == "rgb_array",
                    "versions": versions(),
                }
            ).encode(),
        )
        for index, seed in enumerate(seeds):
            self.observe(index, self.envs[index].reset(seed=seed)[0], self.vectors, self.grids)
        self.check("the first observation")
        self.answer([])

    def observe(self, index, value, vectors, grids):
        self.observations.write(value, vectors[index], grids[index])

    def play(self):
        count, space = len(self.envs), self.actions
        width, kind = (len(space.low), np.float32) if space.is_box else (1, np.int32)
        size = 4 * count * width
        while True:
            command = receive(1)
            if command == b"P":
                self.show(struct.unpack("<I", receive(4))[0])
                continue
            moves = receive(count)
            actions = np.frombuffer(receive(size), kind).reshape(count, width)
            self.step(moves, actions)

    def step(self, moves, actions):
        ended = []
        self.steps += 1
        read, returns = self.actions.read, self.returns
        for index, env in enumerate(self.envs):
            if not moves[index]:
                self.flags[index] = 0
                continue
            value, reward, terminated, truncated, info = env.step(read(actions, index))
            reward = float(reward)
            returns[index] += reward
            self.rewards[index] = reward
            self.observe(index, value, self.vectors, self.grids)
            # Both may be set; what ended the episode by its own rules is no time limit.
            flags = TERMINATED if terminated else TRUNCATED if truncated else 0
            if flags:
                flags |= SUCCESS if succeeded(info, returns[index], self.threshold) else 0
                returns[index] = 0.0
                self.observe(index, env.reset()[0], self.next_vectors, self.next_grids)
                ended.append(index)
            self.flags[index] = flags
        if not (np.isfinite(self.rewards).all() and np.isfinite(self.vectors).all()):
            self.check("what followed its action", actions)
        self.answer(ended)

    def check(self, what, actions=None):
        """Ends over a number that nothing can be learned from."""
        wrong = ~(np.isfinite(self.rewards) & np.isfinite(self.vectors).all(axis=1))
        if not wrong.any():
            return
        index = int(wrong.argmax())
        entry = (~np.isfinite(self.vectors[index])).nonzero()[0]
        bad = f"the reward is {self.rewards[index]}"
        if len(entry):
            bad = f"{self.observations.names[entry[0]]} is {self.vectors[index][entry[0]]}"
        action = "" if actions is None else f" {self.actions.read(actions, index)}"
        raise Refused(f"environment {index}, step {self.steps}: {bad} in {what}{action}")

    def answer(self, ended):
        parts = [self.rewards, self.flags, self.vectors, self.grids]
        for index in ended:
            parts += [self.next_vectors[index], self.next_grids[index]]
        send(b"S", *(part.reshape(-1) for part in parts))

    def show(self, index):
        try:
            image = self.envs[index].render()
        except Exception:  # It plays on, without a picture.
            traceback.print_exc()
            image = None
        if image is None:
            send(b"P", b"")
            return
        image = np.asarray(image)[..., :3]
        if np.issubdtype(image.dtype, np.floating):
            # MinAtar's are shares of full brightness.
            image = 255 * image.clip(0, 1)
        image = np.ascontiguousarray(image, np.uint8)
        send(b"P", struct.pack("<II", image.shape[1], image.shape[0]), image.reshape(-1))


def versions():
    """Of every package that decides what an environment does."""
    names = ("gymnasium", "numpy", "mujoco", "box2d", "ale-py", "MinAtar", "minigrid", "popgym")
    found = {"python": sys.version.split()[0]}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            pass
    return found


def main():
    global gym, np
    try:
        hello = json.loads(IN.readline())
        sys.path.insert(0, hello["folder"])
        warnings.filterwarnings("ignore", category=UserWarning, module="gymnasium")
        import numpy as np
        import gymnasium as gym

        Worker(hello).play()
    except Refused as problem:
        send(b"E", str(problem).encode())
    except BrokenPipeError:
        pass
    except Exception as problem:
        traceback.print_exc()
        sys.stderr.flush()
        send(b"E", (str(problem).strip().split("\n")[0] or type(problem).__name__).encode())
    os._exit(0)


main()
