# Counts the lines of a folder, or of the files at the top of the tree where the folder is `.`.
. "$(dirname -- "$0")/common.sh"
label=$1
progress 0.1 "counting lines in $label"
if [ ! -d "$label" ]; then
    : >"$work/all" >"$work/blank"
elif [ "$label" = . ]; then
    find . -maxdepth 1 -type f ! -name '.*' -print0 | { xargs -0 -r grep -IHc '' || true; } >"$work/all"
    find . -maxdepth 1 -type f ! -name '.*' -print0 |
        { xargs -0 -r grep -Ihc '^[[:space:]]*$' || true; } >"$work/blank"
else
    lengths "./$label" >"$work/all"
    progress 0.5 "counting blank lines in $label"
    texts "./$label" | { xargs -0 -r grep -hc '^[[:space:]]*$' || true; } >"$work/blank"
fi
progress 0.8 "sorting by type"
awk -v label="$label" -v blanks="$(awk '{ n += $1 } END { print n + 0 }' "$work/blank")" "$quote"'
    match($0, /:[0-9]+$/) {
        count = substr($0, RSTART + 1) + 0
        if (count == 0) next
        path = substr($0, 1, RSTART - 1)
        sub(/^.*\//, "", path)
        type = path
        if (!sub(/^.*\./, "", type) || type == "") type = "other"
        files++
        lines += count
        by[tolower(type)] += count
    }
    END {
        printf "{\"folder\":%s,\"files\":%d,\"lines\":%d,\"blank\":%d,\"types\":{",
            q(label), files, lines, blanks
        for (round = 0; round < 3; round++) {
            best = ""
            for (type in by) if (by[type] > 0 && (best == "" || by[type] > by[best])) best = type
            if (best == "") break
            printf "%s%s:%d", (round ? "," : ""), q(best), by[best]
            by[best] = 0
        }
        print "}}"
    }' "$work/all" >"$work/result"
leave "$work/result"
progress 1 "counted $label"
