#!/usr/bin/env bash
# Everything that is said of learning on a graphics card, in one call of at most six minutes and one table at the end:
# gradient steps per second by size, uniform and prioritized, with PyTorch (eager and as a CUDA graph) and JAX (32 steps
# scanned) in turn where they are installed for the card; a room learned from end to end; device memory on the way.
#
#     benches/gpu/run.sh [PROGRAM]
#
# PROGRAM is an entropy-arcade built with the feature `gpu`, target/debug/entropy-arcade unless given. It needs no network
# and no package manager: where the system has no Vulkan loader, put libvulkan.so.1 beside the program.
set -uo pipefail
cd "$(dirname "$0")/../.."
program=$(realpath "${1:-target/debug/entropy-arcade}")
[ -x "$program" ] || { echo "run.sh: no program at $program: build it, or give its path"; exit 1; }
LD_LIBRARY_PATH="$(dirname "$program")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
# JAX would take most of the card's memory at once.
export LD_LIBRARY_PATH XLA_PYTHON_CLIENT_PREALLOCATE=false
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python=${PYTHON:-python3}
lines="$work/lines"

has() { timeout 20 "$python" -c "$1" >/dev/null 2>&1; }
peers=() strongest=()
if has 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
    peers+=(--peer "$python benches/peers/torch_sac.py --device cuda")
    peers+=(--peer "$python benches/peers/torch_sac.py --device cuda --graph")
else
    echo "PyTorch skipped: not installed for this card"
fi
if has 'import sys, jax; sys.exit(jax.default_backend() != "gpu")'; then
    strongest=(--peer "$python benches/peers/jax_sac.py --scan")
else
    echo "JAX skipped: not installed for this card"
fi

nvidia-smi --query-gpu=name,driver_version,memory.used --format=csv,noheader 2>/dev/null || echo "no nvidia-smi"

measure() {
    timeout "$1" "$program" bench learner --device gpu --seconds 1 "${@:2}" | tee -a "$lines"
}
# A peer starts anew for every run: all of them at one size, the strongest one at the others.
measure 90 --batch 256 --hidden 256 "${peers[@]}" "${strongest[@]}"
measure 90 --batch 64,4096 --hidden 64,256 "${strongest[@]}"
measure 20 --batch 256 --hidden 256 --prioritized
measure 20 --batch 256 --hidden 256 --actions continuous

# A room from end to end, and the memory of the card meanwhile.
while sleep 5; do nvidia-smi --query-gpu=memory.used --format=csv,noheader,nounits 2>/dev/null || break; done >"$work/memory" &
watch=$!
timeout 70 "$program" --no-render --env lava-room --level 1 --seed 1 --device gpu | tail -n 1 >"$work/summary"
kill "$watch" 2>/dev/null
echo "MiB of device memory, every 5 s: $(tr '\n' ' ' <"$work/memory")"

"$python" - "$lines" "$work/summary" <<'TABLE' || cat "$lines" "$work/summary"
"""One table of all lines."""
import json, sys

print(f"\n| work | program | metric | value |\n|---|---|---|---|")
for text in open(sys.argv[1]):
    try:
        line = json.loads(text)
    except ValueError:
        continue
    ratio = f" ({line['ratio']} times)" if line.get("ratio") else ""
    print(f"| {line['work']} | {line['peer']} {line['version']} | {line['metric']} | {line['value']}{ratio} |")
try:
    run = json.loads(open(sys.argv[2]).read())
    seconds = "not finished in 70 s" if run["interrupted"] else f"{run['seconds']:.1f}, success {run['success']}"
    print(f"| lava-room level 1, {run['gradient_steps']} gradient steps | entropy-arcade, {run['device']} | seconds | {seconds} |")
except (ValueError, KeyError):
    print("| lava-room level 1 | entropy-arcade | seconds | no summary |")
TABLE
