# Finds notes that people left for later.
. "$(dirname -- "$0")/common.sh"
progress 0.2 'looking for notes'
# Written so that this line is no such note itself.
marks="TO""DO FIX""ME XX""X HA""CK"
files . | { xargs -0 -r grep -InHwE "$(echo "$marks" | tr ' ' '|')" || true; } >"$work/found"
progress 0.7 'counting them'
awk -v marks="$marks" "$quote"'
    match($0, /:[0-9]+:/) {
        path = substr($0, 1, RSTART - 1)
        line = substr($0, RSTART + 1, RLENGTH - 2)
        text = substr($0, RSTART + RLENGTH)
        sub(/^\.\//, "", path)
        sub(/^[ \t]+/, "", text)
        total++
        for (i = split(marks, names, " "); i > 0; i--) if (index(text, names[i])) count[names[i]]++
        if (total <= 5) places = places (total > 1 ? "," : "") "{\"path\":" q(path) ",\"line\":" line \
            ",\"text\":" q(substr(text, 1, 120)) "}"
    }
    END {
        printf "{\"total\":%d,\"tags\":{", total
        n = split(marks, names, " ")
        for (i = 1; i <= n; i++) if (count[names[i]]) {
            printf "%s%s:%d", (some ? "," : ""), q(names[i]), count[names[i]]
            some = 1
        }
        print "},\"places\":[" places "]}"
    }' "$work/found" >"$work/result"
leave "$work/result"
progress 1 'counted'
