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

# Functions in sections of their own, so that those nobody calls are left out.
flags+=(-Xswiftc -Xfrontend -Xswiftc -function-sections)

# That no two accesses to a variable overlap is checked while the tests run, not with each message that is handled.
flags+=(-Xswiftc -enforce-exclusivity=unchecked)

# Nobody here has a use for regular expressions, which would come along unasked: a megabyte.
flags+=(-Xswiftc -Xfrontend -Xswiftc -disable-implicit-string-processing-module-import)

# The C++ runtime, which the Swift one needs a little of, goes in the same way: a megabyte less in memory. The linker takes
# what it finds first, so the archive has a folder to itself.
archive=$({ gcc -print-file-name=libstdc++.a || clang -print-file-name=libstdc++.a; } 2>/dev/null || true)
if [ -f "$archive" ]; then
    mkdir -p "$root/.build/static"
    ln -sfn "$archive" "$root/.build/static/libstdc++.a"
    flags+=(-Xswiftc "-L$root/.build/static" -Xswiftc -Xclang-linker -Xswiftc -static-libgcc)
fi

exec swift build --package-path "$root" "${flags[@]}" "$@"
