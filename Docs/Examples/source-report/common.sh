# What the scripts of source-report.json share: portable shell with find, grep, sort and awk. Each gets the tree as its first
# argument, leaves its result in MAOS_RESULT_FILE, and tells its progress by lines that begin with ::maos.
set -eu
export LC_ALL=C
cd -- "$1"
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
progress() { printf '::maos progress=%s step=%s\n' "$1" "$2"; }
# The files below some folders, without hidden and generated ones, with NUL between them.
files() {
    find "$@" \( -name '.?*' -o -name node_modules -o -name build -o -name dist -o -name target \
        -o -name vendor -o -name __pycache__ -o -name Pods -o -name DerivedData \) -prune -o -type f -print0
}
# Of those, the ones that hold text.
texts() { files "$@" | { xargs -0 -r grep -IlZ '' || true; }; }
# PATH:LINES of each text.
lengths() { files "$@" | { xargs -0 -r grep -IHc '' || true; } | { grep -v ':0$' || true; }; }
# Leaves what was made as the task's result; names of files need not be UTF-8, JSON has to be.
leave() {
    if command -v iconv >/dev/null; then iconv -f UTF-8 -t UTF-8 -c "$1" || true; else tr -c '\11\12\40-\176' '?' <"$1"; fi \
        >"${MAOS_RESULT_FILE:-/dev/null}"
    cat "$1"
}
# Awks do not agree on backslashes in replacements, so those are doubled by hand.
quote='function q(s,    n, i, parts) {
    gsub(/\t/, " ", s)
    gsub(/[\001-\037\177]/, "?", s)
    n = split(s, parts, /\\/)
    s = parts[1]
    for (i = 2; i <= n; i++) s = s "\\\\" parts[i]
    gsub(/"/, "\\\"", s)
    return "\"" s "\""
}'
