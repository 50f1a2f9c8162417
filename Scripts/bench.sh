#!/usr/bin/env bash
# Builds server and benchmarks in release mode, and measures. Takes the options and scenarios of maos-bench:
#   Scripts/bench.sh                      everything
#   Scripts/bench.sh get create           two scenarios
#   Scripts/bench.sh startup --large      with a database of a million tasks, too
#   Scripts/bench.sh --help               all of them
# The figures go to standard output as a table, and as JSON to the file named by --json, else into Benchmarks/results/.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

"$root/Scripts/setup.sh"

build() { "$root/Scripts/release.sh" "$@"; }
for product in maos-server maos-bench; do
    if ! log=$(build --product "$product" 2>&1); then
        printf '%s\n' "$log" >&2
        exit 1
    fi
done
programs=$(build --show-bin-path)

json=()
case " $* " in
*" --json "* | *" --help "* | *" -h "*) ;;
*)
    mkdir -p "$root/Benchmarks/results"
    json=(--json "$root/Benchmarks/results/$(date -u +%Y%m%dT%H%M%SZ).json")
    ;;
esac

exec "$programs/maos-bench" --server "$programs/maos-server" "${json[@]}" "$@"
