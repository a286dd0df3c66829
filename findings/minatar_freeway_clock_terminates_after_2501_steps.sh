#!/usr/bin/env bash
# MinAtar 1.0.15 with gymnasium 1.4.0: Freeway's time limit is 2501 steps and is reported as terminated, not as truncated.
#
# MinAtar/Freeway-v1 with "no action" throughout: after 2501 steps `(terminated, truncated)` is `(True, False)`. The id has
# no `max_episode_steps`. The frame does not change with the clock. With `max_episode_steps=2501` both flags are set,
# with 2500 the episode is truncated one step before the game's own end.
# From the game's description one guesses a limit of 2500, and from Gymnasium that a clock truncates.
# Taken as it is, value targets are cut to zero at a moment that the agent cannot see. To bootstrap, wrap the task with a
# limit of 2500 and use `truncated`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install -q --disable-pip-version-check gymnasium==1.4.0 numpy==2.4.6
# What MinAtar's package asks for beside these is for pictures on the screen.
env/bin/pip install -q --disable-pip-version-check --no-deps MinAtar==1.0.15
env/bin/python -W ignore - 2>log <<'PY' || { tail -n 1 log; exit 1; }
import sys

import gymnasium as gym
import minatar.gym

minatar.gym.register_envs()


def end(limit):
    env, steps, over = gym.make("MinAtar/Freeway-v1", max_episode_steps=limit), 0, False
    env.reset(seed=0)
    while not over:
        _, _, terminated, truncated, _ = env.step(0)
        steps, over = steps + 1, terminated or truncated
    return steps, bool(terminated), bool(truncated)


if gym.spec("MinAtar/Freeway-v1").max_episode_steps is not None:
    sys.exit("the id has a step limit now")
game = gym.make("MinAtar/Freeway-v1").unwrapped.game
game.seed(0)
game.reset()
frame = game.state()
game.env.terminate_timer = 1
if not (frame == game.state()).all():
    sys.exit("the frame shows the clock now")
for limit, expected in ((None, (2501, True, False)), (2501, (2501, True, True)), (2500, (2500, False, True))):
    seen = end(limit)
    print(f"limit {limit}: {seen[0]} steps, terminated {seen[1]}, truncated {seen[2]}")
    if seen != expected:
        sys.exit(f"expected {expected}")
PY
echo "as described"
