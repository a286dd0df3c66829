"""Discrete SAC's gradient step with memory in PyTorch, the work of `bench sequences`: one line of JSON.

Sequences sampled from replay, burn-in without gradient, clipped twin critics, actor, temperature and soft targets,
every network with a memory of its own: nn.LSTM, nn.GRU, or a pre-norm transformer block on
scaled_dot_product_attention. Sequences hold no start of an episode, since nn.LSTM cannot reset its state within
one. With --compile all passes go through torch.compile. Nothing but torch is needed.
"""

import argparse
import copy
import json
import math
import time

import torch
from torch import nn
from torch.nn import functional as F

OBS, ACTIONS, GAMMA, TAU, ITEMS, TARGET_ENTROPY = 16, 5, 0.99, 0.005, 20_000, 0.5 * math.log(5)
INPUTS = OBS + ACTIONS + 1
HEADS, WINDOW = 4, 32


class Recurrent(nn.Module):
    def __init__(self, kind, width):
        super().__init__()
        self.cell = {"lstm": nn.LSTM, "gru": nn.GRU}[kind](INPUTS, width)

    def forward(self, x, burn_in):
        with torch.no_grad():
            _, state = self.cell(x[:burn_in])
        return self.cell(x[burn_in:], state)[0]


class Transformer(nn.Module):
    """One pre-norm block; keys and values of the burn-in are constants."""

    def __init__(self, width):
        super().__init__()
        self.embed = nn.Linear(INPUTS, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.query, self.value, self.output = (nn.Linear(width, width) for _ in range(3))
        self.key = nn.Linear(width, width, bias=False)
        slopes = torch.tensor([2.0 ** (-8 * (head + 1) / HEADS) for head in range(HEADS)])
        self.relative = nn.Parameter(-slopes[:, None] * torch.arange(WINDOW))
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x, burn_in):
        moments, batch, _ = x.shape
        split = lambda tokens: tokens.view(-1, batch, HEADS, tokens.shape[-1] // HEADS).permute(1, 2, 0, 3)
        with torch.no_grad():
            before = self.norms[0](self.embed(x[:burn_in]))
            before = self.key(before), self.value(before)
        y = self.embed(x[burn_in:])
        normed = self.norms[0](y)
        key, value = self.key(normed), self.value(normed)
        key, value = torch.cat([before[0], key]), torch.cat([before[1], value])
        distance = torch.arange(burn_in, moments)[:, None] - torch.arange(moments)
        bias = self.relative[:, distance.clamp(0, WINDOW - 1)]
        bias = bias.masked_fill((distance < 0) | (distance >= WINDOW), -torch.inf)
        mixed = F.scaled_dot_product_attention(split(self.query(normed)), split(key), split(value), bias[None])
        y = y + self.output(mixed.permute(2, 0, 1, 3).reshape(y.shape))
        y = y + self.down(F.relu(self.up(self.norms[1](y))))
        return self.norms[2](y)


class Network(nn.Module):
    """Memory, one hidden layer, output: `[moments behind the burn-in, B, ACTIONS]`."""

    def __init__(self, kind, width):
        super().__init__()
        self.memory = Transformer(width) if kind == "transformer" else Recurrent(kind, width)
        self.head = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, ACTIONS))

    def forward(self, x, burn_in):
        return self.head(self.memory(x, burn_in))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--memory", choices=["lstm", "gru", "transformer"], default="lstm")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--length", type=int, default=80)
    parser.add_argument("--burn-in", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--compile", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(args.threads)
    burn_in, learn = args.burn_in, args.length - args.burn_in
    actor, critic1, critic2 = (Network(args.memory, args.width) for _ in range(3))
    target1, target2 = copy.deepcopy(critic1), copy.deepcopy(critic2)
    log_alpha = torch.full((1,), math.log(0.2), requires_grad=True)
    online = [*critic1.parameters(), *critic2.parameters()]
    targets = [*target1.parameters(), *target2.parameters()]
    critic_adam = torch.optim.Adam(online, lr=1e-3)
    actor_adam = torch.optim.Adam(actor.parameters(), lr=3e-4)
    alpha_adam = torch.optim.Adam([log_alpha], lr=3e-4)
    observations = torch.rand(ITEMS, OBS) * 2 - 1
    actions = torch.randint(ACTIONS, (ITEMS,))
    rewards = torch.rand(ITEMS) * 2 - 1
    terminated = (torch.rand(ITEMS) < 0.01).float()

    def soft_targets(reward, terminated, x, logits, alpha):
        log_next = torch.log_softmax(logits[1:], -1)
        q = torch.min(target1(x, burn_in), target2(x, burn_in))[1:]
        return reward + GAMMA * (1 - terminated) * (log_next.exp() * (q - alpha * log_next)).sum(-1)

    def critic_loss(x, action, y):
        taken1, taken2 = (critic(x, burn_in)[:-1].gather(2, action[..., None])[..., 0] for critic in (critic1, critic2))
        return ((taken1 - y) ** 2).mean() + ((taken2 - y) ** 2).mean()

    def act(x):
        return actor(x, burn_in)

    def updated_critics(x):
        return torch.min(critic1(x, burn_in), critic2(x, burn_in))[:-1]

    def actor_loss(logits, q, alpha):
        log_policy = torch.log_softmax(logits[:-1], -1)
        policy = log_policy.exp()
        entropy = -(policy * log_policy).sum(-1).mean()
        return (policy * (alpha * log_policy - q)).sum(-1).mean(), entropy.detach()

    if args.compile:
        functions = (soft_targets, critic_loss, act, updated_critics, actor_loss)
        soft_targets, critic_loss, act, updated_critics, actor_loss = map(torch.compile, functions)

    def step():
        # Sequence b has the moments first[b] … first[b] + length, each with the action and reward before it.
        index = torch.randint(1, ITEMS - args.length - 1, (args.batch,)) + torch.arange(args.length + 1)[:, None]
        before = index - 1
        x = torch.cat([observations[index], F.one_hot(actions[before], ACTIONS), rewards[before][..., None]], -1)
        own, alpha = index[burn_in:-1], log_alpha.detach().exp()
        logits = act(x)
        with torch.no_grad():
            y = soft_targets(rewards[own], terminated[own], x, logits, alpha)
        loss = critic_loss(x, actions[own], y)
        critic_adam.zero_grad()
        loss.backward()
        critic_adam.step()
        with torch.no_grad():
            q = updated_critics(x)
        loss, entropy = actor_loss(logits, q, alpha)
        actor_adam.zero_grad()
        loss.backward()
        actor_adam.step()
        loss = (log_alpha.exp() * (entropy - TARGET_ENTROPY)).sum()
        alpha_adam.zero_grad()
        loss.backward()
        alpha_adam.step()
        with torch.no_grad():
            torch._foreach_lerp_(targets, online, TAU)

    assert learn > 0
    for _ in range(5):
        step()
    start, steps = time.perf_counter(), 0
    while time.perf_counter() - start < args.seconds:
        step()
        steps += 1
    rate = steps / (time.perf_counter() - start)
    name = f"pytorch, {'compiled' if args.compile else 'eager'}"
    print(json.dumps({"peer": name, "version": torch.__version__, "value": round(rate, 3)}))


main()
