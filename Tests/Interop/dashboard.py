"""A client of the team dashboard, for the tests of that dialect."""

import json
import time
import uuid

from websockets.sync.client import connect


class Dashboard:
    """A connection to the dashboard; says who it is unless told not to."""

    def __init__(self, server, token=None, auth=True, query="", **more):
        self.server = server
        self.client_id = more.pop("client_id", None) or str(uuid.uuid4())
        session = {k: more.pop(k) for k in ("sessionId", "lastMessageId") if k in more}
        self.socket = connect(
            f"ws://127.0.0.1:{server.ports['dashboard']}/ws{query}", max_size=None, ping_interval=None, **more
        )
        self.seen = []
        if auth:
            token = token or operator(server)
            self.welcome = self.ask("auth", {"token": token, "clientId": self.client_id, **session}, id=None)
            assert self.welcome["payload"]["success"], self.welcome
            self.session = self.welcome["payload"]["sessionId"]
            self.status = self.until("connection:status")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, type, payload=None, **more):
        message = {"id": str(uuid.uuid4()), "type": type, "timestamp": int(time.time() * 1000), "payload": payload or {}}
        message.update(more)
        message = {k: v for k, v in message.items() if v is not None}
        self.socket.send(json.dumps(message))
        return message.get("id")

    def receive(self, seconds=20):
        """The next message; alerts of a busy host are passed over."""
        while True:
            message = json.loads(self.socket.recv(timeout=seconds))
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
