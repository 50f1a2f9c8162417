"""`/asyncapi.json`: libraries that other people wrote take it, and real messages in both directions are as it says."""

import copy
import json
import time
import uuid

import httpx
import jsonschema
import pydantic_asyncapi
import pytest
from websockets.sync.client import connect

from asyncapi import Description
from conftest import new_task, wait_for_end

LISTENERS = {
    "all": {"gateway": "/ws", "terminal": "/api/v1/agents/{agentId}/terminal", "hive": "/hive/ws",
            "opencode": "/opencode/ws", "dashboard": "/dashboard/ws"},
    "gateway": {"gateway": "/ws", "terminal": "/api/v1/agents/{agentId}/terminal"},
    "hive,dashboard": {"hive": "/ws", "dashboard": "/ws"},
    "opencode": {"opencode": "/ws"},
}


@pytest.fixture(scope="module")
def everything(server_class):
    server = server_class(
        "--limits", "off", "--listen", "127.0.0.1:0=all", "--listen", "127.0.0.1:0=hive,dashboard", "--listen",
        "127.0.0.1:0=opencode",
        configuration={"runners": {"reviewer": {"interactive": [
            "/bin/sh", "-c", "stty -echo; echo ready; read line; echo got $line; exit 7"]}}},
    )
    yield server
    assert server.is_well() and server.stop() == 0


def fetch(server, listener):
    reply = httpx.get(f"http://127.0.0.1:{server.ports[listener]}/asyncapi.json", timeout=20)
    assert reply.status_code == 200 and reply.headers["content-type"] == "application/json"
    return reply


@pytest.fixture(scope="module")
def description(everything):
    return Description(fetch(everything, "all").json())


# The document itself


@pytest.mark.parametrize("listener", LISTENERS)
def test_library_takes_the_document(everything, listener):
    """Everybody may ask, on every listener, and each describes what it serves."""
    document = fetch(everything, listener).json()
    assert {name: channel["address"] for name, channel in document["channels"].items()} == LISTENERS[listener]
    assert document["servers"]["maos"]["host"] == f"127.0.0.1:{everything.ports[listener]}"
    health = httpx.get(f"http://127.0.0.1:{everything.ports[listener]}/health", timeout=20).json()
    assert document["info"]["version"] == health["version"]
    for_library = copy.deepcopy(document)
    for operation in for_library["operations"].values():
        # The library asks for what the specification leaves out where the reply comes over a channel with an address.
        if "reply" in operation:
            operation["reply"]["address"] = {"description": "", "location": "$message.payload#/id"}
    model = pydantic_asyncapi.AsyncAPI.model_validate(for_library).root
    assert set(model.channels) == set(document["channels"])
    assert set(model.components.messages) == set(document["components"]["messages"])


@pytest.mark.parametrize("listener", LISTENERS)
def test_payloads_are_schemas(everything, listener):
    document = fetch(everything, listener).json()
    schemas = list(document["components"]["schemas"].values())
    schemas += [message["payload"] for message in document["components"]["messages"].values()]
    schemas += [channel["bindings"]["ws"]["query"] for channel in document["channels"].values()]
    for schema in schemas:
        jsonschema.Draft7Validator.check_schema(schema)


@pytest.mark.parametrize("listener", LISTENERS)
def test_examples_are_what_they_stand_for(everything, listener):
    """Each message of JSON has an example, which is that message and no other of its direction."""
    document = fetch(everything, listener).json()
    description = Description(document)
    for name in document["channels"]:
        channel = description.channel(name)
        for messages, check in ((channel.received, channel.check_request), (channel.sent, channel.check)):
            for message, schema in messages.items():
                declared = document["components"]["messages"][f"{name}.{message}"]
                if schema is None:
                    assert "examples" not in declared
                else:
                    (example,) = declared["examples"]
                    assert check(example["payload"]) == message


def test_same_bytes_each_time(everything):
    assert fetch(everything, "all").content == fetch(everything, "all").content


