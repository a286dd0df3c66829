"""SAC's gradient step for continuous actions in JAX, the work of `bench learner --actions continuous`: one line of JSON.

Sampling from replay, clipped twin critics, reparameterized actor, temperature and soft targets in one jitted call,
or in a scan over 32 steps a call with --scan. Nothing but jax is needed.
"""

import argparse
import json
import time

import jax
import jax.numpy as jnp

OBS, DIMS, GAMMA, TAU, ITEMS = 17, 6, 0.99, 0.005, 20_000
RATES = {"actor": 3e-4, "critics": 1e-3, "log_alpha": 3e-4}


def mlp(key, sizes, copies=()):
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        key, one, two = jax.random.split(key, 3)
        bound = inputs**-0.5
        weight = jax.random.uniform(one, (*copies, inputs, outputs), minval=-bound, maxval=bound)
        layers.append((weight, jax.random.uniform(two, (*copies, 1, outputs), minval=-bound, maxval=bound)))
    return layers


def forward(layers, x):
    for index, (weight, bias) in enumerate(layers):
        x = x @ weight + bias
        if index + 1 < len(layers):
            x = jax.nn.relu(x)
    return x


def act(actor, obs, key):
    """A sample of the squashed Gaussian and its log-probability."""
    mean, log_std = jnp.split(forward(actor, obs), 2, -1)
    log_std = jnp.clip(log_std, -20, 2)
    noise = jax.random.normal(key, mean.shape)
    u = mean + jnp.exp(log_std) * noise
    log_normal = -0.5 * noise**2 - log_std - 0.5 * jnp.log(2 * jnp.pi)
    log_slope = 2 * (jnp.log(2.0) - u - jax.nn.softplus(-2 * u))
    return jnp.tanh(u), (log_normal - log_slope).sum(-1)


def adam(grad, moments, value, rate, t):
    def one(g, m, v, p):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        return m, v, p - rate * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8)

    flat = jax.tree.map(one, grad, *moments, value)
    pick = lambda i: jax.tree.map(lambda _, leaf: leaf[i], grad, flat)
    return (pick(0), pick(1)), pick(2)


def values(critics, obs, action):
    return forward(critics, jnp.concatenate([obs, action], -1))[..., 0]


def step(state, replay, batch):
    key, draw, next_key, here_key = jax.random.split(state["key"], 4)
    index = jax.random.randint(draw, (batch,), 0, ITEMS)
    obs, action, reward, next_obs, terminated = (column[index] for column in replay)
    alpha = jnp.exp(state["log_alpha"])
    next_action, log_next = act(state["actor"], next_obs, next_key)
    value = values(state["targets"], next_obs, next_action).min(0) - alpha * log_next
    y = reward + GAMMA * (1 - terminated) * value

    def critic_loss(critics):
        return ((values(critics, obs, action) - y) ** 2).mean(1).sum()

    def actor_loss(actor, critics):
        sampled, log_prob = act(actor, obs, here_key)
        loss = (alpha * log_prob - values(critics, obs, sampled).min(0)).mean()
        return loss, -log_prob.mean()

    t = state["t"] + 1
    new = {"key": key, "t": t}
    grad = jax.grad(critic_loss)(state["critics"])
    new["critics_adam"], new["critics"] = adam(grad, state["critics_adam"], state["critics"], RATES["critics"], t)
    grad, entropy = jax.grad(actor_loss, has_aux=True)(state["actor"], new["critics"])
    new["actor_adam"], new["actor"] = adam(grad, state["actor_adam"], state["actor"], RATES["actor"], t)
    grad = alpha * (entropy + DIMS)
    new["alpha_adam"], new["log_alpha"] = adam(grad, state["alpha_adam"], state["log_alpha"], RATES["log_alpha"], t)
    follow = lambda online, target: TAU * online + (1 - TAU) * target
    new["targets"] = jax.tree.map(follow, new["critics"], state["targets"])
    return new


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--scan", action="store_true")
    args = parser.parse_args()
    keys = jax.random.split(jax.random.key(1), 8)
    actor = mlp(keys[0], [OBS, args.hidden, args.hidden, 2 * DIMS])
    critics = mlp(keys[1], [OBS + DIMS, args.hidden, args.hidden, 1], (2,))
    zeros = lambda tree: (jax.tree.map(jnp.zeros_like, tree),) * 2
    log_alpha = jnp.log(jnp.float32(0.2))
    state = {
        "actor": actor, "critics": critics, "targets": critics, "log_alpha": log_alpha, "key": keys[2],
        "t": jnp.float32(0), "actor_adam": zeros(actor), "critics_adam": zeros(critics), "alpha_adam": zeros(log_alpha),
    }
    replay = (
        jax.random.uniform(keys[3], (ITEMS, OBS), minval=-1),
        jax.random.uniform(keys[4], (ITEMS, DIMS), minval=-1),
        jax.random.uniform(keys[5], (ITEMS,), minval=-1),
        jax.random.uniform(keys[6], (ITEMS, OBS), minval=-1),
        (jax.random.uniform(keys[7], (ITEMS,)) < 0.01).astype(jnp.float32),
    )
    each = 32 if args.scan else 1
    one = lambda state, replay: step(state, replay, args.batch)
    many = lambda state, replay: jax.lax.scan(lambda s, _: (one(s, replay), None), state, length=32)[0]
    call = jax.jit(many if args.scan else one, donate_argnums=0)
    state = jax.tree.map(jnp.array, state)
    for _ in range(64 // each):
        state = call(state, replay)
    jax.block_until_ready(state)
    start, steps = time.perf_counter(), 0
    while time.perf_counter() - start < args.seconds:
        for _ in range(32 // each):
            state = call(state, replay)
        steps += 32
        jax.block_until_ready(state)
    rate = steps / (time.perf_counter() - start)
    name = "jax, 32 steps scanned" if args.scan else "jax, jit"
    print(json.dumps({"peer": name, "version": jax.__version__, "value": round(rate, 3)}))


main()
