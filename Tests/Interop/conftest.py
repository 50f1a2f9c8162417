"""What the tests share: a real server with a data directory of its own, and clients that bear its administrator's token."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import httpx
import pytest

BIN = pathlib.Path(os.environ["MAOS_BIN"])


class Program:
    """A program that says where it listens, then that it is ready."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [str(a) for a in arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.port = None
        for line in self.process.stdout:
            if line.startswith("listening "):
                self.port = int(line.split()[1].rsplit(":", 1)[1])
            if line.strip() == "ready":
                return
        raise RuntimeError(f"{arguments[0]} did not get ready: {self.process.stderr.read()}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=20)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()


class Server(Program):
    def __init__(self, *arguments):
        self.data = tempfile.mkdtemp(prefix="maos-interop-")
        super().__init__(
            BIN / "maos-server", "--data", self.data, "--listen", "127.0.0.1:0=gateway", "--log-level", "error", *arguments
        )
        self.token = (pathlib.Path(self.data) / "admin.token").read_text().strip()
        self.key = (pathlib.Path(self.data) / "jwt.key").read_bytes()
        self.url = f"http://127.0.0.1:{self.port}"
        self.socket_url = f"ws://127.0.0.1:{self.port}/ws"

    def client(self, token=None):
        return httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {token or self.token}"}, timeout=30
        )

    def stop(self):
        status = super().stop()
        shutil.rmtree(self.data, ignore_errors=True)
        return status


@pytest.fixture(scope="session")
def server():
    server = Server("--limits", "off")
    yield server
    assert server.stop() == 0, "the server stops cleanly"


@pytest.fixture
def http(server):
    with server.client() as client:
        yield client


@pytest.fixture(scope="session")
def conformance():
    program = Program(BIN / "maos-conformance", "--port", "0")
    yield program
    program.stop()


def new_task(**more):
    task = {
        "type": "code",
        "description": "something to do",
        "requirements": [],
        "priority": "medium",
        "context": {"command": ["/bin/true"]},
    }
    task.update(more)
    return task


def wait_for_end(client, task, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        data = client.get(f"/api/v1/tasks/{task}").json()["data"]
        if data["status"] in ("completed", "failed", "cancelled"):
            return data
        time.sleep(0.02)
    raise AssertionError(f"task {task} did not end")
