"""`python -m entropy_arcade`: plays every world at random and says how fast."""

from __future__ import annotations

import argparse
import math
import time

import numpy as np

from entropy_arcade import WORLDS, ArcadeVectorEnv, __version__, arguments


def main() -> None:
    """Plays at random."""
    parser = argparse.ArgumentParser(prog="python -m entropy_arcade", description=__doc__)
    parser.add_argument("worlds", nargs="*", metavar="WORLD", help=f"one of {', '.join(WORLDS)}; all if none is named")
    parser.add_argument("--num-envs", type=int, default=64, help="environments in one vector (%(default)s)")
    parser.add_argument("--threads", type=int, default=0, help="threads; 0 for one per core (%(default)s)")
    parser.add_argument("--seconds", type=float, default=1.0, help="seconds for each world (%(default)s)")
    parser.add_argument("--version", action="version", version=__version__)
    given = parser.parse_args()
    unknown = [name for name in given.worlds if name not in WORLDS]
    if unknown:
        parser.error(f"{', '.join(unknown)}: no such world; choose of {', '.join(WORLDS)}")
    if not (math.isfinite(given.seconds) and given.seconds > 0):
        parser.error(f"--seconds {given.seconds}: allowed: above 0")
    try:
        arguments.whole("--num-envs", given.num_envs, 1, 65_536)
        arguments.whole("--threads", given.threads, 0, arguments.MOST_THREADS)
    except ValueError as error:
        parser.error(str(error))
    print(f"entropy-arcade {__version__}, {given.num_envs} environments")
    for world in [WORLDS[name] for name in given.worlds] or WORLDS.values():
        env = ArcadeVectorEnv(given.num_envs, world.name, threads=given.threads)
        env.reset(seed=0)
        env.action_space.seed(0)
        actions = [env.action_space.sample() for _ in range(64)]
        steps, episodes, begun = 0, 0, time.perf_counter()
        while (took := time.perf_counter() - begun) < given.seconds:
            _, _, terminated, truncated, _ = env.step(actions[steps % len(actions)])
            episodes += int(np.count_nonzero(terminated | truncated))
            steps += 1
        print(f"{world.id:38} {steps * given.num_envs / took:12,.0f} steps/s, {episodes} episodes")
        env.close()


if __name__ == "__main__":
    main()
