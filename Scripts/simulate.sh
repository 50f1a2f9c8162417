#!/usr/bin/env bash
# Runs the server in a simulated world, seed after seed, and checks every promise after every turn (Docs/Invariants.md).
#
#   Scripts/simulate.sh [SEEDS] [--from SEED] [--steps COUNT]      many seeds, 100 unless said
#   Scripts/simulate.sh SEEDS --all                                go on after a failing one, and list them
#   Scripts/simulate.sh --seed SEED [--steps COUNT] [--only LIST]  one run again
#   Scripts/simulate.sh --faults [SEEDS] [--fault NAME]            are deliberate mistakes in the engine found?
set -euo pipefail
cd "$(dirname "$0")/.."

options=(-c release --product maos-simulate)
for argument in "$@"; do
    case $argument in
    # A folder of its own, so that a build with mistakes in it never takes the place of one without.
    --fault | --faults) options+=(--traits EngineFaults --scratch-path .build/faults) && break ;;
    esac
done
swift build "${options[@]}" 2>&1 | grep -vE '^\[[0-9]+/[0-9]+\]|^Build|^Fetch' || true
exec "$(swift build "${options[@]}" --show-bin-path)/maos-simulate" "$@"
