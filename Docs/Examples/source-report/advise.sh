# Says what might be done about a file that is too long.
. "$(dirname -- "$0")/common.sh"
file=$1
limit=$2
count=$(wc -l <"$file")
echo "$file has $count lines: $(((count + limit - 1) / limit)) files of its subjects would be easier to read."
