"""The gateway's WebSocket: channels, permissions, filters, shapes, limits, and clients that misbehave."""

import json
import os
import socket
import struct
import time
import uuid

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from conftest import new_task, wait_for_end, wait_until
from speaker import Speaker


class Client(Speaker):
    """A connection that has said hello."""

    def __init__(self, server, token=None, **more):
        super().__init__(
            server.socket_url, additional_headers={"Authorization": f"Bearer {token or server.token}"}, **more)
        self.hello = self.receive()
        assert self.hello["type"] == "connected"

    def ask(self, message):
        """Sends, and returns the next message that is no delivery."""
        self.send(message)
        while True:
            reply = self.receive()
            if reply["type"] not in ("broadcast", "task_update", "agent_update", "system_event"):
                return reply

    def subscribe(self, channel, **more):
        reply = self.ask({"type": "subscribe", "channel": channel, **more})
        assert reply["type"] == "subscribed" and reply["channel"] == channel, reply
        return reply

    def until(self, condition):
        """The messages up to the one that fulfils the condition."""
        seen = []
        while True:
            seen.append(self.receive())
            if condition(seen[-1]):
                return seen

    def quiet(self):
        """What came before the answer to a ping: nothing is under way any more."""
        mark = str(uuid.uuid4())
        self.send({"type": "ping", "id": mark})
        return self.until(lambda m: m["type"] == "pong" and m["id"] == mark)[:-1]


@pytest.fixture
def client(server):
    with Client(server) as client:
        yield client


def run_task(http, **more):
    task = http.post("/api/v1/tasks", json=new_task(**more)).json()["data"]["taskId"]
    wait_for_end(http, task)
    return task


def ended(task):
    def check(message):
        inner = message.get("message", message)
        return isinstance(inner, dict) and inner.get("taskId") == task and inner.get("status") in ("completed", "failed", "cancelled")

    return check


def test_hello_and_identity(server):
    """GW-WS-02, GW-WS-03, GW-WS-05: the first frame; identifiers are unique, the members stand in both places."""
    clients = [Client(server) for _ in range(5)]
    assert len({c.hello["connectionId"] for c in clients}) == 5
    for one in clients:
        assert one.hello["payload"]["connectionId"] == one.hello["connectionId"]
        assert one.hello["id"] and one.hello["timestamp"].endswith("Z")
        one.socket.close()


def test_every_kind_of_refusal_at_the_door(server):
    """GW-WS-01"""
    for headers, url in (
        ({}, server.socket_url), ({"Authorization": "Bearer x"}, server.socket_url), ({}, server.socket_url + "?token=x"),
        ({"Authorization": f"Bearer {server.sign('admin:*', exp=int(time.time()) - 1)}"}, server.socket_url),
        # A bad token in the place that counts is not made good by another one.
        ({"Authorization": "Bearer x"}, f"{server.socket_url}?token={server.token}"),
    ):
        with pytest.raises(InvalidStatus) as refusal:
            connect(url, additional_headers=headers)
        assert refusal.value.response.status_code == 401
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}):
        with pytest.raises(InvalidStatus) as refusal:
            connect(server.socket_url, additional_headers={"Authorization": f"Bearer {server.token}", **headers})
        assert refusal.value.response.status_code == 403
    for protocols in (["bearer", "x"], ["bearer"], ["chat"]):
        with pytest.raises(InvalidStatus) as refusal:
            connect(server.socket_url, subprotocols=protocols)
        assert refusal.value.response.status_code == 401
    with connect(server.socket_url, subprotocols=["bearer", server.token]) as open_one:
        assert open_one.subprotocol == "bearer"


