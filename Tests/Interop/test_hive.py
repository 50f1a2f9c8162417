"""The hive feed, heard by clients that other people wrote."""

import asyncio
import concurrent.futures
import json
import socket
import threading
import time

import httpx
import pytest
import websocket
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from conftest import new_task, wait_for_end, wait_until

DOCUMENTED = {
    "agent_created", "agent_status_changed", "agent_performance_updated", "agent_removed", "task_created", "task_assigned",
    "task_started", "task_progress", "task_completed", "task_failed", "task_cancelled", "hive_status_update", "system_alert",
    "resource_alert", "module_status_changed", "inter_module_message", "coordination_event", "learning_cycle_started",
    "learning_cycle_completed", "error_occurred",
}


HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Listener:
    """A client that gathers everything it is told."""

    def __init__(self, server, query="", path="/ws", **more):
        self.socket = connect(f"ws://127.0.0.1:{server.ports['hive']}{path}{query}", max_size=None, **more)
        self.frames = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def receive(self, seconds=20):
        message = self.socket.recv(timeout=seconds)
        assert isinstance(message, str), "text frames only"
        frame = json.loads(message)
        check(frame)
        if self.frames:
            assert frame["sequence"] > self.frames[-1]["sequence"], (self.frames[-1], frame)
        self.frames.append(frame)
        return frame

    def until(self, condition, seconds=20):
        """The frames up to the one that fulfils the condition."""
        seen = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            seen.append(self.receive(seconds))
            if condition(seen[-1]):
                return seen
        raise AssertionError([frame["type"] for frame in seen])

    def until_type(self, name, **members):
        return self.until(
            lambda frame: frame["type"] == name and all(frame["data"].get(k) == v for k, v in members.items())
        )


def check(frame):
    """HIVE-MSG-01, HIVE-MSG-02, HIVE-MSG-04"""
    assert list(frame) == ["type", "data", "timestamp", "message_id", "sequence"], frame
    assert isinstance(frame["data"], dict) and frame["timestamp"].endswith("Z")
    assert frame["data"].get("timestamp", frame["timestamp"]) == frame["timestamp"]


def first_ping(server):
    """Seconds after the connect at which the server's first ping comes, and its payload; nothing is sent meanwhile."""
    with socket.create_connection(("127.0.0.1", server.ports["hive"]), timeout=60) as raw:
        begin = time.monotonic()
        raw.sendall(HANDSHAKE)
        stream = raw.makefile("rb")
        while stream.readline().strip():
            pass
        while True:
            first, second = stream.read(2)
            length = second & 0x7F
            if length == 126:
                length = int.from_bytes(stream.read(2), "big")
            payload = stream.read(length)
            if first & 0x0F == 9:
                return time.monotonic() - begin, payload


@pytest.fixture(scope="module")
def hive(server_class):
    """A server with the hive on an address of its own and at its path beside everything else."""
    made = server_class("--limits", "off", "--listen", "localhost:0=hive", "--listen", "127.0.0.1:0=all")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        made.first_ping = pool.submit(first_ping, made)
        yield made
    assert made.is_well()
    assert made.stop() == 0


def test_is_told_of_a_task_in_order(hive):
    """HIVE-MSG-07, HIVE-EVT-05, HIVE-EVT-09, HIVE-CONN-02, HIVE-CLI-01"""
    with Listener(hive) as listener, hive.client() as http:
        assert listener.receive()["type"] == "hive_status_update"
        task = http.post("/api/v1/tasks", json=new_task(description="Process customer data")).json()["data"]["taskId"]
        listener.until_type("task_completed", task_id=task)
        mine = [
            frame["type"] for frame in listener.frames
            if frame["data"].get("task_id") == task or frame["data"].get("task", {}).get("id") == task
        ]
        assert mine == ["task_created", "task_assigned", "task_started", "task_completed"]
        assert {frame["type"] for frame in listener.frames} <= DOCUMENTED


