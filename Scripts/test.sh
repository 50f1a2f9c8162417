#!/usr/bin/env bash
# Checks everything: format, warnings, unit and end-to-end tests, an embedding program, real clients. What CI runs.
set -euo pipefail
cd "$(dirname "$0")/.."

Scripts/setup.sh --tests

step() { printf '\n== %s\n' "$*"; }

step "format"
swift format lint --strict --recursive --parallel Package.swift Sources Tests Benchmarks

step "build (warnings are errors)"
swift build --build-tests 2>&1 | grep -vE '^\[[0-9]+/[0-9]+\]' || true
swift build --build-tests >/dev/null

step "swift test"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
swift test --skip-build --disable-xctest --parallel 2>&1 | tee "$log" | grep -vE '^. (Test|Suite) .* (started|passed)' || true
[ "${PIPESTATUS[0]}" -eq 0 ] || { grep -E 'recorded an issue|failed' "$log" | head -50; exit 1; }
count=$(grep -oE 'Test run with [0-9]+ tests' "$log" | tail -1 | grep -oE '[0-9]+')
[ "${count:-0}" -gt 100 ] || { echo "only ${count:-0} tests ran" >&2; exit 1; }

step "embedding program"
Scripts/embedding-test.sh

step "real clients"
Tests/Interop/run.sh

printf '\nall checks passed\n'
