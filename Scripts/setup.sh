#!/usr/bin/env bash
# Installs the system libraries that MAOS is built on, where they are missing. Debian and Ubuntu; needs root or sudo for that.
set -euo pipefail

packages=(libsqlite3-dev libssl-dev zlib1g-dev libnghttp2-dev pkg-config tzdata)
if [ "${1:-}" = "--tests" ]; then
    packages+=(python3 python3-venv curl util-linux)
    # The documents' clients run under node; one that knows no WebSocket gets Debian's.
    command -v node >/dev/null || packages+=(nodejs)
    has='process.exit(typeof WebSocket === "function" ? 0 : 1)'
    node -e "$has" 2>/dev/null || node --experimental-websocket -e "$has" 2>/dev/null || packages+=(node-ws)
fi

missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done

if [ "${#missing[@]}" -gt 0 ]; then
    echo "installing: ${missing[*]}"
    run=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || { echo "setup: run as root, or install these yourself: ${missing[*]}" >&2; exit 1; }
        run=(sudo)
    fi
    "${run[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${run[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

command -v swift >/dev/null || { echo "setup: a Swift 6.3 toolchain is needed, see https://www.swift.org/install" >&2; exit 1; }
