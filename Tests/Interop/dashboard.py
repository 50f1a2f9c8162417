"""A client of the team dashboard and a server that has one, for the tests of that dialect."""

import pathlib
import time
import uuid

import pytest
from websockets.exceptions import ConnectionClosed

from conftest import Server
from speaker import Speaker

LISTEN = ("--listen", "127.0.0.1:0=dashboard", "--listen", "127.0.0.1:0=gateway")


class Dashboard(Speaker):
    """A connection to the dashboard; says who it is unless told not to."""

    def __init__(self, server, token=None, auth=True, query="", **more):
        self.server = server
        self.client_id = more.pop("client_id", None) or str(uuid.uuid4())
        session = {k: more.pop(k) for k in ("sessionId", "lastMessageId") if k in more}
        super().__init__(f"ws://127.0.0.1:{server.ports['dashboard']}/ws{query}", **more)
        self.seen = []
        if auth:
            token = token or operator(server)
            self.welcome = self.ask("auth", {"token": token, "clientId": self.client_id, **session}, id=None)
            assert self.welcome["payload"]["success"], self.welcome
            self.session = self.welcome["payload"]["sessionId"]
            self.status = self.until("connection:status")

    def send(self, type, payload=None, **more):
        message = {"id": str(uuid.uuid4()), "type": type, "timestamp": int(time.time() * 1000), "payload": payload or {}}
        message.update(more)
        message = {k: v for k, v in message.items() if v is not None}
        super().send(message)
        return message.get("id")

    def receive(self, seconds=20):
        """The next message; alerts of a busy host are passed over."""
        while True:
            message = super().receive(seconds)
            if message["type"] != "system:alert" or message["payload"]["category"] != "resource":
                break
        assert uuid.UUID(message["id"]).version == 4, message
        assert isinstance(message["type"], str) and isinstance(message["timestamp"], int), message
        assert isinstance(message["payload"], dict), message
        self.seen.append(message)
        return message

    def until(self, type, condition=lambda payload: True, seconds=20):
        """The next message of the type whose payload fulfils the condition; what comes before it is passed over."""
        end = time.monotonic() + seconds
        while True:
            message = self.receive(max(0.01, end - time.monotonic()))
            if message["type"] == type and condition(message["payload"]):
                return message

    def ask(self, type, payload=None, **more):
        """Sends, and returns the acknowledgement."""
        id = self.send(type, payload, **more)
        return self.until("ack", lambda p: id is None or p["messageId"] == id)

    def succeed(self, type, payload=None, **more):
        ack = self.ask(type, payload, **more)
        assert ack["payload"]["success"] is True and "error" not in ack["payload"], ack
        return ack["payload"]

    def refused(self, number, type, payload=None, **more):
        ack = self.ask(type, payload, **more)
        return check_refusal(ack, number)

    def create(self, name="one", workspace=None, **more):
        """An agent that runs, whose shell has no prompt; its id."""
        more.setdefault("environment", {"PS1": ""})
        ack = self.succeed(
            "agent:create", {"name": name, "model": "claude-3-opus", "workspace": workspace or f"w-{uuid.uuid4()}", **more}
        )
        return ack["agentId"]

    def output(self, agent, text, seconds=20, stream=None):
        """What an agent prints up to and with a text."""
        found = ""
        while text not in found:
            payload = self.until(
                "agent:output", lambda p: p["agentId"] == agent and stream in (None, p["stream"]), seconds
            )["payload"]
            found += payload["data"]
        return found


def operator(server, **claims):
    return server.sign(**{"sub": "olga", "roles": ["operator"], **claims})


def viewer(server, **claims):
    return server.sign(**{"sub": "vera", "roles": ["viewer"], **claims})


def admin(server, **claims):
    return server.sign(**{"sub": "adam", "roles": ["admin"], **claims})


NAMES = {
    1001: "AUTH_FAILED", 1002: "TOKEN_EXPIRED", 1003: "INSUFFICIENT_PERMISSIONS", 2001: "AGENT_NOT_FOUND",
    2002: "AGENT_SPAWN_FAILED", 2003: "AGENT_LIMIT_EXCEEDED", 2004: "AGENT_COMMAND_TIMEOUT", 3001: "RESOURCE_EXHAUSTED",
    3002: "SERVICE_UNAVAILABLE", 3003: "INTERNAL_ERROR", 4001: "INVALID_MESSAGE", 4002: "UNSUPPORTED_TYPE",
    4003: "RATE_LIMIT_EXCEEDED",
}


def check_refusal(ack, number):
    payload = ack["payload"]
    assert ack["type"] == "ack" and payload["success"] is False, ack
    assert payload["code"] == number, payload
    assert payload["error"].startswith(f"{number} {NAMES[number]}: "), payload
    return payload


@pytest.fixture(scope="module")
def board():
    server = Server(*LISTEN, "--limits", "off")
    yield server
    assert server.is_well() and server.stop() == 0


@pytest.fixture
def client(board):
    with Dashboard(board) as client:
        yield client


def closing(client, seconds=20):
    """The close code and reason, once the server has closed."""
    with pytest.raises(ConnectionClosed) as raised:
        while True:
            client.socket.recv(timeout=seconds)
    return raised.value.rcvd.code, raised.value.rcvd.reason


def state(pid):
    """The kernel's letter for a process; None when it is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rsplit(")", 1)[1].split()[0]
