#!/usr/bin/env bash
# Shows the main job: builds MAOS, starts a server, and lets agents carry out a workflow that analyses a source tree (this
# one, or the one given): folders and files side by side, a decision, loops, a question that is answered here, a report.
#
# usage: Scripts/demo.sh [--keep] [PATH]
#   --keep   leaves the server running and its data in place, and says how to reach it
set -euo pipefail

keep=
tree=
for argument in "$@"; do
    case $argument in
        --keep) keep=1 ;;
        -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
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
answer=
finish() {
    code=$?
    trap - EXIT INT TERM
    [ -z "$answer" ] || kill "$answer" 2>/dev/null || true
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

export MAOS_URL=$url MAOS_DATA=$data
cli=$bin/maos-cli

# Whoever finds nobody to do its work gets an agent from the server; these are of our own choice.
agents=
for agent in coder:ada:4 coder:grace:4 tester:katherine:1 reviewer:barbara:2 documenter:donald:1; do
    IFS=: read -r type name tasks <<<"$agent"
    "$cli" agent spawn "$type" --name "$name" --max-tasks "$tasks" >/dev/null
    agents+="${agents:+, }$name ($type)"
done
echo "tree      $tree"
echo "agents    $agents"
echo "workflow  Docs/Examples/source-report.json"
echo

workflow=$("$cli" workflow apply Docs/Examples/source-report.json)
execution=$("$cli" workflow execute "$workflow" --param "tree=$tree" --param "scripts=$PWD/Docs/Examples/source-report")
# Before it writes its report it asks; the answer comes from the command line.
(
    until approval=$("$cli" approval list 2>/dev/null | awk 'NR == 2 { print $1 }') && [ -n "$approval" ]; do sleep 0.2; done
    "$cli" approval approve "$approval" --comment "maos-cli approval approve" >/dev/null
) &
answer=$!
status=0
"$cli" execution watch "$execution" || status=$?
kill "$answer" 2>/dev/null || true
if [ "$status" -eq 0 ]; then
    echo
    "$cli" execution get "$execution" --result
fi

if [ -n "$keep" ]; then
    cat <<TEXT

look further; the server goes on at $url (process $server)
  export MAOS_URL=$url MAOS_DATA=$data
  $cli execution get $execution       # the steps, with their times and agents
  $cli task list                      # the tasks that the steps made; task logs ID shows what one wrote
  $cli events --types workflow_step_completed,approval_resolved
  curl -s $url/api/v1/executions/$execution -H "Authorization: Bearer \$(cat $data/admin.token)"
  kill $server && sleep 1 && rm -r $data     # to end it
TEXT
    trap - EXIT
    server=
else
    printf '\nthe server is stopped and its data removed; Scripts/demo.sh --keep leaves both, to look further\n'
fi
exit "$status"
