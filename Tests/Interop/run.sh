#!/usr/bin/env bash
# Runs the tests with clients that other people wrote, against the built programs.
set -euo pipefail
cd "$(dirname "$0")/../.."

venv=.build/interop-venv
if ! cmp -s Tests/Interop/requirements.txt "$venv/requirements.txt"; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r Tests/Interop/requirements.txt
    cp Tests/Interop/requirements.txt "$venv/requirements.txt"
fi

MAOS_BIN="${MAOS_BIN:-$(swift build --show-bin-path)}"
export MAOS_BIN
exec "$venv/bin/python" -m pytest -q -p no:cacheprovider Tests/Interop "$@"