def test_other_methods_and_foreign_hosts(everything):
    url = f"http://127.0.0.1:{everything.ports['hive,dashboard']}/asyncapi.json"
    head = httpx.head(url)
    assert head.status_code == 200 and not head.content and int(head.headers["content-length"]) > 10_000
    refused = httpx.post(url)
    assert refused.status_code == 405 and refused.json()["error"]["code"] == "VALIDATION_ERROR"
    foreign = httpx.get(url, headers={"Host": "evil.example"})
    assert foreign.status_code == 403 and "evil" not in foreign.text


# Real messages


class Client:
    """A connection whose messages are held to the description, in both directions."""

    def __init__(self, server, channel, path=None, token=True, listener="all"):
        headers = {"Authorization": f"Bearer {server.token}"} if token else {}
        self.channel = channel
        self.socket = connect(
            f"ws://127.0.0.1:{server.ports[listener]}{path or channel.address}", additional_headers=headers, max_size=None,
            ping_interval=None,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, **message):
        """Sends; gives the name of the message."""
        name = self.channel.check_request(message)
        self.socket.send(json.dumps(message))
        return name

    def receive(self, seconds=20):
        """The next message with its name; bytes go by as they are."""
        message = self.socket.recv(timeout=seconds)
        if isinstance(message, bytes):
            return None, message
        message = json.loads(message)
        return self.channel.check(message), message

    def until(self, name, condition=lambda message: True, seconds=30):
        end = time.monotonic() + seconds
        while True:
            found, message = self.receive(max(0.01, end - time.monotonic()))
            if found == name and condition(message):
                return message

    def until_all(self, names, seconds=60):
        """Waits until each of them has come at least once."""
        end = time.monotonic() + seconds
        while missing := set(names) - self.channel.seen:
            try:
                self.receive(max(0.01, end - time.monotonic()))
            except TimeoutError:
                raise AssertionError(f"did not come: {missing}") from None

    def ask(self, **message):
        """Sends, and gives the answer, which is one of those that the description has for it."""
        answers = self.channel.answers[self.send(**message)]
        assert answers
        while True:
            name, reply = self.receive()
            if name in answers and (name != "Error" or reply.get("request_id") == message.get("request_id")):
                return reply


def command(script, **more):
    return new_task(context={"command": ["/bin/sh", "-c", script]}, **more)


@pytest.fixture(scope="module")
def gateway(everything):
    with everything.client() as client:
        yield client


def make(client, path, body):
    reply = client.post(f"/api/v1/{path}", json=body)
    assert reply.status_code < 300, reply.text
    return reply.json()["data"]


def live(client):
    """Makes a server see most of what can happen to tasks and agents."""
    agent = make(client, "agents", {"type": "tester", "name": "tim"})["agentId"]
    good = make(client, "tasks", command("echo '::maos progress=0.5 step=half'; echo hello; echo oh >&2", type="test"))
    bad = make(client, "tasks", command("exit 3", retryPolicy={"maxRetries": 1, "initialDelay": 100}))
    slow = make(client, "tasks", command("sleep 60", type="test", priority="high"))
    late = make(client, "tasks", command("sleep 60", timeout=1_000, type="review"))
    assert wait_for_end(client, good["taskId"])["status"] == "completed"
    assert client.delete(f"/api/v1/tasks/{slow['taskId']}").status_code < 300
    for task in (bad, late, slow):
        wait_for_end(client, task["taskId"])
    assert client.delete(f"/api/v1/agents/{agent}").status_code < 300


def test_hive_messages(everything, description, gateway):
    """HIVE-MSG-01: every frame is as declared, on both addresses."""
    channel = description.channel("hive")
    beside = Description(fetch(everything, "hive,dashboard").json()).channel("hive")
    with Client(everything, channel, token=False) as client, Client(
        everything, beside, path="/ws?dialect=hive", token=False, listener="hive,dashboard"
    ) as other:
        live(gateway)
        expected = {
            "AgentCreated", "AgentStatusChanged", "AgentPerformanceUpdated", "AgentRemoved", "TaskCreated", "TaskAssigned",
            "TaskStarted", "TaskProgress", "TaskCompleted", "TaskFailed", "TaskCancelled", "HiveStatusUpdate",
            "InterModuleMessage", "ErrorOccurred",
        }
        client.until_all(expected)
        other.until_all(expected)


