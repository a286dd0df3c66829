#!/usr/bin/env bash
# A session over a real link between two network namespaces (Linux, root): the cable is cut for 1, 5 and 15 seconds, the learner
# and an actor stand still for some seconds, an actor is killed. Fails if an actor does not come back, a transition is stored
# that is impossible in cartpole, or anything hangs. With the kernel's netem also with loss and delay. About two minutes.
#   cargo build --features distributed && cargo build --example check_transitions
#   sudo benches/sessions/network.sh target/debug/entropy-arcade target/debug/examples/check_transitions
set -euo pipefail
program=$(realpath "${1:?give the program}")
check=$(realpath "${2:?give check_transitions}")
work=$(mktemp -d)
name=arcade$$
clean() {
    kill -9 $(jobs -p) 2>/dev/null || true
    ip netns del "$name" 2>/dev/null || true
    ip link del "${name}a" 2>/dev/null || true
    rm -rf "$work"
}
trap clean EXIT
cd "$work"
ip netns add "$name"
ip link add "${name}a" type veth peer name "${name}b"
ip link set "${name}b" netns "$name"
ip addr add 10.77.0.1/24 dev "${name}a"
ip link set "${name}a" up
ip netns exec "$name" ip addr add 10.77.0.2/24 dev "${name}b"
ip netns exec "$name" ip link set "${name}b" up
ip netns exec "$name" ip link set lo up

"$program" keys new keys --host 10.77.0.1 >/dev/null 2>&1
place=tls/10.77.0.1:7447
"$program" --no-render --env cartpole --seed 1 --steps 1000000000 --device cpu --out run --set run.eval_episodes=0 \
    --set sac.hidden=[16] --set learner.batch_size=16 --set learner.gradient_steps_per_env_step=0.5 \
    --set learner.replay_capacity=50000 --listen "$place" --no-actors --keys keys >learner.out 2>&1 &
learner=$!
actor() { ip netns exec "$name" "$program" actors --join "$place" --keys keys >"$1" 2>&1; }
actor first.out &
sleep 3
actor second.out &
second=$!

# taken: environment steps that the learner has received of others; `moves SECONDS WHAT` fails unless they grow within.
taken() { { tail -n 1 run/metrics.jsonl 2>/dev/null || true; } | python3 -c 'import json, sys; print(int(json.loads(sys.stdin.read() or "{}").get("net/env_steps", 0)))'; }
moves() {
    local from begun=$SECONDS
    from=$(taken)
    while [ "$(taken)" -le "$from" ]; do
        [ $((SECONDS - begun)) -lt "$1" ] || { echo "no steps for $1 s after $2"; tail -n 3 ./*.out; exit 1; }
        sleep 0.5
    done
    echo "steps arrive after $2 ($((SECONDS - begun)) s, lines are five apart)"
}
moves 30 "the start"
for seconds in 1 5 15; do
    ip link set "${name}a" down
    sleep $seconds
    ip link set "${name}a" up
    moves 20 "the cable was cut for $seconds s"
done
if tc qdisc add dev "${name}a" root netem loss 5% delay 50ms 2>/dev/null; then
    moves 30 "5 % loss and 50 ms of delay"
    tc qdisc del dev "${name}a" root
else
    echo "no netem in this kernel: loss and delay are skipped"
fi
kill -STOP $learner; sleep 5; kill -CONT $learner
moves 20 "the learner stood still for 5 s"
pkill -KILL -f "actors --join $place" -n
wait $second 2>/dev/null || true
moves 20 "an actor was killed"
kill -INT $learner
wait $learner
"$check" run