def test_the_own_address_answers_probes_and_only_those(hive):
    """HIVE-CONN-06, X-13"""
    base = f"http://localhost:{hive.ports['hive']}"
    health = httpx.get(f"{base}/health")
    assert health.status_code == 200
    assert httpx.get(f"{base}/api/v1/tasks").status_code == 404
    assert httpx.get(f"{base}/ws").status_code in (400, 426)


def test_serves_both_families_of_localhost(hive):
    """X-11"""
    for host in ("127.0.0.1", "[::1]", "localhost"):
        with connect(f"ws://{host}:{hive.ports['hive']}/ws") as client:
            assert json.loads(client.recv(timeout=20))["type"] == "hive_status_update"


def test_is_at_its_path_beside_everything_else(hive):
    """X-04: the same server speaks the gateway's dialect at /ws of the other address."""
    with connect(f"ws://127.0.0.1:{hive.ports['all']}/hive/ws?types=hive_status_update") as client:
        assert json.loads(client.recv(timeout=20))["type"] == "hive_status_update"
    with connect(
        f"ws://127.0.0.1:{hive.ports['all']}/ws", additional_headers={"Authorization": f"Bearer {hive.token}"}
    ) as client:
        assert json.loads(client.recv(timeout=20))["type"] == "connected"


def test_filters_by_type(hive):
    """HIVE-MSG-08"""
    with Listener(hive, "?types=task_completed,agent_created") as listener, hive.client() as http:
        task = http.post("/api/v1/tasks", json=new_task()).json()["data"]["taskId"]
        listener.until_type("task_completed", task_id=task)
        assert {frame["type"] for frame in listener.frames} <= {"task_completed", "agent_created"}


def test_comes_back_without_a_gap_also_after_a_restart(make_server):
    """HIVE-MSG-05, HIVE-CLI-09, HIVE-CLI-10: sequences go on where they were."""
    server = make_server("--listen", "127.0.0.1:0=hive")
    with Listener(server) as listener, server.client() as http:
        first = http.post("/api/v1/tasks", json=new_task()).json()["data"]["taskId"]
        listener.until_type("task_completed", task_id=first)
        seen = listener.frames[-1]["sequence"]
        second = http.post("/api/v1/tasks", json=new_task()).json()["data"]["taskId"]
        rest = listener.until_type("task_completed", task_id=second)
    server.restart()
    with Listener(server, f"?since={seen}") as again, server.client() as http:
        told = again.until_type("task_completed", task_id=second)
        expected = [f["sequence"] for f in rest if f["type"] != "hive_status_update"]
        assert [f["sequence"] for f in told] == expected
        assert [f["type"] for f in told] == [f["type"] for f in rest if f["type"] != "hive_status_update"]
        ids = [f["message_id"] for f in rest if f["type"] != "hive_status_update"]
        assert [f["message_id"] for f in told] == ids, "a message keeps its identifier"
        third = http.post("/api/v1/tasks", json=new_task()).json()["data"]["taskId"]
        again.until_type("task_completed", task_id=third)
        status = [f for f in again.frames if f["type"] == "hive_status_update"][-1]
        assert status["data"]["metrics"]["completed_tasks_today"] >= 2


@pytest.mark.parametrize("query", ["?since=abc", "?since=-1", "?types=", "?types=" + "x" * 65])
def test_refuses_what_it_cannot_serve(hive, query):
    with connect(f"ws://127.0.0.1:{hive.ports['hive']}/ws{query}") as client:
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=20)
        assert closed.value.rcvd.code == 1008 and closed.value.rcvd.reason


def test_passes_over_what_clients_say(hive):
    """HIVE-CONN-07, HIVE-CLI-20"""
    with Listener(hive) as listener:
        for text in ("hello", "{", '{"type":"subscribe"}', "[" * 5000, "\x00"):
            listener.socket.send(text)
        listener.socket.send(b"\x00\xff")
        with hive.client() as http:
            task = http.post("/api/v1/tasks", json=new_task()).json()["data"]["taskId"]
        listener.until_type("task_completed", task_id=task)


