"""A bare loop over copies of a Gymnasium environment in one process, the work of `bench env`: one line of JSON.

    python benches/peers/gymnasium_loop.py --env HalfCheetah-v5 --arenas 8 --seconds 2

Actions are drawn beforehand; an ended episode is reset at once. Needs gymnasium and what the environment needs. Atari is
preprocessed as usual (grey 84 x 84, every fourth frame).
"""

import argparse
import importlib
import json
import time

import gymnasium
import numpy as np

DRAWN = 1000


def make(name):
    if name.startswith("ALE/"):
        importlib.import_module("ale_py")
        return gymnasium.wrappers.AtariPreprocessing(gymnasium.make(name, frameskip=1))
    if name.startswith("MinAtar/"):
        importlib.import_module("minatar.gym").register_envs()
    return gymnasium.make(name)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--env", required=True)
    parser.add_argument("--arenas", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=3.0)
    args = parser.parse_args()
    envs = [make(args.env) for _ in range(args.arenas)]
    for index, env in enumerate(envs):
        env.reset(seed=index)
        env.action_space.seed(index)
    actions = [envs[0].action_space.sample() for _ in range(DRAWN)]

    def play(seconds):
        steps, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            for env in envs:
                _, _, terminated, truncated, _ = env.step(actions[steps % DRAWN])
                steps += 1
                if terminated or truncated:
                    env.reset()
        return steps / (time.perf_counter() - start)

    play(args.seconds / 4)
    print(json.dumps({"peer": f"gymnasium {args.env}", "version": gymnasium.__version__, "value": play(args.seconds)}))


if __name__ == "__main__":
    main()
