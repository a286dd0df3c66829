"""Steps copies of a Gymnasium environment for the arcade, which starts this file and talks to it over two pipes.

Messages to the arcade: one byte for the kind, four for the length, the content. `H` hello (JSON), `S` the outcome of a
step, `P` a picture, `E` why it ends. Messages from the arcade: a JSON line first, then `S` with a byte per
environment, whether it makes a step, and an action each, or `P` with the number of one. Everything binary is
little-endian. The end of the input is the end of the worker.
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
if hasattr(os, "register_at_fork"):
    # A process that an environment starts must not keep the pipe open when this one has ended.
    os.register_at_fork(after_in_child=lambda: os.close(OUT))

TERMINATED, TRUNCATED, SUCCESS = 1, 2, 4

# Of a reward, which is a number of 32 bits where it is learned from.
LARGEST = 3e38

gym = np = spaces = None


def send(kind, *parts):
    content = b"".join(parts)
    left = memoryview(kind + struct.pack("<I", len(content)) + content)
    while left:
        left = left[os.write(OUT, left) :]


def receive(length):
    data = IN.read(length)
    if len(data) < length:
        os._exit(0)
    return data


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


def number(reward, index, step):
    try:
        return float(reward)
    except TypeError:
        pass
    try:
        return float(np.asarray(reward).item())
    except (TypeError, ValueError):
        raise spaces.Refused(f"environment {index}, step {step}: the reward is {reward!r}, which is no number") from None


class Worker:
    def __init__(self, hello):
        identity = hello["id"]
        prepare(identity)
        seeds = hello["seeds"]
        self.envs = [make(identity, hello["kwargs"], hello["picture"]) for _ in seeds]
        env = self.envs[0]
        self.observations, self.actions = spaces.Observations(env, identity), spaces.Actions(env)
        count, grid = len(seeds), self.observations.shape or (0, 0, 0)
        self.rewards, self.flags = [0.0] * count, bytearray(count)
        self.vectors = np.zeros((count, len(self.observations.names)), np.float32)
        self.grids = np.zeros((count, *grid), np.uint8)
        # First observations of the next episodes, where one has ended.
        self.next_vectors, self.next_grids = np.zeros_like(self.vectors), np.zeros_like(self.grids)
        self.now = list(zip(self.vectors, self.grids))
        self.next = list(zip(self.next_vectors, self.next_grids))
        self.returns, self.steps = [0.0] * count, 0
        spec = env.spec
        threshold = getattr(spec, "reward_threshold", None)
        self.threshold = float(threshold) if threshold is not None and math.isfinite(threshold) else None
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
            value = self.envs[index].reset(seed=seed)[0]
            self.observations.compare(value)
            self.observations.write(value, *self.now[index])
        self.check("the first observation")
        self.answer([])

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
        ended, good = [], True
        self.steps += 1
        # Names of this function are found faster.
        write, rewards, flags, returns, now = (
            self.observations.write, self.rewards, self.flags, self.returns, self.now
        )
        for index, (env, action) in enumerate(zip(self.envs, self.actions.read(actions))):
            flags[index] = 0
            if not moves[index]:
                continue
            value, reward, terminated, truncated, info = env.step(action)
            if type(reward) is not float:
                reward = number(reward, index, self.steps)
            good &= -LARGEST < reward < LARGEST
            rewards[index] = reward
            returns[index] += reward
            write(value, *now[index])
            if terminated or truncated:
                # Both may be set; what ended the episode by its own rules is no time limit.
                success = SUCCESS if succeeded(info, returns[index], self.threshold) else 0
                flags[index] = (TERMINATED if terminated else TRUNCATED) | success
                returns[index] = 0.0
                write(env.reset()[0], *self.next[index])
                ended.append(index)
        if not (good and np.isfinite(self.vectors).all()):
            self.check("what followed its action", actions)
        if ended and not np.isfinite(self.next_vectors[ended]).all():
            self.vectors[ended] = self.next_vectors[ended]
            self.check("the first observation of an episode")
        self.answer(ended)

    def check(self, what, actions=None):
        """Ends over a number that nothing can be learned from."""
        fair = np.abs(np.array(self.rewards)) < LARGEST
        wrong = ~(fair & np.isfinite(self.vectors).all(axis=1))
        if not wrong.any():
            return
        index = int(wrong.argmax())
        entry = (~np.isfinite(self.vectors[index])).nonzero()[0]
        bad = f"the reward is {self.rewards[index]}"
        if len(entry):
            bad = f"{self.observations.names[entry[0]]} is {self.vectors[index][entry[0]]}"
        action = "" if actions is None else f" {self.actions.read(actions)[index]}"
        raise spaces.Refused(f"environment {index}, step {self.steps}: {bad} in {what}{action}")

    def answer(self, ended):
        parts = [struct.pack(f"<{len(self.rewards)}d", *self.rewards), self.flags, self.vectors.tobytes()]
        parts.append(self.observations.bright(self.grids))
        for index in ended:
            vector, grid = self.next[index]
            parts += [vector.tobytes(), self.observations.bright(grid)]
        send(b"S", *parts)

    def show(self, index):
        try:
            image = np.asarray(self.envs[index].render())
            if np.issubdtype(image.dtype, np.floating):
                # MinAtar's are shares of full brightness.
                image = 255 * image.clip(0, 1)
            if image.ndim == 2:
                image = np.repeat(image[..., None], 3, axis=2)
            image = np.ascontiguousarray(image[..., :3], np.uint8)
            height, width, _ = image.shape
        except Exception:  # It plays on, without a picture.
            traceback.print_exc()
            send(b"P")
            return
        send(b"P", struct.pack("<II", width, height), image.tobytes())


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
    # After the pipes are safe, since packages print when they are imported.
    global gym, np, spaces
    try:
        hello = json.loads(IN.readline())
        # For modules of the user's own.
        sys.path.insert(1, hello["folder"])
        warnings.filterwarnings("ignore", category=UserWarning, module="gymnasium")
        import gymnasium as gym
        import numpy as np
        import arcade_spaces as spaces

        Worker(hello).play()
    except BrokenPipeError:
        pass
    except BaseException as problem:  # An environment may call sys.exit.
        if spaces is None or not isinstance(problem, spaces.Refused):
            traceback.print_exc()
            sys.stderr.flush()
        said = f"it called sys.exit({problem.code})" if isinstance(problem, SystemExit) else str(problem)
        send(b"E", (said.strip().split("\n")[0] or type(problem).__name__).encode())
    os._exit(0)


main()
