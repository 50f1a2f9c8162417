"""What the tests share: a real server with a data directory of its own, and clients that bear its administrator's token."""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import httpx
import jwt
import pytest


def pytest_sessionfinish(session):
    """What could not be tried has not passed: a skipped test fails the run, unless MAOS_MAY_SKIP allows it."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if skipped and not os.environ.get("MAOS_MAY_SKIP") and session.exitstatus == 0:
        session.exitstatus = 1

BIN = pathlib.Path(os.environ["MAOS_BIN"])


class Program:
    """A program that says where it listens, then that it is ready."""

    def __init__(self, *arguments, errors=subprocess.DEVNULL):
        self.process = subprocess.Popen(
            [str(a) for a in arguments], stdout=subprocess.PIPE, stderr=errors, text=True
        )
        self.port = None
        self.ports = {}
        for line in self.process.stdout:
            if line.startswith("listening "):
                _, address, *surfaces = line.split()
                port = int(address.rsplit(":", 1)[1])
                self.ports["".join(surfaces)] = port
                if self.port is None:
                    self.port = port
            if line.strip() == "ready":
                return
        raise RuntimeError(f"{arguments[0]} did not get ready, and ended with {self.process.wait()}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=20)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()


class Server(Program):
    def __init__(self, *arguments, configuration=None):
        self.data = tempfile.mkdtemp(prefix="maos-interop-")
        self.log = open(os.path.join(self.data, "server.log"), "w+")
        if configuration is not None:
            path = os.path.join(self.data, "maos.json")
            pathlib.Path(path).write_text(json.dumps(configuration))
            arguments = ("--config", path, *arguments)
        self.arguments = arguments
        self.begin()

    def begin(self):
        """Starts, on the data that is there."""
        super().__init__(
            BIN / "maos-server", "--data", self.data, "--listen", "127.0.0.1:0=gateway", "--log-level", "error",
            *self.arguments, errors=self.log,
        )
        self.token = (pathlib.Path(self.data) / "admin.token").read_text().strip()
        self.key = (pathlib.Path(self.data) / "jwt.key").read_bytes()
        self.url = f"http://127.0.0.1:{self.port}"
        self.socket_url = f"ws://127.0.0.1:{self.port}/ws"

    def restart(self):
        """Stops, and starts again on the same data."""
        assert Program.stop(self) == 0, "the server stops cleanly"
        self.begin()

    def client(self, token=None):
        return httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {token or self.token}"}, timeout=30
        )

    def sign(self, *permissions, **claims):
        """A token of this server's for these permissions; a claim of None is left out."""
        now = int(time.time())
        known = {
            "sub": "ann", "email": "ann@example.org", "roles": [], "permissions": list(permissions), "iat": now,
            "exp": now + 600,
        }
        known.update(claims)
        return jwt.encode({k: v for k, v in known.items() if v is not None}, self.key, algorithm="HS256")

    def connect(self):
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def status(self, name):
        """A number out of what the kernel says of the process, such as VmRSS in KB."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1])
        raise KeyError(name)

    def cpu_seconds(self):
        """What it has used of processors so far."""
        stat = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def sockets(self):
        """How many sockets it has open."""
        found = 0
        for name in os.listdir(f"/proc/{self.process.pid}/fd"):
            try:
                found += os.readlink(f"/proc/{self.process.pid}/fd/{name}").startswith("socket:")
            except FileNotFoundError:
                pass
        return found

    def is_well(self):
        """Whether it lives and answers."""
        return self.process.poll() is None and httpx.get(self.url + "/readyz", timeout=20).status_code == 200

    def stop(self):
        try:
            return super().stop()
        finally:
            self.log.close()
            shutil.rmtree(self.data, ignore_errors=True)


@pytest.fixture(scope="session")
def server_class():
    """For fixtures that make servers of their own."""
    return Server


@pytest.fixture(scope="session")
def server():
    server = Server("--limits", "off")
    yield server
    assert server.is_well(), "the server is well after all tests"
    assert server.stop() == 0, "the server stops cleanly"


@pytest.fixture(scope="session", autouse=True)
def background(request, server):
    """Begins what modules list under BACKGROUND, because it mostly waits; gives the futures by name."""
    modules = {item.module for item in request.session.items}
    bodies = {name: body for module in modules for name, body in getattr(module, "BACKGROUND", {}).items()}
    with concurrent.futures.ThreadPoolExecutor(max(1, len(bodies))) as pool:
        yield {name: pool.submit(body, server) for name, body in bodies.items()}


@contextlib.contextmanager
def servers():
    """Makes servers, and stops them at the end."""
    made = []

    def make(*arguments, **more):
        made.append(Server(*arguments, **more))
        return made[-1]

    yield make
    for server in made:
        assert server.stop() == 0, "a server stops cleanly"


@pytest.fixture
def make_server():
    """Makes servers of the test's own."""
    with servers() as make:
        yield make


@pytest.fixture(scope="module")
def make_module_server():
    """Makes servers for all tests of a module."""
    with servers() as make:
        yield make


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


def wait_until(condition, what, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"did not happen within {seconds} s: {what}"
        time.sleep(0.01)


def check_envelope(reply, success):
    """GW-STD-09, GW-STD-10, GW-STD-14"""
    body = reply.json()
    assert body["success"] is success
    assert ("data" in body) is success
    assert ("error" in body) is not success
    metadata = body["metadata"]
    assert metadata["timestamp"].endswith("Z") and metadata["version"] in ("v1", "v2") and metadata["requestId"]
    assert reply.headers["x-request-id"] == metadata["requestId"]
    return body


def check_error(reply, status, code):
    """GW-STD-11, GW-STD-12, GW-ERR-11, GW-ERR-13: the documented status and code, and nothing of the server's inside."""
    assert reply.status_code == status, reply.text
    error = check_envelope(reply, False)["error"]
    assert error["code"] == code, error
    assert error["message"], error
    assert "stack" not in error
    for secret in ("/Sources/", ".swift", "Fatal", "/tmp/", "sqlite", "SQLite", "0x"):
        assert secret not in error["message"], error
    return error
