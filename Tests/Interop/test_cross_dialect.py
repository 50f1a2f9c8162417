"""One core, several views: what happens through one dialect is seen in all the others, in their own words."""

import json
import time
import uuid

import pytest
from websockets.sync.client import connect

from conftest import Server

# Core word: (gateway, OpenCode, hive), as the vocabulary tables have them.
TASK_TYPES = [("test", "testing", "testing"), ("code", "feature", "code"), ("deploy", "deployment", "deployment")]
PRIORITIES = [("low", 1), ("medium", 2), ("high", 3), ("critical", 4)]


@pytest.fixture(scope="module")
def everything():
    server = Server("--limits", "off", "--listen", "127.0.0.1:0=all")
    yield server
    assert server.is_well()
    assert server.stop() == 0


class Feed:
    """A connection that remembers everything that has come."""

    def __init__(self, url, **more):
        self.socket = connect(url, max_size=None, **more)
        self.seen = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, message):
        self.socket.send(json.dumps(message))

    def wait(self, condition, what, timeout=20):
        for message in self.seen:
            if condition(message):
                return message
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            try:
                message = json.loads(self.socket.recv(timeout=max(0.01, end - time.monotonic())))
            except TimeoutError:
                break
            self.seen.append(message)
            if condition(message):
                return message
        raise AssertionError(f"{what} did not come; there were {[m.get('type') for m in self.seen]}")

    def ask(self, message, reply):
        """Sends a request of OpenCode, and waits for its reply."""
        self.seen = [m for m in self.seen if m["type"] != reply]
        self.send(message)
        found = self.wait(lambda m: m["type"] in (reply, "error"), reply)
        self.seen.remove(found)
        assert found["type"] == reply, found
        return found


class Everybody:
    """A listener of each dialect."""

    def __init__(self, server):
        base = f"ws://127.0.0.1:{server.ports['all']}"
        self.http = server.client()
        self.gateway = Feed(base + "/ws", additional_headers={"Authorization": f"Bearer {server.token}"})
        self.gateway.wait(lambda m: m["type"] == "connected", "connected")
        for channel in ("tasks:all", "agents:all"):
            self.gateway.send({"type": "subscribe", "channel": channel})
            self.gateway.wait(lambda m: m["type"] == "subscribed" and m["channel"] == channel, "subscribed")
        self.hive = Feed(base + "/hive/ws")
        self.hive.wait(lambda m: m["type"] == "hive_status_update", "hive_status_update")
        self.opencode = Feed(base + "/opencode/ws")
        self.opencode.wait(lambda m: m["type"] == "full_status", "full_status")
        self.opencode.ask({"type": "subscribe_to_updates", "channels": ["task_status", "agents"]}, "subscription_confirmed")
        self.dashboard = Feed(base + "/dashboard/ws")
        token = server.sign("admin:*", roles=["admin"])
        self.dashboard.send({"type": "auth", "token": token, "clientId": str(uuid.uuid4())})
        ack = self.dashboard.wait(lambda m: m["type"] == "ack", "ack")
        assert ack["payload"]["success"], ack
        self.dashboard.send({"type": "subscribe:agent", "payload": {}})
        self.dashboard.wait(lambda m: m["type"] == "ack" and m["payload"].get("subscriptionId"), "ack")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for feed in (self.gateway, self.hive, self.opencode, self.dashboard):
            feed.socket.close()
        self.http.close()

    def update(self, task, status):
        return self.gateway.wait(
            lambda m: m["type"] == "broadcast" and m["message"].get("taskId") == task
            and m["message"].get("coreStatus") == status,
            f"task_update {status}",
        )["message"]

    def event(self, kind, task):
        return self.hive.wait(
            lambda m: m["type"] == kind and (m["data"].get("task_id") or m["data"].get("task", {}).get("id")) == task, kind
        )["data"]

    def push(self, task, status):
        return self.opencode.wait(
            lambda m: m["type"] == "task_status_update" and m["task_id"] == task and m["new_status"] == status,
            f"task_status_update {status}",
        )


@pytest.mark.parametrize("gateway,opencode,hive", TASK_TYPES)
@pytest.mark.parametrize("priority,rank", PRIORITIES)
def test_a_task_of_the_gateway_is_seen_everywhere(everything, gateway, opencode, hive, priority, rank):
    """X-01, X-10"""
    with Everybody(everything) as all:
        task = all.http.post(
            "/api/v1/tasks",
            json={
                "type": gateway, "description": "seen everywhere", "priority": priority, "requirements": [],
                "context": {"command": ["/bin/true"]},
            },
        ).json()["data"]["taskId"]
        created = all.event("task_created", task)["task"]
        assert created["type"] == hive and created["priority"] == rank and created["description"] == "seen everywhere"
        assert created["status"] == "pending"
        assert all.update(task, "completed")["progress"] == 1
        assert all.event("task_completed", task)["task_id"] == task
        assert all.push(task, "completed")["progress"] == 100
        status = all.opencode.ask({"type": "get_task_status", "task_id": task}, "task_status")["task"]
        assert status["type"] == opencode and status["priority"] == priority and status["status"] == "completed"
        listed = all.opencode.ask({"type": "list_tasks", "limit": 1000}, "task_list")["tasks"]
        assert [t["description"] for t in listed if t["id"] == task] == ["seen everywhere"]