@pytest.mark.parametrize(
    "permission, channels",
    [
        ("tasks:subscribe", ["tasks:all", f"task:{uuid.uuid4()}"]),
        ("agents:subscribe", ["agents:all", f"agent:{uuid.uuid4()}"]),
        ("system:subscribe", ["system:all", "system:agent_spawned", "system:anything_else"]),
        ("metrics:subscribe", ["metrics:all"]),
    ],
)
def test_each_channel_takes_its_permission(server, permission, channels):
    """GW-WS-25"""
    others = {"tasks:subscribe", "agents:subscribe", "system:subscribe", "metrics:subscribe"} - {permission}
    with Client(server, server.sign(permission)) as held, Client(server, server.sign(*others, "tasks:read", "system:read")) as lacking:
        for channel in channels:
            held.subscribe(channel)
            error = lacking.ask({"type": "subscribe", "channel": channel, "id": "s1"})
            assert error["type"] == "error" and error["code"] == "AUTHORIZATION_ERROR", error
            assert error["message"] == f"Missing permission: {permission}" and error["id"] == "s1"
            assert error["payload"]["code"] == "AUTHORIZATION_ERROR"


def test_one_task_only(server, http, client):
    """GW-WS-09, GW-WS-16, GW-WS-17: a channel of one task has that task's updates, in order, with both shapes."""
    held = [{"type": "capability", "name": "nobody-has-this"}]
    task = http.post("/api/v1/tasks", json=new_task(requirements=held)).json()["data"]["taskId"]
    client.subscribe(f"task:{task}")
    run_task(http)
    assert client.quiet() == []
    http.patch(f"/api/v1/tasks/{task}/priority", json={"priority": "critical"})
    http.delete(f"/api/v1/tasks/{task}")
    seen = client.until(ended(task))
    for wrapper in seen:
        assert wrapper["type"] == "broadcast" and wrapper["channel"] == f"task:{task}" and wrapper["timestamp"].endswith("Z")
        message = wrapper["message"]
        assert message["type"] == "task_update" and message["taskId"] == task and message["id"]
        assert message["payload"]["taskId"] == task and message["payload"]["status"] == message["status"]
        assert isinstance(message["progress"], (int, float)) and message["timestamp"].endswith("Z")
    assert [w["message"]["sequence"] for w in seen] == sorted(w["message"]["sequence"] for w in seen)
    assert seen[-1]["message"]["status"] == "cancelled" and seen[0]["message"]["priority"] == "critical"


def test_all_tasks_progress_and_results(server, http, client):
    """GW-WS-09, GW-WS-18"""
    client.subscribe("tasks:all")
    command = "echo '::maos progress=0.25 step=First'; sleep 0.3; echo '::maos progress=0.5 step=Second'; sleep 0.3; echo '{\"n\":1}' > $MAOS_RESULT_FILE"
    task = http.post("/api/v1/tasks", json=new_task(context={"command": command})).json()["data"]["taskId"]
    mine = [m["message"] for m in client.until(ended(task)) if m["message"].get("taskId") == task]
    assert [m["status"] for m in mine][0] == "pending" and mine[-1]["status"] == "completed"
    assert mine[-1]["result"] == {"n": 1} and mine[-1]["progress"] == 1
    progress = [m["progress"] for m in mine]
    assert progress == sorted(progress) and 0.25 in progress and 0.5 in progress
    assert {"First", "Second"} <= {m.get("currentStep") for m in mine}
    failing = http.post("/api/v1/tasks", json=new_task(context={"command": ["/bin/false"]})).json()["data"]["taskId"]
    last = client.until(ended(failing))[-1]["message"]
    assert last["status"] == "failed" and last["error"] == "exited with code 1"


def test_direct_delivery(server, http, client):
    """GW-WS-16: without the wrapper, where that is asked for."""
    assert client.subscribe("tasks:all", delivery="direct")["delivery"] == "direct"
    task = run_task(http)
    seen = client.until(ended(task))
    assert all(m["type"] == "task_update" and "channel" not in m and m["payload"]["taskId"] == m["taskId"] for m in seen)
    error = client.ask({"type": "subscribe", "channel": "tasks:all", "delivery": "pigeon"})
    assert error["code"] == "VALIDATION_ERROR" and error["details"][0]["field"] == "delivery"


def test_both_inbound_shapes(server, http, client):
    """GW-WS-05, GW-WS-06: flat members, or the same under payload."""
    reply = client.ask({"id": "e1", "type": "subscribe", "timestamp": "2030-01-01T00:00:00Z", "payload": {"channel": "tasks:all"}})
    assert reply["type"] == "subscribed" and reply["id"] == "e1" and reply["payload"]["channel"] == "tasks:all"
    task = run_task(http)
    client.until(ended(task))
    reply = client.ask({"type": "unsubscribe", "payload": {"channel": "tasks:all"}})
    assert reply["type"] == "unsubscribed" and reply["channel"] == "tasks:all"
    run_task(http)
    assert client.quiet() == []


