"""Discrete SAC's gradient step with memory in JAX, the work of `bench sequences`: one line of JSON.

Sequences sampled from replay, burn-in without gradient, clipped twin critics, actor, temperature and soft targets
in one jitted call; twins are one network with stacked parameters. LSTM and GRU are scans over the moments, the
input's part of the gates one product before them; --unroll moments of the scan are one iteration. Nothing but jax
is needed.
"""

import argparse
import json
import os
import time

parser = argparse.ArgumentParser()
parser.add_argument("--memory", choices=["lstm", "gru", "transformer"], default="lstm")
parser.add_argument("--width", type=int, default=64)
parser.add_argument("--batch", type=int, default=32)
parser.add_argument("--length", type=int, default=80)
parser.add_argument("--burn-in", type=int, default=20)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--seconds", type=float, default=3.0)
parser.add_argument("--unroll", type=int, default=1)
args = parser.parse_args()
# XLA has no setting for its threads: it takes as many as it has cores.
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.threads])

import jax
import jax.numpy as jnp

OBS, ACTIONS, GAMMA, TAU, ITEMS, TARGET_ENTROPY = 16, 5, 0.99, 0.005, 20_000, 0.5 * 1.6094379
INPUTS = OBS + ACTIONS + 1
HEADS, WINDOW = 4, 32
WIDTH, BURN_IN, LENGTH = args.width, args.burn_in, args.length
RATES = {"actor": 3e-4, "critics": 1e-3, "log_alpha": 3e-4}


def linear(key, inputs, outputs, bound=None):
    bound = bound or inputs**-0.5
    one, two = jax.random.split(key)
    draw = lambda key, shape: jax.random.uniform(key, shape, minval=-bound, maxval=bound)
    return {"weight": draw(one, (inputs, outputs)), "bias": draw(two, (outputs,))}


def norm():
    return {"weight": jnp.ones(WIDTH), "bias": jnp.zeros(WIDTH)}


def network(key):
    keys = jax.random.split(key, 10)
    head = {"hidden": linear(keys[0], WIDTH, WIDTH), "output": linear(keys[1], WIDTH, ACTIONS)}
    if args.memory != "transformer":
        gates = {"lstm": 4, "gru": 3}[args.memory] * WIDTH
        bound = WIDTH**-0.5
        return {**head, "ih": linear(keys[2], INPUTS, gates, bound), "hh": linear(keys[3], WIDTH, gates, bound)}
    slopes = jnp.array([2.0 ** (-8 * (index + 1) / HEADS) for index in range(HEADS)])
    return {
        **head,
        "embed": linear(keys[2], INPUTS, WIDTH),
        "norms": [norm(), norm(), norm()],
        "query": linear(keys[3], WIDTH, WIDTH),
        "key": {"weight": linear(keys[4], WIDTH, WIDTH)["weight"]},
        "value": linear(keys[5], WIDTH, WIDTH),
        "out": linear(keys[6], WIDTH, WIDTH),
        "relative": -slopes[:, None] * jnp.arange(WINDOW),
        "up": linear(keys[7], WIDTH, 2 * WIDTH),
        "down": linear(keys[8], 2 * WIDTH, WIDTH),
    }


def apply(layer, x):
    return x @ layer["weight"] + layer["bias"]


