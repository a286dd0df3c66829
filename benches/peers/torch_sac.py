"""Discrete SAC's gradient step in PyTorch, the work of `bench learner`: one line of JSON.

Sampling from replay, clipped twin critics, actor, temperature and soft targets, as usually written;
with --compile the losses and targets go through torch.compile, with --graph the whole step, sampling included, is
captured once as a CUDA graph. Nothing but torch is needed.
"""

import argparse
import copy
import json
import math
import time

import torch
from torch import nn

OBS, ACTIONS, GAMMA, TAU, ITEMS, TARGET_ENTROPY = 8, 4, 0.99, 0.005, 20_000, 0.5 * math.log(4)


def mlp(width):
    return nn.Sequential(
        nn.Linear(OBS, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, ACTIONS)
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--graph", action="store_true")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.manual_seed(1)
    device = torch.device(args.device)
    actor, critic1, critic2 = (mlp(args.hidden).to(device) for _ in range(3))
    target1, target2 = copy.deepcopy(critic1), copy.deepcopy(critic2)
    log_alpha = torch.full((1,), math.log(0.2), device=device, requires_grad=True)
    online = [*critic1.parameters(), *critic2.parameters()]
    targets = [*target1.parameters(), *target2.parameters()]
    options = {"fused": True, "capturable": True} if args.graph else {}
    critic_adam = torch.optim.Adam(online, lr=1e-3, **options)
    actor_adam = torch.optim.Adam(actor.parameters(), lr=3e-4, **options)
    alpha_adam = torch.optim.Adam([log_alpha], lr=3e-4, **options)
    observations, next_observations = (torch.rand(ITEMS, OBS, device=device) * 2 - 1 for _ in range(2))
    actions = torch.randint(ACTIONS, (ITEMS,), device=device)
    rewards = torch.rand(ITEMS, device=device) * 2 - 1
    terminated = (torch.rand(ITEMS, device=device) < 0.01).float()

    def soft_targets(reward, next_obs, terminated, alpha):
        log_next = torch.log_softmax(actor(next_obs), -1)
        q = torch.min(target1(next_obs), target2(next_obs))
        return reward + GAMMA * (1 - terminated) * (log_next.exp() * (q - alpha * log_next)).sum(-1)

    def critic_loss(obs, action, y):
        taken1, taken2 = (critic(obs).gather(1, action[:, None])[:, 0] for critic in (critic1, critic2))
        return ((taken1 - y) ** 2).mean() + ((taken2 - y) ** 2).mean()

    def actor_loss(obs, alpha):
        log_policy = torch.log_softmax(actor(obs), -1)
        policy = log_policy.exp()
        with torch.no_grad():
            q = torch.min(critic1(obs), critic2(obs))
        entropy = -(policy * log_policy).sum(-1).mean()
        return (policy * (alpha * log_policy - q)).sum(-1).mean(), entropy.detach()

    if args.compile:
        soft_targets, critic_loss, actor_loss = map(torch.compile, (soft_targets, critic_loss, actor_loss))

    def step():
        index = torch.randint(ITEMS, (args.batch,), device=device)
        obs, alpha = observations[index], log_alpha.detach().exp()
        with torch.no_grad():
            y = soft_targets(rewards[index], next_observations[index], terminated[index], alpha)
        loss = critic_loss(obs, actions[index], y)
        critic_adam.zero_grad()
        loss.backward()
        critic_adam.step()
        loss, entropy = actor_loss(obs, alpha)
        actor_adam.zero_grad()
        loss.backward()
        actor_adam.step()
        loss = (log_alpha.exp() * (entropy - TARGET_ENTROPY)).sum()
        alpha_adam.zero_grad()
        loss.backward()
        alpha_adam.step()
        with torch.no_grad():
            torch._foreach_lerp_(targets, online, TAU)

    def wait():
        if device.type == "cuda":
            torch.cuda.synchronize()

    call = step
    if args.graph:
        # A capture needs a few steps before it, on a stream of their own.
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(5):
                step()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step()
        call = graph.replay

    for _ in range(50):
        call()
    wait()
    start, steps = time.perf_counter(), 0
    while time.perf_counter() - start < args.seconds:
        for _ in range(10):
            call()
        steps += 10
        wait()
    rate = steps / (time.perf_counter() - start)
    form = "CUDA graph" if args.graph else "compiled" if args.compile else "eager"
    name = f"pytorch, {form}" + ("" if args.device == "cpu" else f", {args.device}")
    print(json.dumps({"peer": name, "version": torch.__version__, "value": round(rate, 3)}))


main()
