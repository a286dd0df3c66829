#!/usr/bin/env bash
# Environment steps until a world is solved, in one process and in sessions of 1, 2 and 4 actors with as many arenas together, at
# equal samples per insert. Prints a table: steps for every seed, – where the mark was not reached.
#   cargo build --features distributed && benches/sessions/curves.sh target/debug/entropy-arcade
#   SEEDS="1 2 3" ROWS="cartpole:475:20000" ACTORS="2 4" benches/sessions/curves.sh …
set -euo pipefail
program=$(realpath "${1:?give the program}")
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
read -ra seeds <<<"${SEEDS:-1 2 3 4 5}"
read -ra counts <<<"${ACTORS:-0 1 2 4}"

# The first evaluation that reaches the mark, of metrics.jsonl.
reached() {
    python3 - "$1" "$2" <<'PY'
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
found = [line["env_steps"] for line in lines if line.get("eval/episode_return", -1e9) >= float(sys.argv[2])]
print(found[0] if found else "–")
PY
}

# run ACTORS NAME MARK STEPS SEED
run() {
    local arguments=(--no-render --env "$2" --steps "$4" --seed "$5" --device cpu --out run --arenas 8
        --set run.eval_every=1000 --set "run.target_return=$3" --set run.sim_threads=1 --set learner.threads=1
        --set learner.checkpoint_seconds=0 --set run.tensorboard=false)
    rm -rf run
    if [ "$1" = 0 ]; then
        "$program" "${arguments[@]}" >/dev/null 2>&1
    else
        local place="tcp/127.0.0.1:$((20000 + RANDOM % 20000))"
        "$program" "${arguments[@]}" --listen "$place" --no-actors >/dev/null 2>&1 &
        local learner=$!
        for _ in $(seq "$1"); do
            "$program" actors --join "$place" --arenas $((8 / $1)) --threads 1 >/dev/null 2>&1 &
        done
        wait $learner
        wait
    fi
    reached run/metrics.jsonl "$3"
}

echo "| world, mark | actors | env steps, seeds ${seeds[*]} |"
echo "|---|---|---|"
for row in ${ROWS:-cartpole:475:20000 lava-room:0.9:60000 lander:200:300000 memory-corridor:0.85:60000}; do
    IFS=: read -r name mark steps <<<"$row"
    for count in "${counts[@]}"; do
        results=()
        for seed in "${seeds[@]}"; do results+=("$(run "$count" "$name" "$mark" "$steps" "$seed")"); done
        echo "| $name, $mark | $([ "$count" = 0 ] && echo "none, one process" || echo "$count") | ${results[*]} |"
    done
done