@pytest.mark.parametrize("opencode,gateway", [("testing", "test"), ("feature", "feature"), ("deployment", "deploy")])
def test_a_task_of_opencode_is_seen_everywhere(everything, opencode, gateway):
    """X-01"""
    task = f"cross-{uuid.uuid4().hex[:12]}"
    with Everybody(everything) as all:
        started = all.opencode.ask(
            {
                "type": "start_task",
                "task": {
                    "id": task, "type": opencode, "priority": "high", "description": "from OpenCode",
                    "metadata": {"command": ["/bin/true"]},
                },
            },
            "task_started",
        )
        assert started["task_id"] == task and started["task"]["status"] == "pending"
        assert all.event("task_created", task)["task"]["priority"] == 3
        all.event("task_completed", task)
        all.update(task, "completed")
        data = all.http.get(f"/api/v1/tasks/{task}").json()["data"]
        assert data["id"] == task and data["type"] == gateway and data["priority"] == "high"
        assert data["status"] == "completed" and data["description"] == "from OpenCode"


def test_a_cancellation_reaches_everybody_once(everything):
    """X-03"""
    with Everybody(everything) as all:
        task = all.http.post(
            "/api/v1/tasks",
            json={
                "type": "code", "description": "to be cancelled", "priority": "medium", "requirements": [],
                "context": {"command": ["/bin/sleep", "600"]},
            },
        ).json()["data"]["taskId"]
        all.push(task, "running")
        all.opencode.ask({"type": "cancel_task", "task_id": task}, "task_cancelled")
        assert all.event("task_cancelled", task)["task_id"] == task
        assert all.update(task, "cancelled")["status"] == "cancelled"
        all.push(task, "cancelled")
        assert all.http.get(f"/api/v1/tasks/{task}").json()["data"]["status"] == "cancelled"
        # Something later has come everywhere, so nothing more is under way.
        later = all.http.post(
            "/api/v1/tasks",
            json={
                "type": "code", "description": "later", "priority": "medium", "requirements": [],
                "context": {"command": ["/bin/true"]},
            },
        ).json()["data"]["taskId"]
        all.event("task_completed", later)
        all.push(later, "completed")
        ends = [m for m in all.hive.seen if m["type"] == "task_cancelled" and m["data"]["task_id"] == task]
        pushes = [
            m for m in all.opencode.seen
            if m["type"] == "task_status_update" and m["task_id"] == task and m["new_status"] == "cancelled"
        ]
        assert len(ends) == 1 and len(pushes) == 1


def test_an_agent_of_the_dashboard_is_seen_everywhere(everything):
    """X-02"""
    with Everybody(everything) as all:
        message = str(uuid.uuid4())
        all.dashboard.send(
            {
                "id": message, "type": "agent:create", "timestamp": int(time.time() * 1000),
                "payload": {"name": "cross", "model": "claude-3-opus", "workspace": "cross"},
            }
        )
        ack = all.dashboard.wait(
            lambda m: m["type"] == "ack" and m["payload"]["messageId"] == message, "ack of agent:create"
        )
        assert ack["payload"]["success"], ack
        agent = all.dashboard.wait(lambda m: m["type"] == "agent:created", "agent:created")["payload"]["agentId"]
        created = all.hive.wait(
            lambda m: m["type"] == "agent_created" and m["data"]["agent"]["id"] == agent, "agent_created"
        )
        assert created["data"]["agent"]["name"] == "cross"
        assert all.http.get(f"/api/v1/agents/{agent}").status_code == 200
        all.opencode.wait(lambda m: m["type"] == "agent_update" and m["agent"]["id"] == agent, "agent_update")
        status = all.opencode.ask({"type": "request_status"}, "full_status")["data"]
        assert agent in [a["id"] for a in status["agents"]]
        all.dashboard.send({"type": "agent:command", "payload": {"agentId": agent, "command": "echo seen", "interactive": True}})
        output = all.dashboard.wait(
            lambda m: m["type"] == "agent:output" and "seen" in m["payload"]["data"], "agent:output"
        )["payload"]
        assert output["agentId"] == agent and output["stream"] in ("stdout", "stderr")
        all.dashboard.send({"type": "agent:terminate", "payload": {"agentId": agent}})
        all.dashboard.wait(
            lambda m: m["type"] == "agent:status" and m["payload"]["agentId"] == agent
            and m["payload"]["status"] == "stopped",
            "stopped",
        )
        all.hive.wait(lambda m: m["type"] == "agent_removed" and m["data"]["agent_id"] == agent, "agent_removed")


def test_one_token_is_good_for_every_dialect(everything):
    """X-06"""
    token = everything.sign("admin:*", roles=["admin"])
    base = f"ws://127.0.0.1:{everything.ports['all']}"
    headers = {"Authorization": f"Bearer {token}"}
    for path, first in (("/ws", "connected"), ("/hive/ws", "hive_status_update"), ("/opencode/ws", "connection_established")):
        with Feed(base + path, additional_headers=headers) as feed:
            feed.wait(lambda m: m["type"] == first, first)
    with Feed(base + "/dashboard/ws") as feed:
        feed.send({"type": "auth", "payload": {"token": token, "clientId": "one"}})
        assert feed.wait(lambda m: m["type"] == "ack", "ack")["payload"]["success"]


def test_each_dialect_has_its_own_shape_of_a_type_name(everything):
    """X-04"""
    with Everybody(everything) as all:
        pong = all.opencode.ask({"type": "ping", "timestamp": 7}, "pong")
        assert pong["timestamp"] == 7 and "server_time" in pong
        all.gateway.send({"type": "ping", "id": "p"})
        assert all.gateway.wait(lambda m: m["type"] == "pong", "pong")["id"] == "p"
        all.dashboard.send({"type": "ping", "payload": {"timestamp": 9}})
        assert all.dashboard.wait(lambda m: m["type"] == "pong", "pong")["payload"]["timestamp"] == 9
