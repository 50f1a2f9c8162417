/// What the demo's tasks run: portable shell with find, grep, sort and awk.
///
/// Every script gets the tree as its first argument, writes its result to `MAOS_RESULT_FILE`, and reports progress by lines
/// that begin with `::maos`.
enum DemoScripts {
    /// What the scripts share.
    private static let common: String = #"""
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

        """#

    /// Counts files and lines of the folders given, or of the top of the tree where the folder is `.`.
    static let count: String =
        common + #"""
            label=$1
            shift
            progress 0.1 "counting lines in $label"
            if [ "$label" = . ]; then
                find . -maxdepth 1 -type f ! -name '.*' -print0 | { xargs -0 -r grep -IHc '' || true; } >"$work/all"
                find . -maxdepth 1 -type f ! -name '.*' -print0 |
                    { xargs -0 -r grep -Ihc '^[[:space:]]*$' || true; } >"$work/blank"
            else
                lengths "$@" >"$work/all"
                progress 0.5 "counting blank lines in $label"
                texts "$@" | { xargs -0 -r grep -hc '^[[:space:]]*$' || true; } >"$work/blank"
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
                    printf "{\"kind\":\"count\",\"folder\":%s,\"files\":%d,\"lines\":%d,\"blank\":%d,\"types\":{",
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
            """#

    /// Looks for lines that are formatted badly: with `swift format` where that fits, else by simple rules.
    static let lint: String =
        common + #"""
            progress 0.05 'looking for sources'
            files . | tr '\n\0' '\1\n' | { grep '\.swift$' || true; } >"$work/swift"
            total=$(wc -l <"$work/swift")
            if [ "$total" -gt 0 ] && command -v swift >/dev/null && swift format --version >/dev/null 2>&1; then
                tool='swift format'
                # As much of it as is done in a few seconds; the report says how much that was.
                end=$(($(date +%s) + 5))
                part=$(((total + 7) / 8))
                [ "$part" -ge 40 ] || part=40
                checked=0
                : >"$work/found"
                while [ "$checked" -lt "$total" ] && [ "$(date +%s)" -lt "$end" ]; do
                    progress "$(awk "BEGIN { print 0.1 + 0.8 * $checked / $total }")" "checking the format of $total files"
                    tail -n +$((checked + 1)) "$work/swift" | head -n "$part" | tr '\n\1' '\0\n' |
                        { xargs -0 -r swift format lint --parallel 2>>"$work/found" || true; }
                    checked=$((checked + part))
                done
                [ "$checked" -lt "$total" ] || checked=$total
                awk 'match($0, /\[[A-Za-z]+\]/) { print substr($0, RSTART + 1, RLENGTH - 2) }' "$work/found" >"$work/rules"
                { grep -E '^[^ ].*:[0-9]+:[0-9]+: (warning|error):' "$work/found" || true; } | head -n 3 >"$work/examples"
            else
                tool='simple rules'
                texts . | tr '\n\0' '\1\n' >"$work/texts"
                total=$(wc -l <"$work/texts")
                head -n 20000 "$work/texts" >"$work/some"
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
            sort "$work/rules" | uniq -c | sort -rn >"$work/ranked"
            {
                awk -v tool="$tool" -v checked="$checked" -v total="$total" "$quote"'
                    {
                        count = $1
                        rule = $0
                        sub(/^ *[0-9]+ /, "", rule)
                        issues += count
                        if (NR <= 5) rules = rules (rules == "" ? "" : ",") q(rule) ":" count
                    }
                    END {
                        printf "{\"kind\":\"lint\",\"tool\":%s,\"checked\":%d,\"total\":%d,\"issues\":%d,\"rules\":{%s},\"examples\":[",
                            q(tool), checked, total, issues, rules
                    }' "$work/ranked"
                awk -v root="$PWD/" "$quote"'{
                    if (index($0, root) == 1) $0 = substr($0, length(root) + 1)
                    sub(/^\.\//, "")
                    printf "%s%s", (NR > 1 ? "," : ""), q(substr($0, 1, 160))
                } END { print "]}" }' "$work/examples"
            } >"$work/result"
            leave "$work/result"
            progress 1 "checked $checked files"
            """#

    /// Finds the longest files.
    static let longest: String =
        common + #"""
            progress 0.2 'measuring files'
            lengths . >"$work/all"
            progress 0.6 'sorting them'
            awk 'match($0, /:[0-9]+$/) { print substr($0, RSTART + 1) "\t" substr($0, 1, RSTART - 1) }' "$work/all" |
                sort -rn | head -n 8 >"$work/longest"
            awk -F '\t' "$quote"'
                BEGIN { printf "{\"kind\":\"longest\",\"files\":[" }
                {
                    sub(/^\.\//, "", $2)
                    printf "%s{\"lines\":%d,\"path\":%s}", (NR > 1 ? "," : ""), $1, q($2)
                }
                END { print "]}" }' "$work/longest" >"$work/result"
            leave "$work/result"
            progress 1 'measured'
            """#

    /// Finds notes that people left for later.
    static let notes: String =
        common + #"""
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
                    printf "{\"kind\":\"notes\",\"total\":%d,\"tags\":{", total
                    n = split(marks, names, " ")
                    for (i = 1; i <= n; i++) if (count[names[i]]) {
                        printf "%s%s:%d", (some ? "," : ""), q(names[i]), count[names[i]]
                        some = 1
                    }
                    print "},\"places\":[" places "]}"
                }' "$work/found" >"$work/result"
            leave "$work/result"
            progress 1 'counted'
            """#

    /// Builds the report from the results of the tasks that it depends on, which it finds in `MAOS_TASK_FILE`.
    static let report: String =
        common + #"""
            name=$1
            progress 0.1 'reading the results of the others'
            awk -v name="$name" -v file="$MAOS_TASK_FILE" '
                # A small reader of JSON: every leaf goes to value[path], the members of an object to keys[path].
                function space() { while (index(" \t\r\n", substr(s, at, 1)) && at <= length(s)) at++ }
                function string(    text, c) {
                    at++
                    text = ""
                    while (at <= length(s)) {
                        c = substr(s, at, 1)
                        if (c == "\"") { at++; return text }
                        if (c == "\\") {
                            at++
                            c = substr(s, at, 1)
                            if (c == "u") { at += 4; c = "?" } else if (index("bfnrt", c)) c = " "
                        }
                        text = text c
                        at++
                    }
                    return text
                }
                function read(path,    c, key, n, start) {
                    space()
                    c = substr(s, at, 1)
                    if (c == "{") {
                        at++
                        space()
                        while (substr(s, at, 1) != "}" && at <= length(s)) {
                            key = string()
                            keys[path] = keys[path] key "\n"
                            space()
                            at++
                            read(path "/" key)
                            space()
                            if (substr(s, at, 1) == ",") { at++; space() }
                        }
                        at++
                    } else if (c == "[") {
                        at++
                        space()
                        n = 0
                        while (substr(s, at, 1) != "]" && at <= length(s)) {
                            read(path "/" n)
                            n++
                            space()
                            if (substr(s, at, 1) == ",") { at++; space() }
                        }
                        at++
                        value[path "/#"] = n
                    } else if (c == "\"") {
                        value[path] = string()
                    } else {
                        start = at
                        while (at <= length(s) && index(",]} \t\r\n", substr(s, at, 1)) == 0) at++
                        value[path] = substr(s, start, at - start)
                    }
                }
                function grouped(n,    text) {
                    n = int(n) ""
                    text = ""
                    while (length(n) > 3) { text = "," substr(n, length(n) - 2) text; n = substr(n, 1, length(n) - 3) }
                    return n text
                }
                function members(path, unit,    i, n, names, text) {
                    n = split(keys[path], names, "\n")
                    text = ""
                    for (i = 1; i < n; i++)
                        text = text (text == "" ? "" : ", ") grouped(value[path "/" names[i]]) " " names[i] unit
                    return text
                }
                BEGIN {
                    while ((getline line < file) > 0) s = s line
                    at = 1
                    read("")
                    inputs = split(keys["/inputs"], ids, "\n") - 1
                    for (i = 1; i <= inputs; i++) {
                        path = "/inputs/" ids[i]
                        kind = value[path "/kind"]
                        if (kind == "count") counted[++counts] = path
                        else where[kind] = path
                    }
                    # The largest folder first.
                    for (i = 1; i <= counts; i++)
                        for (j = i + 1; j <= counts; j++)
                            if (value[counted[j] "/lines"] + 0 > value[counted[i] "/lines"] + 0) {
                                swap = counted[i]; counted[i] = counted[j]; counted[j] = swap
                            }
                    print "What there is in " name
                    print ""
                    printf "  %-24s %7s %10s %8s  %s\n", "folder", "files", "lines", "blank", "most lines are"
                    for (i = 1; i <= counts; i++) {
                        path = counted[i]
                        if (value[path "/lines"] + 0 == 0) { empty++; continue }
                        label = value[path "/folder"] == "." ? "(top)" : value[path "/folder"]
                        printf "  %-24s %7s %10s %8s  %s\n", substr(label, 1, 24), grouped(value[path "/files"]),
                            grouped(value[path "/lines"]), grouped(value[path "/blank"]), members(path "/types", "")
                        files += value[path "/files"]; lines += value[path "/lines"]; blank += value[path "/blank"]
                    }
                    printf "  %-24s %7s %10s %8s\n", "all", grouped(files), grouped(lines), grouped(blank)
                    if (empty) print "  and " empty (empty == 1 ? " folder" : " folders") " without text"

                    path = where["lint"]
                    if (path != "") {
                        issues = value[path "/issues"] + 0
                        print ""
                        printf "Format, by %s: %s in %s of %s files\n", value[path "/tool"],
                            issues == 0 ? "nothing found" : issues == 1 ? "1 finding" : grouped(issues) " findings",
                            grouped(value[path "/checked"]), grouped(value[path "/total"])
                        if (issues) print "  " members(path "/rules", "")
                        for (i = 0; i < value[path "/examples/#"]; i++) print "  " value[path "/examples/" i]
                    }
                    path = where["longest"]
                    if (path != "" && value[path "/files/#"] + 0 > 0) {
                        print ""
                        print "The longest files"
                        for (i = 0; i < value[path "/files/#"]; i++)
                            printf "  %7s  %s\n", grouped(value[path "/files/" i "/lines"]), value[path "/files/" i "/path"]
                    }
                    path = where["notes"]
                    if (path != "") {
                        total = value[path "/total"] + 0
                        print ""
                        print "Notes for later: " (total ? members(path "/tags", "") : "none")
                        for (i = 0; i < value[path "/places/#"]; i++)
                            print "  " value[path "/places/" i "/path"] ":" value[path "/places/" i "/line"] ": " \
                                value[path "/places/" i "/text"]
                    }
                }' >"$work/text"
            progress 0.8 'writing the report'
            cat "$work/text"
            awk "$quote"'
                BEGIN { printf "{\"kind\":\"report\",\"report\":\"" }
                { line = q($0); printf "%s\\n", substr(line, 2, length(line) - 2) }
                END { print "\"}" }' "$work/text" >"$work/result"
            leave "$work/result" >/dev/null
            progress 1 'written'
            """#
}
