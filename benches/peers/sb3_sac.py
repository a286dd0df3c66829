"""Stable-Baselines3's SAC, the work of `bench learner --actions continuous`: one line of JSON.

Its own `train` on a replay buffer of random transitions with the shapes of HalfCheetah. Needs stable-baselines3 and
what that needs; with --jax its sibling SBX (sbx-rl).
"""

import argparse
import importlib.metadata
import json
import time

import gymnasium
import numpy as np

OBS, DIMS, ITEMS = 17, 6, 20_000


class Shapes(gymnasium.Env):
    """Nothing but the two spaces."""

    observation_space = gymnasium.spaces.Box(-1, 1, (OBS,), np.float32)
    action_space = gymnasium.spaces.Box(-1, 1, (DIMS,), np.float32)

    def reset(self, *, seed=None, options=None):
        return np.zeros(OBS, np.float32), {}

    def step(self, action):
        return np.zeros(OBS, np.float32), 0.0, False, False, {}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--jax", action="store_true")
    args = parser.parse_args()
    if args.jax:
        from sbx import SAC
    else:
        from stable_baselines3 import SAC
    policy = {"net_arch": [args.hidden, args.hidden]}
    agent = SAC("MlpPolicy", Shapes(), buffer_size=ITEMS, batch_size=args.batch, policy_kwargs=policy, device="cpu")
    # Sets up the logger, which `train` writes to.
    agent.learn(1)
    random = np.random.default_rng(1)
    row = lambda width: random.uniform(-1, 1, (1, width)).astype(np.float32)
    for _ in range(ITEMS):
        reward, terminated = random.uniform(-1, 1, 1), random.uniform(size=1) < 0.01
        agent.replay_buffer.add(row(OBS), row(OBS), row(DIMS), reward, terminated, [{}])
    # SBX compiles its loop for a number of steps: one call is 32 in both.
    train = lambda: agent.train(gradient_steps=32, batch_size=args.batch)
    train()
    start, steps = time.perf_counter(), 0
    while time.perf_counter() - start < args.seconds:
        train()
        steps += 32
    rate = steps / (time.perf_counter() - start)
    name = "sbx-rl" if args.jax else "stable-baselines3"
    print(json.dumps({"peer": name, "version": importlib.metadata.version(name), "value": round(rate, 3)}))


main()
