"""Steps per second of the Python package against EnvPool's environments of the same kind, in turn.

Both step vectors of equally many environments on as many threads with the same random actions, and reset by themselves.

    python -m venv package && package/bin/pip install ./python envpool==1.2.5
    package/bin/python benches/peers/python_package.py
"""

import argparse
import statistics
import time

import entropy_arcade
import envpool
import gymnasium
import numpy as np

PAIRS = [
    ("lander", "LunarLander-v3"),
    ("lava-room", "MiniGrid-DoorKey-8x8-v0"),
    ("cartpole", "CartPole-v1"),
]


def rate(envs, actions, num_envs, seconds):
    """Steps per second of all environments together."""
    steps, begun = 0, time.perf_counter()
    while (took := time.perf_counter() - begun) < seconds:
        envs.step(actions[steps % len(actions)])
        steps += 1
    return steps * num_envs / took


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num-envs", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5)
    options = parser.parse_args()
    versions = f"entropy-arcade {entropy_arcade.__version__}, EnvPool {envpool.__version__}, Gymnasium {gymnasium.__version__}"
    print(f"{versions}; {options.num_envs} environments, {options.threads} threads, medians of {options.runs} runs")
    print(f"{'world':12} {'steps/s':>12}   {'EnvPool':24} {'steps/s':>12} {'ratio':>7}   least to most")
    for world, peer in PAIRS:
        mode = gymnasium.vector.AutoresetMode.SAME_STEP
        ours = entropy_arcade.ArcadeVectorEnv(options.num_envs, world, threads=options.threads, autoreset_mode=mode)
        theirs = envpool.make_gymnasium(peer, num_envs=options.num_envs, num_threads=options.threads, seed=1)
        rng, rates = np.random.default_rng(1), ([], [])
        ours.reset(seed=1)
        theirs.reset()
        sizes = [ours.single_action_space.n, theirs.action_space.n]
        drawn = [[rng.integers(size, size=options.num_envs, dtype=np.int32) for _ in range(64)] for size in sizes]
        for run in range(options.runs + 1):
            for envs, actions, into in zip((ours, theirs), drawn, rates, strict=True):
                found = rate(envs, actions, options.num_envs, options.seconds)
                # The first run warms up.
                into.extend([found] if run else [])
        ratios = [one / other for one, other in zip(*rates, strict=True)]
        one, other = (statistics.median(own) for own in rates)
        print(
            f"{world:12} {one:12,.0f}   {peer:24} {other:12,.0f} {statistics.median(ratios):7.2f}"
            f"   {min(ratios):.2f} to {max(ratios):.2f}"
        )
        theirs.close()


if __name__ == "__main__":
    main()
