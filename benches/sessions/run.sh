#!/usr/bin/env bash
# Environment steps per second of sessions of three processes (a learner that only learns, two actors) against one process with
# the same experiment, in turn, at equally many gradient steps. Prints a table; takes a quarter of an hour on two cores.
#   cargo build --features distributed && benches/sessions/run.sh target/debug/entropy-arcade
set -euo pipefail
program=$(realpath "${1:?give the program}")
rounds=${ROUNDS:-3}
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"

number() { python3 -c 'import json, sys; print(json.loads(sys.stdin.readlines()[-1])[sys.argv[1]])' "$1"; }

# one NAME STEPS ARGUMENTS…: env steps per second, and gradient steps.
one() {
    rm -rf one
    "$program" --no-render --env "$1" --steps "$2" "${@:3}" --out one 2>/dev/null | tail -n 1 >one.json
    echo "$(number env_steps <one.json) $(number seconds <one.json) $(number gradient_steps <one.json)"
}

# session SCHEME NAME STEPS ARGUMENTS…: the same of a learner with two actors.
session() {
    local scheme=$1 keys=()
    [ "$scheme" = tcp ] || keys=(--keys keys)
    local place="$scheme/localhost:$((20000 + RANDOM % 20000))"
    rm -rf many
    "$program" --no-render --env "$2" --steps "$3" "${@:4}" --out many --listen "$place" --no-actors "${keys[@]}" 2>/dev/null |
        tail -n 1 >many.json &
    local learner=$!
    sleep 1
    for _ in 1 2; do "$program" actors --join "$place" "${keys[@]}" >/dev/null 2>&1 & done
    wait $learner
    wait
    echo "$(number env_steps <many.json) $(number seconds <many.json) $(number gradient_steps <many.json)"
}

"$program" keys new keys >/dev/null 2>&1
common=(--device cpu --seed 1 --set run.eval_episodes=0 --set run.sim_threads=1 --set learner.threads=1
    --set learner.checkpoint_seconds=0)
echo "| world | process | env steps/s, each round | gradient steps |"
echo "|---|---|---|---|"
for row in ${ROWS:-lava-room:40000 lander:40000 meteor-field:20000 puck:30000}; do
    name=${row%:*} steps=${row#*:}
    declare -A rates=([one]="" [tcp]="" [tls]="") made=()
    for _ in $(seq "$rounds"); do
        for kind in one tcp tls; do
            if [ $kind = one ]; then result=$(one "$name" "$steps" "${common[@]}"); else
                result=$(session $kind "$name" "$steps" "${common[@]}")
            fi
            read -r env_steps seconds gradient <<<"$result"
            rates[$kind]+=" $(python3 -c "print(round($env_steps / $seconds))")"
            made[$kind]=$gradient
        done
    done
    for kind in one tcp tls; do echo "| $name | $kind |${rates[$kind]} | ${made[$kind]} |"; done
done
