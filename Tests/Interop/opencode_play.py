"""Run in a network namespace of its own: a server on its default ports, and a client beside it.

Usage: opencode_play.py SERVER CLIENT…; prints what the client says, and ends with the client's exit code.
"""

import fcntl
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile


def raise_loopback():
    with socket.socket() as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, 0x8913, request.ljust(40, b"\0"))[:32])[1]
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", flags | 1).ljust(40, b"\0"))


def main():
    raise_loopback()
    data = tempfile.mkdtemp(prefix="maos-play-")
    server = subprocess.Popen(
        [sys.argv[1], "--data", data, "--log-level", "error"], stdout=subprocess.PIPE, text=True)
    try:
        for line in server.stdout:
            print(line, end="", flush=True)
            if line.strip() == "ready":
                break
        sys.exit(subprocess.run(sys.argv[2:], timeout=60).returncode)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=20)
        shutil.rmtree(data, ignore_errors=True)


main()
