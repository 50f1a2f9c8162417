# Finds the longest files.
. "$(dirname -- "$0")/common.sh"
progress 0.2 'measuring files'
lengths . >"$work/all"
progress 0.6 'sorting them'
awk 'match($0, /:[0-9]+$/) { print substr($0, RSTART + 1) "\t" substr($0, 1, RSTART - 1) }' "$work/all" |
    sort -rn | head -n 8 >"$work/longest"
awk -F '\t' "$quote"'
    BEGIN { printf "{\"files\":[" }
    {
        sub(/^\.\//, "", $2)
        printf "%s{\"lines\":%d,\"path\":%s}", (NR > 1 ? "," : ""), $1, q($2)
    }
    END { print "]}" }' "$work/longest" >"$work/result"
leave "$work/result"
progress 1 'measured'