def test_repeated_subscriptions_do_not_double(server, http, client):
    """GW-WS-07, GW-WS-08"""
    for _ in range(3):
        client.subscribe("tasks:all")
    task = run_task(http)
    seen = client.until(ended(task)) + client.quiet()
    sequences = [m["message"]["sequence"] for m in seen]
    assert len(sequences) == len(set(sequences))
    # Another wish replaces the first.
    client.subscribe("tasks:all", filter={"taskId": "none"})
    run_task(http)
    assert client.quiet() == []
    reply = client.ask({"type": "unsubscribe", "channel": "tasks:all"})
    assert reply["type"] == "unsubscribed"
    assert client.ask({"type": "unsubscribe", "channel": "tasks:all"})["type"] == "unsubscribed"
    assert client.ask({"type": "unsubscribe", "channel": "no such channel"})["type"] == "unsubscribed"


def test_filters(server, http, client):
    """GW-WS-06, GW-WS-23: exact values of members, numbers and texts, per subscription."""
    client.subscribe("tasks:all", filter={"status": "completed", "taskType": "test"})
    run_task(http)
    task = run_task(http, type="test")
    seen = client.until(ended(task))
    assert [m["message"]["taskId"] for m in seen] == [task]
    client.subscribe("tasks:all", filter={"progress": 1})
    task = run_task(http)
    assert [m["message"]["taskId"] for m in client.until(ended(task))] == [task]
    for bad in ({"filter": []}, {"filter": "x"}, {"filter": {str(n): n for n in range(17)}}):
        error = client.ask({"type": "subscribe", "channel": "tasks:all", **bad})
        assert error["code"] == "VALIDATION_ERROR" and error["details"][0]["field"] == "filter", error


def test_agents(server, http, client):
    """GW-WS-10, GW-WS-19, GW-WS-20"""
    with Client(server) as all_agents:
        all_agents.subscribe("agents:all")
        agent = http.post("/api/v1/agents", json={"type": "documenter", "name": "dora"}).json()["data"]["agentId"]
        client.subscribe(f"agent:{agent}")
        other = http.post("/api/v1/agents", json={"type": "documenter"}).json()["data"]["agentId"]
        http.post(f"/api/v1/agents/{agent}/pause")
        http.post(f"/api/v1/agents/{agent}/resume")
        for one in (other, agent):
            http.delete(f"/api/v1/agents/{one}")

        def gone(message):
            return message["message"]["agentId"] == agent and message["message"]["status"] == "terminated"

        for seen, only in ((client.until(gone), True), (all_agents.until(gone), False)):
            for wrapper in seen:
                message = wrapper["message"]
                assert message["type"] == "agent_update" and isinstance(message["currentTasks"], list)
                assert {"status", "cpuPercent", "memoryBytes", "lastCheck"} <= set(message["health"])
                assert message["payload"]["agentId"] == message["agentId"]
                assert not only or message["agentId"] == agent
            ids = {w["message"]["agentId"] for w in seen}
            assert ids == {agent} if only else {agent, other} <= ids


def test_system_events(server, http, client):
    """GW-WS-11, GW-WS-21, GW-WS-22"""
    with Client(server) as one_type:
        client.subscribe("system:all")
        one_type.subscribe("system:agent_terminated")
        agent = http.post("/api/v1/agents", json={"type": "documenter"}).json()["data"]["agentId"]
        http.delete(f"/api/v1/agents/{agent}?graceful=false")

        def about(type):
            return lambda m: m["message"]["event"]["type"] == type and m["message"]["event"]["data"]["agentId"] == agent

        spawned = client.until(about("agent_spawned"))[-1]["message"]
        assert spawned["type"] == "system_event" and spawned["payload"]["event"] == spawned["event"]
        assert spawned["event"]["severity"] == "info" and spawned["event"]["timestamp"].endswith("Z")
        client.until(about("agent_terminated"))
        seen = one_type.until(about("agent_terminated"))
        assert {m["message"]["event"]["type"] for m in seen} == {"agent_terminated"}


