# Lists the folders at the top of the tree, and `.` for the files that are there.
. "$(dirname -- "$0")/common.sh"
find . -mindepth 1 -maxdepth 1 -type d ! -name '.*' ! -name node_modules ! -name build ! -name dist ! -name target \
    ! -name vendor ! -name __pycache__ ! -name Pods ! -name DerivedData -print0 |
    { tr '\n\0' '\1\n' | grep -v "$(printf '\1')" || true; } | sort | head -n 2000 >"$work/folders"
awk "$quote"'
    { printf "%s%s", (NR > 1 ? "," : "["), q(substr($0, 3)) }
    END { print (NR ? "," : "[") "\".\"]" }' "$work/folders" >"$work/result"
leave "$work/result"