def test_gateway_messages(everything, description, gateway):
    """GW-WS-05: both shapes of requests, both kinds of delivery."""
    channel = description.channel("gateway")
    assert channel.address == "/ws"
    with Client(everything, channel) as client, Client(everything, channel) as direct:
        client.until("Connected")
        for name in ("tasks:all", "agents:all", "system:all", "metrics:all"):
            assert client.ask(type="subscribe", channel=name, id="1")["delivery"] == "broadcast"
            direct.ask(type="subscribe", payload={"channel": name, "delivery": "direct", "filter": {}})
        client.send(type="pong")
        client.ask(type="ping")
        client.socket.send('{"type": "subscribe", "channel": "nothing:here"}')
        assert client.until("Error")["code"] == "VALIDATION_ERROR"
        live(gateway)
        updates = ["TaskUpdate", "AgentUpdate", "SystemEvent", "Metrics"]
        client.until_all(f"Broadcast{name}" for name in updates)
        direct.until_all(updates)
        client.ask(type="unsubscribe", channel="tasks:all")
        direct.ask(type="unsubscribe", payload={"channel": "tasks:all"})
    assert channel.seen == set(channel.received) | set(channel.sent)


def test_opencode_messages(everything, description):
    """OC-REQ: all requests, their answers, and what is pushed."""
    channel = description.channel("opencode")
    task = {"type": "testing", "priority": "low", "description": "one", "metadata": {"tags": ["x"]}}
    first, second = f"a-{uuid.uuid4()}", f"b-{uuid.uuid4()}"
    shell = ["/bin/sh", "-c", "echo '::maos progress=0.3 step=x'; sleep 60"]
    with Client(everything, channel, token=False) as client:
        client.until("FullStatus")
        subscription = client.ask(
            type="subscribe_to_updates", request_id=7,
            channels=["system_resources", "task_status", "log_entries", "agents", "task_manager", "processes",
                      "claude_processes", "connection"],
        )
        client.ask(type="ping", timestamp=1)
        client.ask(type="start_task", task={"id": first, **task, "metadata": {"command": shell}})
        client.until("TaskProgressUpdate")
        client.ask(type="request_process_list", limit=2, include_system_processes=True)
        client.ask(type="request_claude_processes")
        client.ask(type="cancel_task", task_id=first, request_id="x")
        client.ask(type="retry_task", task_id=first)
        client.ask(type="cancel_task", task_id=first)
        client.ask(type="get_task_status", task_id=first)
        client.ask(type="list_tasks", limit=1, filter={"type": "testing"})
        client.ask(
            type="schedule_task",
            task={"id": second, **task, "scheduled_time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 7_200)),
                  "recurring": {"interval": "daily", "max_runs": 3}},
        )
        for request in ("request_status", "request_system_resources", "request_system_health", "request_metrics"):
            client.ask(type=request)
        client.ask(type="request_log_entries", limit=5)
        client.ask(type="kill_process", pid=1)
        client.ask(type="authenticate", token=everything.token)
        client.ask(type="authenticate", api_key="sk-wrong")
        client.until_all(
            {"TaskStatusUpdate", "TaskManagerStatus", "ResourceUpdate", "LogEntry", "AgentUpdate", "ClaudeProcessesUpdate"}
        )
        client.ask(
            type="unsubscribe_from_updates", channels=["agents"], subscription_id=subscription["subscription_id"])
        assert set(channel.received) <= channel.seen
        assert {name for name in channel.sent if not name.endswith("Alert")} - channel.seen <= {
            "RateLimitInfo", "ConnectionStatus", "DetailedProcessScan", "ProcessKilled"}


