#!/usr/bin/env bash
# What several learners learn: two that average the gradients of every step or parameters now and then, against one with the
# same batch and one with twice the batch, at equally many environment steps and gradient steps of each. Prints the mean score
# of greedy episodes by seed, and the seconds of each run.
#   cargo build --features distributed && benches/sessions/replicas.sh target/debug/entropy-arcade
# ROW=WORLD:STEPS:RATIO:BATCH chooses the world, environment steps, gradient steps per environment step and batch; SEEDS the seeds.
set -euo pipefail
program=$(realpath "${1:?give the program}")
IFS=: read -r world steps ratio batch <<<"${ROW:-lander:150000:0.2:128}"
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"

double=$(python3 -c "print(2 * $ratio)")

# run KIND SEED: one line of JSON.
run() {
    local place="tcp/127.0.0.1:$((20000 + RANDOM % 20000))" each=$ratio size=$batch session=()
    case $1 in
    alone) session=(--listen "$place") ;;
    doubled) size=$((2 * batch)) ;;
    # The first of two learners gets half of the steps, and makes as many gradient steps with them.
    gradients) each=$double session=(--listen "$place" --set learner.sync_every=1) ;;
    parameters) each=$double session=(--listen "$place" --set learner.sync_every=100) ;;
    esac
    rm -rf out
    "$program" --no-render --env "$world" --steps "$steps" --seed "$2" --device cpu --out out --set run.eval_episodes=100 \
        --set run.sim_threads=1 --set learner.threads=1 --set learner.gradient_steps_per_env_step="$each" \
        --set learner.batch_size="$size" "${session[@]}" 2>/dev/null | tail -n 1 >out.json &
    local learner=$!
    [ ${#session[@]} -le 2 ] || { sleep 0.5; "$program" learner --join "$place" >/dev/null 2>&1 & }
    wait $learner
    wait
    cat out.json
}

echo "| $world, $steps env steps | score by seed | gradient steps | seconds |"
echo "|---|---|---|---|"
for kind in ${KINDS:-one alone doubled gradients parameters}; do
    for seed in ${SEEDS:-1 2 3 4 5}; do run "$kind" "$seed"; done >"$kind.jsonl"
    python3 - "$kind" <<'PY'
import json, sys
runs = [json.loads(line) for line in open(sys.argv[1] + ".jsonl")]
name = {"one": "one learner", "alone": "one learner of a session, by itself", "doubled": "one, twice the batch", "gradients": "two, gradients averaged",
        "parameters": "two, parameters every 100 steps"}[sys.argv[1]]
returns = " ".join(f"{run['eval']['score']['mean']:.1f}" for run in runs)
steps = " ".join(str(run["gradient_steps"]) for run in runs)
seconds = " ".join(f"{run['seconds']:.0f}" for run in runs)
print(f"| {name} | {returns} | {steps} | {seconds} |", flush=True)
PY
done
