#!/usr/bin/env bash
# Shows the main job: builds MAOS, starts a server, and lets agents analyse a source tree (this one, or the one given).
#
# usage: Scripts/demo.sh [--keep] [PATH]
#   --keep   leaves the server running and its data in place, and says how to reach it
set -euo pipefail

keep=
tree=
for argument in "$@"; do
    case $argument in
        --keep) keep=1 ;;
        -h | --help) sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 0 ;;
        -*) echo "demo: there is no flag $argument; see $0 --help" >&2; exit 2 ;;
        *) [ -z "$tree" ] || { echo "demo: one tree at a time" >&2; exit 2; }; tree=$argument ;;
    esac
done
tree=${tree:-$PWD}
[ -d "$tree" ] || { echo "demo: $tree is no folder" >&2; exit 2; }
tree=$(cd -- "$tree" && pwd)
cd "$(dirname "$0")/.."

Scripts/setup.sh
echo "building (the first time takes some minutes)"
for product in maos-server maos-cli; do
    # Silent, unless it fails.
    build=$(Scripts/release.sh --product "$product" 2>&1) || { echo "$build" >&2; exit 1; }
done
bin=.build/release

data=$(mktemp -d "${TMPDIR:-/tmp}/maos-demo.XXXXXX")
server=
finish() {
    code=$?
    trap - EXIT INT TERM
    [ -z "$server" ] || { kill -TERM "$server" 2>/dev/null && wait "$server"; } || true
    rm -rf "$data"
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A session of its own, so that Ctrl-C stops the demo first and the server after it.
setsid "$bin/maos-server" --data "$data" --listen 127.0.0.1:0=gateway >"$data/listening" 2>"$data/server.log" &
server=$!
until grep -sqx ready "$data/listening"; do
    kill -0 "$server" 2>/dev/null || { server=; echo "demo: the server did not start:" >&2; cat "$data/server.log" >&2; exit 1; }
    sleep 0.02
done
url=http://$(sed -n 's/^listening \([^ ]*\) .*/\1/p' "$data/listening" | head -n 1)

hints=--no-hints
[ -z "$keep" ] || hints=
"$bin/maos-cli" --url "$url" --data "$data" demo $hints "$tree"

# The same tree as a workflow: folders side by side, a decision, and a question that is answered from here.
export MAOS_URL=$url MAOS_DATA=$data
printf '\nthe same as a workflow, Docs/Examples/source-report.json\n\n'
workflow=$("$bin/maos-cli" workflow apply Docs/Examples/source-report.json)
execution=$("$bin/maos-cli" workflow execute "$workflow" --param "tree=$tree")
(
    until approval=$("$bin/maos-cli" approval list | awk 'NR == 2 { print $1 }') && [ -n "$approval" ]; do sleep 0.2; done
    "$bin/maos-cli" approval approve "$approval" --comment "the demo says so" >/dev/null
) &
"$bin/maos-cli" execution watch "$execution"
"$bin/maos-cli" execution get "$execution" | sed '1,/^$/d'

if [ -n "$keep" ]; then
    cat <<TEXT

the server goes on at $url (process $server)
  export MAOS_URL=$url MAOS_DATA=$data     # for maos-cli
  kill $server && sleep 1 && rm -r $data     # to end it
TEXT
    trap - EXIT
    server=
else
    printf '\nthe server is stopped and its data removed; Scripts/demo.sh --keep leaves both, to look further\n'
fi
