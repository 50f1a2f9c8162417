# Checks a part of the sources for bad format: with `swift format` where that fits, else by simple rules.
. "$(dirname -- "$0")/common.sh"
part=$1
progress 0.05 'looking for sources'
files . | tr '\n\0' '\1\n' | { grep '\.swift$' || true; } >"$work/swift"
total=$(wc -l <"$work/swift")
if [ "$total" -gt 0 ] && command -v swift >/dev/null && swift format --version >/dev/null 2>&1; then
    tool='swift format'
    size=$(((total + 3) / 4))
    [ "$size" -ge 100 ] || size=100
    [ "$size" -le 500 ] || size=500
    tail -n +$((part * size + 1)) "$work/swift" | head -n "$size" >"$work/some"
    some=$(wc -l <"$work/some")
    # As much of it as is done in a second or two; the report says how much that was.
    end=$(($(date +%s) + 1))
    checked=0
    : >"$work/found"
    while [ "$checked" -lt "$some" ] && [ "$(date +%s)" -le "$end" ]; do
        progress "$(awk "BEGIN { print 0.1 + 0.8 * $checked / $some }")" "checking the format of $some files"
        tail -n +$((checked + 1)) "$work/some" | head -n 60 | tr '\n\1' '\0\n' |
            { xargs -0 -r swift format lint --parallel 2>>"$work/found" || true; }
        checked=$((checked + 60))
    done
    [ "$checked" -le "$some" ] || checked=$some
    awk 'match($0, /\[[A-Za-z]+\]/) { print substr($0, RSTART + 1, RLENGTH - 2) }' "$work/found" >"$work/rules"
    { grep -E '^[^ ].*:[0-9]+:[0-9]+: (warning|error):' "$work/found" || true; } | sort -u | head -n 3 >"$work/examples"
else
    tool='simple rules'
    texts . | tr '\n\0' '\1\n' >"$work/texts"
    total=$(wc -l <"$work/texts")
    size=5000
    tail -n +$((part * size + 1)) "$work/texts" | head -n "$size" >"$work/some"
    checked=$(wc -l <"$work/some")
    progress 0.4 "checking $checked files"
    tr '\n\1' '\0\n' <"$work/some" | xargs -0 -r awk '
        function found(rule) { print rule "\t" FILENAME ":" FNR ": " rule }
        /[ \t]\r?$/ { found("trailing white space") }
        /^ +\t/ { found("spaces before a tab") }
        length($0) > 120 { found("longer than 120 bytes") }' >"$work/found"
    cut -f 1 "$work/found" >"$work/rules"
    cut -f 2 "$work/found" | head -n 3 >"$work/examples"
fi
progress 0.9 'sorting what was found'
left=$((total - (part + 1) * size))
[ "$left" -ge 0 ] || left=0
sort "$work/rules" | uniq -c | sort -rn >"$work/ranked"
{
    awk -v tool="$tool" -v checked="$checked" -v total="$total" -v left="$left" "$quote"'
        {
            count = $1
            rule = $0
            sub(/^ *[0-9]+ /, "", rule)
            issues += count
            if (NR <= 5) rules = rules (rules == "" ? "" : ",") q(rule) ":" count
        }
        END {
            printf "{\"tool\":%s,\"checked\":%d,\"total\":%d,\"left\":%d,\"issues\":%d,\"rules\":{%s},\"examples\":[",
                q(tool), checked, total, left, issues, rules
        }' "$work/ranked"
    awk -v root="$PWD/" "$quote"'{
        if (index($0, root) == 1) $0 = substr($0, length(root) + 1)
        sub(/^\.\//, "")
        printf "%s%s", (NR > 1 ? "," : ""), q(substr($0, 1, 160))
    } END { print "]}" }' "$work/examples"
} >"$work/result"
leave "$work/result"
progress 1 "checked $checked files"
