"""Runs a client against a server on its default ports; to be started in a network of its own.

    default_ports.py FOLDER MARKER SECONDS -- COMMAND [ARGUMENT...]

Once the client has written MARKER, things happen: an agent comes, one task completes, one fails, the agent crashes and is
removed. Everything that the client writes goes to standard output; it is ended after that many seconds at most, or when it
has written the line that ends with `task_failed`, or "DONE".
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import urllib.request

from own_network import default_server


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
    folder, marker, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    command = sys.argv[sys.argv.index("--") + 1:]
    with default_server(folder) as server:
        token = (pathlib.Path(server.data) / "admin.token").read_text().strip()
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
            for line in lines:
                print("CLIENT " + line, flush=True)


if __name__ == "__main__":
    main()
