# Writes the report from what the other steps gave, which is in the context of MAOS_TASK_FILE.
. "$(dirname -- "$0")/common.sh"
name=$(basename -- "$PWD")
progress 0.1 'reading what the others found'
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
        looks = "/context/looks"
        counts = value[looks "/count/#"] + 0
        for (i = 1; i <= counts; i++) counted[i] = looks "/count/" (i - 1)
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
            files += value[path "/files"]; lines += value[path "/lines"]; blank += value[path "/blank"]
            if (++shown > 16) { hidden++; continue }
            label = value[path "/folder"] == "." ? "(top)" : value[path "/folder"]
            printf "  %-24s %7s %10s %8s  %s\n", substr(label, 1, 24), grouped(value[path "/files"]),
                grouped(value[path "/lines"]), grouped(value[path "/blank"]), members(path "/types", "")
        }
        printf "  %-24s %7s %10s %8s\n", "all", grouped(files), grouped(lines), grouped(blank)
        if (hidden) print "  " hidden (hidden == 1 ? " folder" : " folders") " of these not shown"
        if (empty) print "  and " empty (empty == 1 ? " folder" : " folders") " without text"

        parts = value[looks "/format/#"] + 0
        for (i = 0; i < parts; i++) {
            path = looks "/format/" i
            issues += value[path "/issues"]; checked += value[path "/checked"]
            if (value[path "/examples/#"] + 0 > 0 && worst == "") worst = path
        }
        if (parts > 0) {
            print ""
            printf "Format, by %s: %s in %s of %s files\n", value[path "/tool"],
                issues == 0 ? "nothing found" : issues == 1 ? "1 finding" : grouped(issues) " findings",
                grouped(checked), grouped(value[path "/total"])
            for (i = 0; worst != "" && i < value[worst "/examples/#"]; i++) print "  " value[worst "/examples/" i]
        }
        path = looks "/longest"
        if (value[path "/files/#"] + 0 > 0) {
            print ""
            print "The longest files"
            for (i = 0; i < value[path "/files/#"]; i++)
                printf "  %7s  %s\n", grouped(value[path "/files/" i "/lines"]), value[path "/files/" i "/path"]
        }
        for (i = 0; i < value["/context/advice/#"]; i++)
            if (value["/context/advice/" i] != "null" && value["/context/advice/" i] != "") print "  " value["/context/advice/" i]
        path = looks "/notes"
        total = value[path "/total"] + 0
        print ""
        print "Notes for later: " (total ? members(path "/tags", "") : "none")
        for (i = 0; i < value[path "/places/#"]; i++)
            print "  " value[path "/places/" i "/path"] ":" value[path "/places/" i "/line"] ": " \
                value[path "/places/" i "/text"]
        path = "/context/approval"
        if (value[path "/by"] != "") {
            print ""
            print "Approved by " value[path "/by"] (value[path "/comment"] == "null" || value[path "/comment"] == "" ? "" : ": " value[path "/comment"])
        }
    }' >"$work/text"
progress 0.8 'writing the report'
cat "$work/text"
# The result is a string of JSON.
awk "$quote"'
    BEGIN { printf "\"" }
    { line = q($0); printf "%s\\n", substr(line, 2, length(line) - 2) }
    END { print "\"" }' "$work/text" >"$work/result"
leave "$work/result" >/dev/null
progress 1 'written'