def measured(server):
    """The first message of a channel that speaks every ten seconds."""
    with Client(server) as client:
        client.subscribe("metrics:all")
        return client.receive(40)["message"]


BACKGROUND = {"metrics": measured}


def test_metrics(background):
    """GW-WS-12, GW-REST-28: measured values within some ten seconds."""
    message = background["metrics"].result()
    assert message["type"] == "metrics" and message["metrics"]
    for metric in message["metrics"]:
        assert metric["name"].startswith("maos_") and metric["type"] in ("counter", "gauge", "histogram")
        assert isinstance(metric["value"], (int, float)) and metric["timestamp"].endswith("Z")
        assert all(isinstance(v, str) for v in metric["labels"].values())


def test_projects_limit_what_arrives(server, http):
    """A channel of all tasks has those in reach."""
    project = f"p-{uuid.uuid4()}"
    token = server.sign("tasks:subscribe", "agents:subscribe", projects=[project])
    with Client(server, token) as limited:
        limited.subscribe("tasks:all")
        limited.subscribe("agents:all")
        other = run_task(http)
        mine = run_task(http, context={"command": ["/bin/true"], "project": project})
        seen = limited.until(ended(mine)) + limited.quiet()
        assert {m["message"]["taskId"] for m in seen if m["message"]["type"] == "task_update"} == {mine}
        for message in seen:
            assert other not in json.dumps(message)


MISTAKES = [
    ("{not json", "Invalid JSON message"), ("", "Invalid JSON message"), ("\x00", "Invalid JSON message"),
    ("[" * 100_000, "Invalid JSON message"), ("nul", "Invalid JSON message"), ("[]", None), ("7", None), ("null", None),
    ('"subscribe"', None), ("{}", None), ('{"type":7}', None), ('{"type":null}', None), ('{"type":"task_update"}', None),
    ('{"type":"Subscribe"}', None), ('{"type":"subscribe"}', None), ('{"type":"subscribe","channel":7}', None),
    ('{"type":"subscribe","channel":""}', None), ('{"type":"subscribe","channel":"nonsense"}', None),
    ('{"type":"subscribe","channel":"tasks:"}', None), ('{"type":"subscribe","channel":"tasks:some"}', None),
    ('{"type":"subscribe","channel":"task:"}', None), ('{"type":"subscribe","channel":"task:a b"}', None),
    ('{"type":"subscribe","channel":"TASKS:ALL"}', None), ('{"type":"subscribe","channel":"system:A"}', None),
    ('{"type":"subscribe","channel":"%s"}' % ("x" * 300), None), ('{"type":"subscribe","payload":[]}', None),
    ('{"type":"unsubscribe"}', None), ('{"type":"unsubscribe","channel":[]}', None),
]


@pytest.mark.parametrize("text, expected", MISTAKES, ids=lambda v: None)
def test_mistakes_get_an_error_and_the_connection_stays(server, client, text, expected):
    """GW-WS-04, GW-WS-06, GW-WS-13"""
    client.send(text)
    error = client.receive()
    assert error["type"] == "error" and error["code"] == "VALIDATION_ERROR" and error["id"] and error["timestamp"].endswith("Z")
    assert error["payload"]["code"] == error["code"] and error["payload"]["message"] == error["message"]
    if expected:
        assert error["message"] == expected
    else:
        assert error["details"][0]["expected"], error
    assert client.ask({"type": "ping", "id": "p"})["type"] == "pong"


def test_binary_frames_get_an_error(client):
    """Messages are text only."""
    client.send(b"\x01\x02")
    assert client.receive()["type"] == "error"
    assert client.ask({"type": "ping"})["type"] == "pong"


def test_ping_and_pong_in_both_directions(client):
    """GW-WS-14, GW-WS-15"""
    pong = client.ask({"type": "ping", "id": "abc"})
    assert pong["type"] == "pong" and pong["id"] == "abc" and pong["timestamp"].endswith("Z")
    assert client.ask({"type": "ping"})["id"]
    client.send({"type": "pong", "id": "unasked"})
    assert client.quiet() == []
    assert client.socket.ping().wait(20)


