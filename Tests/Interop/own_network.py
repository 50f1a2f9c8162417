"""A network of its own for a test: the default ports are free there, and nobody else is."""

import contextlib
import fcntl
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
UNSHARE = ["unshare", "--user", "--map-root-user", "--net"]


def may_unshare():
    return shutil.which("unshare") and subprocess.run([*UNSHARE, "true"], capture_output=True).returncode == 0


def node():
    """node with a global WebSocket: its own, perhaps behind a switch, or Debian's; None where there is none."""
    program = shutil.which("node")
    ways = ([], ["--experimental-websocket"], ["--require", str(HERE / "websocket_of_debian.js")])
    for flags in ways if program else []:
        probe = [program, *flags, "-e", "process.exit(typeof WebSocket === 'function' ? 0 : 1)"]
        if subprocess.run(probe, capture_output=True).returncode == 0:
            return [program, *flags]
    return None


def play(script, *arguments, seconds=120):
    """Runs a program of this folder in a network of its own."""
    return subprocess.run(
        [*UNSHARE, sys.executable, HERE / script, *arguments], capture_output=True, text=True, encoding="utf-8",
        timeout=seconds)


@contextlib.contextmanager
def default_server(folder):
    """Inside: a server that was told nothing but where its data is; what it says until it is ready is in `lines`."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        request = struct.pack("16sh", b"lo", 0x1 | 0x40)  # IFF_UP | IFF_RUNNING
        fcntl.ioctl(handle, 0x8914, request)  # SIOCSIFFLAGS
    with tempfile.TemporaryDirectory(prefix="maos-ports-") as data:
        server = subprocess.Popen(
            [pathlib.Path(folder) / "maos-server", "--data", data, "--log-level", "error"], stdout=subprocess.PIPE,
            text=True)
        server.data = data
        server.lines = []
        for line in server.stdout:
            server.lines.append(line.strip())
            if line.strip() == "ready":
                break
        print("SERVER " + "; ".join(server.lines), flush=True)
        try:
            yield server
        finally:
            server.send_signal(signal.SIGTERM)
            print("ENDED", server.wait(timeout=30), flush=True)
