"""The client that document 004 prints, on the default address, in a network of its own."""

import json
import pathlib
import shutil
import subprocess
import sys
import time

import pytest

from conftest import BIN

HERE = pathlib.Path(__file__).parent
UNSHARE = ["unshare", "--user", "--map-root-user", "--net"]

# What runs inside: a server that was told nothing but where its data is, and the client.
PLAY = """
import fcntl, json, pathlib, signal, socket, struct, subprocess, sys, tempfile
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
    fcntl.ioctl(handle, 0x8914, struct.pack("16sh", b"lo", 0x1 | 0x40))
bin, *client = sys.argv[1:]
with tempfile.TemporaryDirectory(prefix="maos-ports-") as data:
    server = subprocess.Popen([bin + "/maos-server", "--data", data, "--log-level", "error"], stdout=subprocess.PIPE, text=True)
    for line in server.stdout:
        print("SERVER " + line.strip(), flush=True)
        if line.strip() == "ready":
            break
    token = subprocess.run(
        [bin + "/maos-cli", "token", "create", "--data", data, "--sub", "olga", "--role", "operator"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()
    try:
        result = subprocess.run([*client, token], capture_output=True, text=True, timeout=60)
        print(result.stdout + result.stderr, flush=True)
    finally:
        server.send_signal(signal.SIGTERM)
        print("ENDED", server.wait(timeout=30), flush=True)
"""


def may_unshare():
    return shutil.which("unshare") and subprocess.run([*UNSHARE, "true"], capture_output=True).returncode == 0


def node():
    """node with a global WebSocket; older ones have none."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("node is not installed")
    for flags in ([], ["--experimental-websocket"]):
        probe = subprocess.run(
            [program, *flags, "-e", "process.exit(typeof WebSocket === 'function' ? 0 : 1)"], capture_output=True
        )
        if probe.returncode == 0:
            return [program, *flags]
    pytest.skip("node has no WebSocket, and no switch for one")


@pytest.mark.skipif(not may_unshare(), reason="no network namespaces for this user")
def test_printed_client():
    """DASH-CONN-01, DASH-CLI-01, DASH-CLI-03, DASH-CLI-04: it connects, says who it is, commands, and hears of it"""
    result = subprocess.run(
        [*UNSHARE, sys.executable, "-c", PLAY, str(BIN), *node(), str(HERE / "dashboard_play.js"),
         str(HERE / "fixtures" / "snippets" / "dashboard" / "client.ts")],
        capture_output=True, text=True, timeout=120,
    )
    lines = result.stdout.splitlines()
    assert "ENDED 0" in lines and "DONE" in lines, result.stdout + result.stderr
    assert any(line.startswith("SERVER listening localhost:3001") for line in lines)
    messages = [json.loads(line) for line in lines if line.startswith("{")]
    for message in messages:
        assert message["id"] and message["type"] and message["timestamp"] and isinstance(message["payload"], dict)
    types = [message["type"] for message in messages]
    assert types[:5] == ["ack", "connection:status", "ack", "agent:created", "agent:status"]
    assert types[-1] == "agent:status"