def lstm(layer, state, a):
    h, c = state
    i, f, g, o = jnp.split(a + apply(layer, h), 4, -1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    h = jax.nn.sigmoid(o) * jnp.tanh(c)
    return (h, c), h


def gru(layer, h, a):
    a_r, a_z, a_n = jnp.split(a, 3, -1)
    b_r, b_z, b_n = jnp.split(apply(layer, h), 3, -1)
    r, z = jax.nn.sigmoid(a_r + b_r), jax.nn.sigmoid(a_z + b_z)
    h = (1 - z) * jnp.tanh(a_n + r * b_n) + z * h
    return h, h


def recurrent(p, x):
    zeros = jnp.zeros((x.shape[1], WIDTH))
    cell, state = (lstm, (zeros, zeros)) if args.memory == "lstm" else (gru, zeros)
    a = apply(p["ih"], x)
    scan = lambda state, a: jax.lax.scan(lambda state, a: cell(p["hh"], state, a), state, a, unroll=args.unroll)
    state, _ = scan(state, jax.lax.stop_gradient(a[:BURN_IN]))
    return scan(jax.lax.stop_gradient(state), a[BURN_IN:])[1]


def normalize(layer, y):
    y = y - y.mean(-1, keepdims=True)
    return y * jax.lax.rsqrt((y * y).mean(-1, keepdims=True) + 1e-5) * layer["weight"] + layer["bias"]


def transformer(p, x):
    moments, batch, _ = x.shape
    split = lambda tokens: tokens.reshape(-1, batch, HEADS, WIDTH // HEADS).transpose(1, 2, 0, 3)
    y = apply(p["embed"], x)
    normed = normalize(p["norms"][0], y)
    key, value = normed @ p["key"]["weight"], apply(p["value"], normed)
    constant = lambda rows: jnp.concatenate([jax.lax.stop_gradient(rows[:BURN_IN]), rows[BURN_IN:]])
    key, value = split(constant(key)), split(constant(value))
    y, query = y[BURN_IN:], split(apply(p["query"], normed[BURN_IN:]))
    distance = jnp.arange(BURN_IN, moments)[:, None] - jnp.arange(moments)
    bias = p["relative"][:, jnp.clip(distance, 0, WINDOW - 1)]
    bias = jnp.where((distance < 0) | (distance >= WINDOW), -jnp.inf, bias)
    scores = jnp.einsum("bhtw,bhsw->bhts", query, key) * (WIDTH // HEADS) ** -0.5 + bias
    mixed = jnp.einsum("bhts,bhsw->bhtw", jax.nn.softmax(scores), value)
    y = y + apply(p["out"], mixed.transpose(2, 0, 1, 3).reshape(y.shape))
    y = y + apply(p["down"], jax.nn.relu(apply(p["up"], normalize(p["norms"][1], y))))
    return normalize(p["norms"][2], y)


def forward(p, x):
    features = (transformer if args.memory == "transformer" else recurrent)(p, x)
    return apply(p["output"], jax.nn.relu(apply(p["hidden"], features)))


twins = jax.vmap(forward, (0, None))


def adam(grad, moments, value, rate, t):
    def one(g, m, v, p):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        p = p - rate * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8)
        return m, v, p

    flat = jax.tree.map(one, grad, *moments, value)
    pick = lambda i: jax.tree.map(lambda _, leaf: leaf[i], grad, flat)
    return (pick(0), pick(1)), pick(2)


def step(state, replay):
    key, draw = jax.random.split(state["key"])
    # Sequence b has the moments first[b] … first[b] + LENGTH, each with the action and reward before it.
    first = jax.random.randint(draw, (args.batch,), 1, ITEMS - LENGTH - 1)
    index = first + jnp.arange(LENGTH + 1)[:, None]
    observations, actions, rewards, terminated = replay
    before = jax.nn.one_hot(actions[index - 1], ACTIONS), rewards[index - 1][..., None]
    x = jnp.concatenate([observations[index], *before], -1)
    own = index[BURN_IN:-1]
    action, alpha = actions[own], jnp.exp(state["log_alpha"])

    def policies(actor):
        log_policy = jax.nn.log_softmax(forward(actor, x))
        return log_policy, jnp.exp(log_policy)

    (log_policy, policy), back = jax.vjp(policies, state["actor"])
    q = twins(state["targets"], x).min(0)
    values = (policy * (q - alpha * log_policy)).sum(-1)[1:]
    y = rewards[own] + GAMMA * (1 - terminated[own]) * values

    def critic_loss(critics):
        taken = jnp.take_along_axis(twins(critics, x)[:, :-1], action[None, ..., None], 3)[..., 0]
        return ((taken - y) ** 2).mean((1, 2)).sum()

    t = state["t"] + 1
    new = {"key": key, "t": t}
    grad = jax.grad(critic_loss)(state["critics"])
    new["critics_adam"], new["critics"] = adam(grad, state["critics_adam"], state["critics"], RATES["critics"], t)
    q = twins(new["critics"], x).min(0)[:-1]

    def actor_loss(log_policy, policy):
        log_policy, policy = log_policy[:-1], policy[:-1]
        return (policy * (alpha * log_policy - q)).sum(-1).mean()

    (grad,) = back(jax.grad(actor_loss, (0, 1))(log_policy, policy))
    entropy = -(policy * log_policy)[:-1].sum(-1).mean()
    new["actor_adam"], new["actor"] = adam(grad, state["actor_adam"], state["actor"], RATES["actor"], t)
    grad = alpha * (entropy - TARGET_ENTROPY)
    new["alpha_adam"], new["log_alpha"] = adam(grad, state["alpha_adam"], state["log_alpha"], RATES["log_alpha"], t)
    follow = lambda online, target: TAU * online + (1 - TAU) * target
    new["targets"] = jax.tree.map(follow, new["critics"], state["targets"])
    return new


def main():
    keys = jax.random.split(jax.random.key(1), 8)
    actor = network(keys[0])
    critics = jax.tree.map(lambda *leaves: jnp.stack(leaves), network(keys[1]), network(keys[2]))
    zeros = lambda tree: (jax.tree.map(jnp.zeros_like, tree),) * 2
    log_alpha = jnp.log(jnp.float32(0.2))
    state = {
        "actor": actor, "critics": critics, "targets": critics, "log_alpha": log_alpha, "key": keys[3],
        "t": jnp.float32(0), "actor_adam": zeros(actor), "critics_adam": zeros(critics), "alpha_adam": zeros(log_alpha),
    }
    replay = (
        jax.random.uniform(keys[4], (ITEMS, OBS), minval=-1),
        jax.random.randint(keys[5], (ITEMS,), 0, ACTIONS),
        jax.random.uniform(keys[6], (ITEMS,), minval=-1),
        (jax.random.uniform(keys[7], (ITEMS,)) < 0.01).astype(jnp.float32),
    )
    call = jax.jit(step, donate_argnums=0)
    state = jax.tree.map(jnp.array, state)
    for _ in range(5):
        state = call(state, replay)
    jax.block_until_ready(state)
    start, steps = time.perf_counter(), 0
    while time.perf_counter() - start < args.seconds:
        state = call(state, replay)
        steps += 1
        jax.block_until_ready(state)
    rate = steps / (time.perf_counter() - start)
    name = "jax, jit" + (f", unroll {args.unroll}" if args.unroll > 1 else "")
    print(json.dumps({"peer": name, "version": jax.__version__, "value": round(rate, 3)}))


main()