def test_dashboard_messages(everything, description):
    """DASH-MSG: all messages of clients, their acknowledgements, and what agents say."""
    channel = description.channel("dashboard")
    token = everything.sign(sub="olga", roles=["operator"])
    with Client(everything, channel, token=False) as client:
        client.send(type="auth", payload={"token": token, "clientId": "c"}, id="1", timestamp=1)
        client.until("ConnectionStatus")
        agent = client.ask(
            type="agent:create", id="2", metadata={"correlationId": "mine"},
            payload={"name": "ada", "model": "claude-3-opus", "workspace": f"w-{uuid.uuid4()}"},
        )["payload"]["agentId"]
        client.until("AgentCreated")
        for kind in ("agent", "metrics", "logs"):
            reply = client.ask(type=f"subscribe:{kind}", payload={"agentId": agent})
            assert reply["payload"]["success"], reply
        client.ask(type="agent:command", payload={"agentId": agent, "command": "echo out; echo err >&2"})
        client.until("AgentOutput")
        client.ask(type="agent:command", payload={"agentId": agent, "command": "exit 4", "timeout": 20_000})
        client.until("AgentError")
        client.ask(type="agent:command", payload={"agentId": agent, "command": "true", "interactive": True})
        client.ask(type="agent:pause", payload={"agentId": agent})
        client.ask(type="agent:resume", payload={"agentId": agent})
        client.send(type="pong")
        assert client.ask(type="ping", payload={"timestamp": 5})["payload"]["timestamp"] == 5
        client.ask(type="unsubscribe", payload={"subscriptionId": reply["payload"]["subscriptionId"]})
        client.until_all({"MetricsUpdate", "LogEntry", "AgentStatus"})
        client.ask(type="agent:terminate", payload={"agentId": agent, "force": True})
        client.until("AgentStatus", lambda message: message["payload"]["status"] == "stopped")
        assert not client.ask(type="agent:pause", payload={"agentId": "nobody"})["payload"]["success"]
        assert set(channel.received) <= channel.seen
        assert set(channel.sent) - channel.seen <= {"SystemAlert", "Ping"}


def test_terminal_messages(everything, description, gateway):
    channel = description.channel("terminal")
    agent = make(gateway, "agents", {"type": "reviewer", "configuration": {"terminal": True}})["agentId"]
    assert channel.address == "/api/v1/agents/{agentId}/terminal"
    with Client(everything, channel, path=channel.address.replace("{agentId}", agent)) as client:
        shown = b""
        while b"ready" not in shown:
            shown += client.receive()[1]
        client.send(resize={"columns": 100, "rows": 30})
        client.socket.send('{"resize": {"columns": 0, "rows": 30}}')
        assert client.until("TerminalError")["error"]["details"][0]["field"] == "resize.columns"
        client.socket.send(b"x\n")
        assert client.until("TerminalExit") == {"exit": 7}
    assert set(channel.sent) - channel.seen == {"Output", "TerminalGap"}
    assert gateway.delete(f"/api/v1/agents/{agent}").status_code < 300


# What the description refuses, the server refuses


@pytest.mark.parametrize("dialect", ["gateway", "opencode", "dashboard"])
def test_incomplete_messages_are_refused(everything, description, dialect):
    channel = description.channel(dialect)
    with Client(everything, channel, token=dialect == "gateway") as client:
        if dialect == "dashboard":
            client.ask(type="auth", payload={"token": everything.sign(sub="olga", roles=["operator"])})
        components = description.document["components"]
        refused = 0
        for name, schema in channel.received.items():
            payload = components["messages"][f"{dialect}.{name}"]["payload"]
            bare = {"type": payload["properties"]["type"]["const"]}
            if payload["required"] == ["type"]:
                continue
            assert not schema.is_valid(bare), name
            client.socket.send(json.dumps(bare))
            while True:
                found, reply = client.receive()
                if found in channel.answers[name]:
                    break
            assert found == "Error" or reply["payload"]["success"] is False, reply
            refused += 1
        assert refused > 1
