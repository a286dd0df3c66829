"""`python -m entropy_arcade`: plays every world at random and says how fast."""

from __future__ import annotations

import argparse
import time

import numpy as np

from entropy_arcade import WORLDS, ArcadeVectorEnv, __version__


def main() -> None:
    """Plays at random."""
    parser = argparse.ArgumentParser(prog="python -m entropy_arcade", description=__doc__)
    parser.add_argument("worlds", nargs="*", metavar="WORLD", help=f"one of {', '.join(WORLDS)}; all if none is named")
    parser.add_argument("--num-envs", type=int, default=64, help="environments in one vector (%(default)s)")
    parser.add_argument("--threads", type=int, default=0, help="threads; 0 for one per core (%(default)s)")
    parser.add_argument("--seconds", type=float, default=1.0, help="seconds for each world (%(default)s)")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.worlds if name not in WORLDS]
    if unknown:
        parser.error(f"{', '.join(unknown)}: no such world; choose of {', '.join(WORLDS)}")
    print(f"entropy-arcade {__version__}, {arguments.num_envs} environments")
    for world in [WORLDS[name] for name in arguments.worlds] or WORLDS.values():
        others = "scripted" if world.scripted else "random"
        env = ArcadeVectorEnv(
            arguments.num_envs, world.name, partner=others, opponent=others, threads=arguments.threads
        )
        env.reset(seed=0)
        env.action_space.seed(0)
        actions = [env.action_space.sample() for _ in range(64)]
        steps, episodes, begun = 0, 0, time.perf_counter()
        while (took := time.perf_counter() - begun) < arguments.seconds:
            _, _, terminated, truncated, _ = env.step(actions[steps % len(actions)])
            episodes += int(np.count_nonzero(terminated | truncated))
            steps += 1
        print(f"{world.id:38} {steps * arguments.num_envs / took:12,.0f} steps/s, {episodes} episodes")


if __name__ == "__main__":
    main()