def test_a_message_may_have_a_megabyte(server, http):
    """1009 past 1 MB, in one frame or in many; others go on."""
    with Client(server) as client:
        fits = json.dumps({"type": "ping", "id": "x", "filler": ""})
        client.send(fits[:-2] + "x" * (1_048_576 - len(fits)) + fits[-2:])
        assert client.receive()["type"] == "pong"
    for frames in (["x" * 1_048_577], ["x" * 700_000, "x" * 700_000]):
        with Client(server) as bad, Client(server) as good:
            with pytest.raises(ConnectionClosed) as end:
                bad.socket.send(iter(frames) if len(frames) > 1 else frames[0])
                bad.receive()
            assert end.value.rcvd.code == 1009
            assert good.ask({"type": "ping"})["type"] == "pong"


def test_a_bomb_does_not_expand(server):
    """GW-WS: a compressed message counts as long as it is when expanded."""
    with Client(server) as client:
        assert client.socket.protocol.extensions, "compression was agreed on"
        with pytest.raises(ConnectionClosed) as end:
            client.send(json.dumps({"type": "ping", "id": "x" * 30_000_000}))
            client.receive()
        assert end.value.rcvd is None or end.value.rcvd.code == 1009
    assert server.is_well()


def test_the_end_of_a_token_ends_the_connection(server):
    """1008 when the token that opened it is over."""
    with Client(server, server.sign("tasks:subscribe", exp=int(time.time()) + 2)) as client:
        client.subscribe("tasks:all")
        with pytest.raises(ConnectionClosed) as end:
            while True:
                client.receive()
        assert end.value.rcvd.code == 1008
    with connect(f"{server.socket_url}?token={server.sign('tasks:subscribe', exp=int(time.time()) + 2)}") as by_query:
        with pytest.raises(ConnectionClosed) as end:
            while True:
                by_query.recv(timeout=20)
        assert end.value.rcvd.code == 1008


