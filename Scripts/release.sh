#!/usr/bin/env bash
# Builds the programs as they are meant to be run: optimised, and small in memory. Takes the options of `swift build`:
#   Scripts/release.sh                          everything, into .build/release
#   Scripts/release.sh --product maos-server    one program
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

# The Swift runtime goes into the programs, without a table of names for others to link to.
flags=(-c release --static-swift-stdlib -Xswiftc -use-ld=lld -Xlinker --no-export-dynamic)

# Relocations in their short form are half a megabyte less to read at every start; glibc knows them since 2.36.
glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | cut -d ' ' -f 2 || true)
if [ -n "$glibc" ] && [ "$(printf '%s\n' 2.36 "$glibc" | sort -V | head -n 1)" = 2.36 ]; then
    flags+=(-Xlinker -z -Xlinker pack-relative-relocs)
fi

exec swift build --package-path "$root" "${flags[@]}" "$@"