def test_a_message_that_is_too_large_ends_the_connection_only(hive):
    with Listener(hive) as other:
        with connect(f"ws://127.0.0.1:{hive.ports['hive']}/ws", max_size=None) as client:
            with pytest.raises(ConnectionClosed) as closed:
                client.send("x" * (1 << 20) + "y")
                while True:
                    client.recv(timeout=20)
            assert closed.value.rcvd.code == 1009
        assert other.receive()["type"] == "hive_status_update"


def test_answers_pings_and_compresses_when_asked(hive):
    """HIVE-CONN-04, HIVE-CONN-09"""
    with connect(f"ws://127.0.0.1:{hive.ports['hive']}/ws", compression="deflate") as client:
        assert "permessage-deflate" in client.response.headers.get("Sec-WebSocket-Extensions", "")
        client.ping(b"are you there").wait(20)
        assert json.loads(client.recv(timeout=20))["type"] == "hive_status_update"
    with connect(f"ws://127.0.0.1:{hive.ports['hive']}/ws", compression=None) as client:
        assert "Sec-WebSocket-Extensions" not in client.response.headers


def test_accepts_the_headers_of_the_compression_sample(hive):
    """HIVE-CONN-08"""
    with connect(
        f"ws://127.0.0.1:{hive.ports['hive']}/ws", additional_headers={"Accept-Encoding": "gzip, deflate"}
    ) as client:
        assert json.loads(client.recv(timeout=20))["type"] == "hive_status_update"


def test_the_other_python_library_listens_too(hive):
    """HIVE-CLI-12, HIVE-CLI-13"""
    client = websocket.WebSocket()
    client.connect(f"ws://localhost:{hive.ports['hive']}/ws")
    try:
        assert json.loads(client.recv())["type"] == "hive_status_update"
        with hive.client() as http:
            task = http.post("/api/v1/tasks", json=new_task()).json()["data"]["taskId"]
        while json.loads(client.recv())["data"].get("task_id") != task:
            pass
    finally:
        client.close()


def test_pages_of_strangers_may_not_listen(hive):
    """HIVE-CLI-12, X-07"""
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://127.0.0.1:{hive.ports['hive']}/ws", origin="https://evil.example")
    assert refused.value.response.status_code == 403
    assert b"configuration key origins" in refused.value.response.body, "whoever may change it is told where"
    with connect(f"ws://127.0.0.1:{hive.ports['hive']}/ws", origin=f"http://localhost:{hive.ports['hive']}"):
        pass


def test_tokens_say_what_one_may_follow(make_server):
    """HIVE-CONN-02, X-06"""
    server = make_server(
        "--listen", "127.0.0.1:0=hive", configuration={"hive": {"auth": "required"}},
    )
    url = f"ws://127.0.0.1:{server.ports['hive']}/ws"
    for query in ("", "?token=nonsense"):
        with pytest.raises(InvalidStatus) as refused:
            connect(url + query)
        assert refused.value.response.status_code == 401
        assert refused.value.response.headers["WWW-Authenticate"].startswith("Bearer")
    with pytest.raises(InvalidStatus):
        connect(url, additional_headers={"Authorization": "Bearer nonsense"})
    with Listener(server, f"?token={server.token}") as listener:
        assert listener.receive()["type"] == "hive_status_update"
    red = server.sign("tasks:subscribe", projects=["red"])
    with Listener(server, additional_headers={"Authorization": f"Bearer {red}"}) as listener, server.client() as http:
        for project in ("blue", "red"):
            task = new_task(context={"command": ["/bin/true"], "project": project}, description=project)
            wait_for_end(http, http.post("/api/v1/tasks", json=task).json()["data"]["taskId"])
        listener.until_type("task_completed")
        created = [frame["data"]["task"]["description"] for frame in listener.frames if frame["type"] == "task_created"]
        assert created == ["red"]
    with connect(f"{url}?token={server.sign('tasks:create')}") as client:
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=20)
        assert closed.value.rcvd.code == 1008