def handshake(server):
    """A bare connection that speaks WebSocket."""
    raw = server.connect()
    raw.sendall(
        f"GET /ws?token={server.token} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    data = b""
    while b"\r\n\r\n" not in data:
        data += raw.recv(4096)
    assert data.startswith(b"HTTP/1.1 101 "), data
    return raw


def frame(opcode, payload, fin=True, masked=True, rsv=0):
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    size = len(payload)
    mask = 0x80 if masked else 0
    if size < 126:
        head += bytes([mask | size])
    elif size < 65_536:
        head += bytes([mask | 126]) + struct.pack("!H", size)
    else:
        head += bytes([mask | 127]) + struct.pack("!Q", size)
    if not masked:
        return head + payload
    key = os.urandom(4)
    return head + key + bytes(b ^ key[i % 4] for i, b in enumerate(payload))


def close_code(raw):
    """The code of the close frame that ends the connection; None where it just ends."""
    raw.settimeout(20)
    data = b""
    try:
        while piece := raw.recv(65_536):
            data += piece
    except ConnectionResetError:
        pass
    at = 0
    while at + 2 <= len(data):
        if data[at] & 0x80 == 0 and data[at] != 0x01:
            at = data.find(b"\x81", at)  # what is left of the handshake
            continue
        opcode, size = data[at] & 0x0F, data[at + 1] & 0x7F
        at += 2
        if size == 126:
            size = struct.unpack("!H", data[at : at + 2])[0]
            at += 2
        if opcode == 8:
            return struct.unpack("!H", data[at : at + 2])[0] if size >= 2 else None
        at += size
    return None


@pytest.mark.parametrize(
    "data, code",
    [
        (frame(1, b"{}", masked=False), 1002), (frame(3, b""), 1002), (frame(11, b""), 1002), (frame(0, b"x"), 1002),
        (frame(9, b"x" * 126), 1002), (frame(9, b"", fin=False), 1002), (frame(1, b"{}", rsv=4), 1002), (frame(1, b"{}", rsv=1), 1002),
        (frame(1, b"\xff\xfe"), 1007), (frame(1, b"\xed\xa0\x80"), 1007), (frame(8, b"\x03"), 1002),
        (frame(8, struct.pack("!H", 999)), 1002), (frame(8, struct.pack("!H", 1005)), 1002), (frame(8, struct.pack("!H", 1000) + b"\xff"), 1007),
        (frame(1, b"a", fin=False) + frame(1, b"b"), 1002), (b"\x81\xff" + b"\xff" * 8 + b"\0" * 4, None),
        (b"\x81\xfe\x00\x05" + b"\0" * 9, None), (frame(8, struct.pack("!H", 1000) + b"bye"), 1000), (frame(8, b""), None),
    ],
    ids=lambda v: None,
)
def test_broken_frames(server, data, code):
    """RFC 6455: each ends the connection with its code, and nothing else."""
    raw = handshake(server)
    try:
        raw.sendall(data)
        found = close_code(raw)
        if code is not None:
            assert found == code
    finally:
        raw.close()
    assert server.is_well()


@pytest.mark.parametrize(
    "change",
    [
        {"Sec-WebSocket-Version": "12"}, {"Sec-WebSocket-Key": "short"}, {"Sec-WebSocket-Key": None}, {"Upgrade": "h2c"},
        {"Upgrade": None}, {"Connection": "keep-alive"}, {"Sec-WebSocket-Version": None},
    ],
)
def test_broken_handshakes(server, change):
    fields = {
        "Host": "localhost", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Authorization": f"Bearer {server.token}", **change,
    }
    lines = "".join(f"{k}: {v}\r\n" for k, v in fields.items() if v is not None)
    with server.connect() as raw:
        raw.sendall(f"GET /ws HTTP/1.1\r\n{lines}\r\n".encode())
        status = int(raw.recv(4096).split()[1])
        assert status in (400, 426), status


def test_a_slow_reader_stops_nobody(make_server):
    """What a client does not take is bounded; others get everything at once, and the slow one is let go."""
    server = make_server("--limits", "off")
    slow = handshake(server)
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.sendall(frame(1, b'{"type":"subscribe","channel":"tasks:all"}'))
    # Each end is told with the result, so that these messages are of two megabytes.
    command = """{ printf '"'; head -c 1000000 /dev/zero | tr '\\0' x; printf '"'; } > $MAOS_RESULT_FILE"""
    with server.client() as http, Client(server) as quick:
        quick.subscribe("tasks:all")
        run_task(http)
        before, memory = server.sockets(), server.status("VmRSS")
        # One after the other: all at once, the quick one could be the slow one too where the machine is busy.
        for _ in range(9):
            task = http.post("/api/v1/tasks", json=new_task(context={"command": command})).json()["data"]["taskId"]
            while (message := quick.receive()["message"])["taskId"] != task or message["status"] != "completed":
                pass
            assert len(message["result"]) == 1_000_000
        assert quick.ask({"type": "ping"})["type"] == "pong"
        used = server.status("VmRSS") - memory
        assert used < 80 * 1024, f"{used} KB"
        # 18 MB waited for it: it has been told to come back later, and is cut when it does not even read that.
        wait_until(lambda: server.sockets() < before, "the slow one is let go")
    slow.close()

def test_clients_that_vanish_leave_nothing(make_server):
    """GW-WS-24"""
    server = make_server("--limits", "off")
    with server.client() as http:
        run_task(http)
        before = server.sockets()
        for _ in range(100):
            raw = handshake(server)
            raw.sendall(frame(1, b'{"type":"subscribe","channel":"tasks:all"}'))
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            raw.close()
        run_task(http)
        wait_until(lambda: server.sockets() <= before, "the sockets are closed")


def test_many_subscriptions(server, client):
    """A connection has at most 1,000, and is told."""
    for _ in range(1000):
        client.send({"type": "subscribe", "channel": f"task:{uuid.uuid4()}"})
    for _ in range(1000):
        assert client.receive()["type"] == "subscribed"
    error = client.ask({"type": "subscribe", "channel": "tasks:all"})
    assert error["code"] == "RESOURCE_CONFLICT" and error["details"]["maximum"] == 1000
