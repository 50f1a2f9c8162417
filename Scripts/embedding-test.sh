#!/usr/bin/env bash
# Builds and runs a separate package that depends on this one by path and uses MAOSCore as a library.
set -euo pipefail
cd "$(dirname "$0")/.."

output=$(swift run --quiet --package-path Tests/Embedding --scratch-path .build/embedding embedding)
echo "$output"
[ "$output" = 'completed: {"greeting":"hello"}' ] || { echo "the embedding program said something else" >&2; exit 1; }

# The README shows the very program that is built here.
program=$(sed -e '/^$/d' Tests/Embedding/Sources/embedding/main.swift)
shown=$(awk '/^<!-- embedding -->/{on=1; next} on && /^```$/{exit} on && !/^```/{print}' README.md | sed -e '/^$/d')
[ "$program" = "$shown" ] || { echo "the README's embedding program differs from Tests/Embedding" >&2; exit 1; }
