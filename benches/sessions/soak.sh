#!/usr/bin/env bash
# A session under attrition: every ten seconds one of two actors, or with KILLS="actor learner replica" whoever's turn it is, is
# killed and started again. Fails if steps stop arriving, a transition is stored that cartpole cannot make, a process ends by
# itself, or the learner's memory keeps growing. Prints a line a minute and a table at the end.
#   cargo build --features distributed && cargo build --example check_transitions
#   MINUTES=30 benches/sessions/soak.sh target/debug/entropy-arcade target/debug/examples/check_transitions
#   KILLS="actor learner replica" EVERY=5 MINUTES=25 benches/sessions/soak.sh …      # a hundred of each
set -euo pipefail
program=$(realpath "${1:?give the program}")
check=$(realpath "${2:?give check_transitions}")
minutes=${MINUTES:-30} every=${EVERY:-10}
read -ra roles <<<"${KILLS:-actor}"
work=$(mktemp -d)
trap 'kill -9 $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
place="tcp/127.0.0.1:$((20000 + RANDOM % 20000))"

declare -A pid=() killed=()
begin() {
    case "$1" in
    learner)
        local begins=(--env cartpole --seed 1 --steps 1000000000 --out run)
        [ ! -e run/checkpoint ] || begins=(--resume run)
        "$program" --no-render "${begins[@]}" --device cpu --set run.eval_episodes=0 \
            --set sac.hidden=[16] --set learner.batch_size=16 --set learner.samples_per_insert=4 --set learner.sync_every=50 \
            --set learner.replay_capacity=50000 --set learner.checkpoint_seconds=2 --set run.tensorboard=false \
            --listen "$place" --no-actors >learner.out 2>&1 &
        ;;
    replica) "$program" learner --join "$place" --patience 60 >replica.out 2>&1 & ;;
    *) "$program" actors --join "$place" --arenas 4 --threads 1 --patience 60 >"$1.out" 2>&1 & ;;
    esac
    pid[$1]=$!
}
alive() {
    for role in "${!pid[@]}"; do
        kill -0 "${pid[$role]}" 2>/dev/null || { echo "$role ended by itself:"; tail -n 3 "$role.out"; exit 1; }
    done
}
# The newest value of a key of the learner's metrics, 0 without one. A line may be torn by a kill.
newest() {
    { tail -n 2 run/metrics.jsonl 2>/dev/null || true; } | python3 -c '
import json, sys
newest = {}
for line in sys.stdin:
    try:
        newest = json.loads(line)
    except ValueError:
        pass
print(int(newest.get(sys.argv[1], 0)))' "$1"
}
memory() { awk '/VmRSS/ { print int($2 / 1024) }' "/proc/${pid[learner]}/status"; }

begin learner
sleep 2
begin actor
begin other
case " ${roles[*]} " in *" replica "*) begin replica ;; esac
sleep 5
turn=0 before=0 stuck=0 line=$SECONDS end=$((SECONDS + 60 * minutes)) memories=()
while [ $SECONDS -lt $end ]; do
    sleep "$every"
    alive
    role=${roles[$((turn % ${#roles[@]}))]}
    turn=$((turn + 1))
    kill -9 "${pid[$role]}"
    wait "${pid[$role]}" 2>/dev/null || true
    killed[$role]=$((${killed[$role]:-0} + 1))
    begin "$role"
    if [ $((SECONDS - line)) -ge 60 ]; then
        line=$SECONDS steps=$(newest env_steps)
        memories+=("$(memory)")
        echo "env steps $steps, gradient steps $(newest gradient_steps), learner ${memories[-1]} MiB, killed ${killed[*]}"
        # A learner that was killed goes on from its last checkpoint.
        if [ "$steps" -le "$before" ]; then stuck=$((stuck + 1)); else stuck=0; fi
        [ $stuck -lt 3 ] || { echo "no more environment steps for three minutes"; tail -n 3 ./*.out; exit 1; }
        before=$steps
    fi
done
alive
kill -INT "${pid[learner]}"
wait "${pid[learner]}" || { echo "the learner failed:"; tail -n 3 learner.out; exit 1; }
wait
echo "| role | killed |"
echo "|---|---|"
for role in "${!killed[@]}"; do echo "| $role | ${killed[$role]} |"; done
echo "learner's memory by the minute, MiB: ${memories[*]}"
# A buffer of 50 000 steps is full after a minute or two; killed learners begin with less.
if [ "${roles[*]}" = actor ] && [ ${#memories[@]} -ge 6 ]; then
    python3 - "${memories[@]}" <<'PY'
import sys
all = [int(value) for value in sys.argv[1:]]
middle, last = all[len(all) // 2], max(all[-2:])
sys.exit(f"memory grew from {middle} to {last} MiB in the second half" if last > 1.05 * middle + 4 else 0)
PY
fi
"$check" run