def test_a_stalled_listener_delays_nobody(hive):
    """HIVE-MSG-10, X-08"""
    stalled = socket.create_connection(("127.0.0.1", int(hive.ports['hive'])), timeout=20)
    stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stalled.sendall(HANDSHAKE)
    try:
        with Listener(hive) as listener, hive.client() as http:
            for _ in range(20):
                begin = time.monotonic()
                task = http.post("/api/v1/tasks", json=new_task()).json()["data"]["taskId"]
                listener.until_type("task_completed", task_id=task)
                assert time.monotonic() - begin < 10
    finally:
        stalled.close()


def test_tells_a_crowd_everything_in_order(hive):
    """HIVE-MSG-04, X-08: what is told to many is collected while they are told of what was before it."""
    crowd, count = 250, 200

    async def listen():
        url = f"ws://127.0.0.1:{hive.ports['hive']}/ws?types=task_created"
        listeners = await asyncio.gather(*(connect_async(url, compression=None) for _ in range(crowd)))
        with concurrent.futures.ThreadPoolExecutor(8) as pool, hive.client() as http:
            made = [pool.submit(http.post, "/api/v1/tasks", json=new_task()) for _ in range(count)]

            async def hear(listener):
                return [await listener.recv() for _ in range(count)]

            heard = await asyncio.wait_for(asyncio.gather(*(hear(listener) for listener in listeners)), 120)
            tasks = {answer.result().json()["data"]["taskId"] for answer in made}
        await asyncio.gather(*(listener.close() for listener in listeners))
        return heard, tasks

    heard, tasks = asyncio.run(listen())
    frames = [json.loads(message) for message in heard[0]]
    assert {frame["data"]["task"]["id"] for frame in frames} == tasks
    sequences = [frame["sequence"] for frame in frames]
    assert sequences == sorted(set(sequences))
    assert all(others == heard[0] for others in heard)


def test_says_goodbye(make_server):
    """HIVE-CONN-05, X-09"""
    server = make_server("--listen", "127.0.0.1:0=hive")
    listener = Listener(server)
    assert listener.receive()["type"] == "hive_status_update"
    thread = threading.Thread(target=server.restart)
    thread.start()
    try:
        told = listener.until_type("system_alert")
        assert told[-1]["data"]["title"] == "Server is stopping"
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                listener.receive()
        assert closed.value.rcvd.code == 1001 and closed.value.rcvd.reason
    finally:
        thread.join()


def test_counts_its_connections(hive):
    with Listener(hive), hive.client() as http:
        def count(name):
            text = http.get("/metrics").text
            return [float(l.split()[-1]) for l in text.splitlines() if l.startswith(name) and 'dialect="hive"' in l]

        wait_until(lambda: count("maos_ws_connections") > [0.0], "the connection is counted")
        assert count("maos_ws_messages_total")


def test_is_off_where_no_address_has_it(server):
    """X-13"""
    assert httpx.get(f"{server.url}/hive/ws").status_code == 404


def test_has_the_time_that_everybody_has(hive):
    """X-10: a frame's time is its event's, whose number is in its place."""
    with Listener(hive, "?types=task_created") as listener, hive.client() as http:
        http.post("/api/v1/tasks", json=new_task())
        frame = listener.receive()
        number = frame["sequence"] // 4096
        event = http.get("/api/v1/events", params={"since": number - 1, "limit": 2}).json()["data"]["events"]
        assert {e["sequence"]: e["timestamp"] for e in event}[number] == frame["timestamp"]


def test_pings_every_half_minute(hive):
    """HIVE-CONN-03, HIVE-CLI-13, HIVE-CLI-19: a ping of the protocol, and no message."""
    seconds, payload = hive.first_ping.result(timeout=60)
    assert 25 < seconds < 45 and len(payload) < 126
