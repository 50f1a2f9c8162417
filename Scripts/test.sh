#!/usr/bin/env bash
# Checks everything: format, warnings, unit and end-to-end tests, an embedding program, real clients. What CI runs.
set -euo pipefail
cd "$(dirname "$0")/.."

Scripts/setup.sh --tests

step() { printf '\n== %s\n' "$*"; }

step "format"
swift format lint --strict --recursive --parallel Package.swift Sources Tests Benchmarks

step "build (warnings are errors)"
swift build --build-tests 2>&1 | grep -vE '^\[[0-9]+/[0-9]+\]'

# Three processes, because what supervises processes takes orphans in: it must not share its process with tests that start
# servers, nor with those that watch file locks.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
run_tests() {
    local minimum=$1 filter=$2 status=0 count
    step "swift test: $filter"
    swift test --skip-build --disable-xctest --filter "$filter" >"$log" 2>&1 || status=$?
    count=$(grep -oE 'Test run with [0-9]+ tests' "$log" | tail -1 | grep -oE '[0-9]+' || true)
    if [ "$status" -ne 0 ]; then
        grep -E '✘|recorded an issue|error:' "$log" | head -60
        exit 1
    fi
    grep -E 'Test run with' "$log"
    [ "${count:-0}" -ge "$minimum" ] || { echo "only ${count:-0} tests ran" >&2; exit 1; }
}
run_tests 500 'MAOSCoreTests|MAOSProtocolsTests|MAOSStoreTests|MAOSTransportTests|CommandLineTests'
run_tests 8 'SimulationTests'
run_tests 80 'MAOSSystemTests|MAOSAgentsTests'
run_tests 50 'EndToEndTests'

step "simulation"
Scripts/simulate.sh 300

step "simulation: are deliberate mistakes found?"
if grep -q skippedFencing "$(swift build --show-bin-path)/maos-server"; then
    echo "the server was built with deliberate mistakes in it" >&2
    exit 1
fi
Scripts/simulate.sh --faults 40

step "embedding program"
Scripts/embedding-test.sh

step "real clients"
Tests/Interop/run.sh

printf '\nall checks passed\n'
