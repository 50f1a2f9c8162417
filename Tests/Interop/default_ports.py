"""Runs a client against a server that was told nothing but where its data is, in a network of its own.

    unshare --user --map-root-user --net python3 default_ports.py SERVER MARKER SECONDS -- COMMAND [ARGUMENT...]

Once the client has written MARKER, things happen: an agent comes, one task completes, one fails, the agent crashes and is
removed. Everything that the client writes goes to standard output; it is ended after that many seconds at most, or when it
has written the line that ends with `task_failed`, or "DONE".
"""

import fcntl
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request


def raise_loopback():
    """Turns the loopback interface on, which is off in a new network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        request = struct.pack("16sh", b"lo", 0x1 | 0x40)  # IFF_UP | IFF_RUNNING
        fcntl.ioctl(handle, 0x8914, request)  # SIOCSIFFLAGS


def call(token, method, path, body=None):
    request = urllib.request.Request(
        f"http://localhost:7400/api/v1{path}", method=method, data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as reply:
        return json.loads(reply.read()).get("data", {})


def run_task(token, command):
    task = call(token, "POST", "/tasks", {
        "type": "code", "description": "Process customer data", "requirements": [], "priority": "medium",
        "context": {"command": command},
    })["taskId"]
    end = time.monotonic() + 60
    while call(token, "GET", f"/tasks/{task}")["status"] not in ("completed", "failed", "cancelled"):
        assert time.monotonic() < end, "the task does not end"
        time.sleep(0.05)
    return task


def main():
    program, marker, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    command = sys.argv[sys.argv.index("--") + 1:]
    raise_loopback()
    with tempfile.TemporaryDirectory(prefix="maos-ports-") as data:
        server = subprocess.Popen([program, "--data", data, "--log-level", "error"], stdout=subprocess.PIPE, text=True)
        listening = []
        for line in server.stdout:
            listening.append(line.strip())
            if line.strip() == "ready":
                break
        print("SERVER " + "; ".join(listening), flush=True)
        token = (pathlib.Path(data) / "admin.token").read_text().strip()
        client = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8",
            env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"},
        )
        lines, connected = [], threading.Event()

        def read():
            for line in client.stdout:
                lines.append(line.rstrip("\n"))
                if marker in line:
                    connected.set()
            connected.set()

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            if connected.wait(seconds) and client.poll() is None:
                # The client is a hive client once it has been silent for a moment; nothing of that moment is lost.
                call(token, "POST", "/agents", {"type": "coder", "name": "DataProcessor-1"})
                print("COMPLETED " + run_task(token, ["/bin/true"]), flush=True)
                print("FAILED " + run_task(token, ["/bin/false"]), flush=True)
                end = time.monotonic() + seconds
                while time.monotonic() < end and client.poll() is None and not any("DONE" in line for line in lines):
                    if any("task_failed" in line or "ask failed" in line for line in lines):
                        time.sleep(0.3)
                        break
                    time.sleep(0.05)
        finally:
            if client.poll() is None:
                client.send_signal(signal.SIGINT)
            try:
                client.wait(timeout=10)
            except subprocess.TimeoutExpired:
                client.kill()
                client.wait()
            reader.join(timeout=5)
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=30)
        for line in lines:
            print("CLIENT " + line, flush=True)
        print(f"ENDED {server.returncode}", flush=True)


if __name__ == "__main__":
    main()
