"""The OpenCode surface, by the `websockets` library: tasks, lists, processes, logs, pushes, keys and limits."""

import os
import socket
import subprocess
import time
import uuid

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from conftest import BIN, Program
from opencode import OpenCode

RESOURCES = (
    "cpu_usage", "memory_usage", "memory_used", "memory_total", "disk_usage", "disk_used", "disk_total",
    "network_stats", "active_processes", "claude_processes", "timestamp",
)


@pytest.fixture(scope="module")
def opencode(server_class):
    server = server_class("--listen", "127.0.0.1:0=opencode", "--limits", "off")
    server.opencode_url = f"ws://127.0.0.1:{server.ports['opencode']}/ws"
    yield server
    assert server.stop() == 0


@pytest.fixture
def client(opencode):
    with OpenCode(opencode.opencode_url) as client:
        yield client


def name():
    return "t_" + uuid.uuid4().hex


def test_greeting(opencode, client):
    """OC-CONN-01, OC-CONN-02, OC-CONN-05, OC-REQ-02: nobody has to say who they are on loopback."""
    assert client.hello["type"] == "connection_established"
    assert client.hello["api_version"] == "1.4.0"
    assert client.status["type"] == "full_status"
    assert set(client.status["data"]) == {"agents", "tasks", "system_resources", "claude_processes"}
    for member in RESOURCES:
        assert member in client.status["data"]["system_resources"]


def test_ping(client):
    """OC-REQ-01"""
    assert client.ask("ping", timestamp=1642152600000)["timestamp"] == 1642152600000
    assert client.ask("ping", timestamp=1642152600000, request_id="r")["request_id"] == "r"
    assert client.ask("ping")["server_time"].endswith("Z")
    assert client.refusal("ping", timestamp="now") == "INVALID_FIELD_TYPE"


def test_a_task_from_start_to_end(client):
    """OC-REQ-07, OC-REQ-12, OC-PUSH-03, OC-PUSH-04, OC-PUSH-06: a real process, seen by pushes and by its log."""
    id = name()
    subscribed = client.ask(
        "subscribe_to_updates", channels=["task_status", "log_entries"],
        filters={"task_status": {"task_ids": [id]}, "log_entries": {"levels": ["warn"]}},
    )
    assert subscribed["type"] == "subscription_confirmed"
    script = "echo '::maos progress=0.5 step=Half'; echo one; echo two >&2; sleep 0.3; exit 0"
    started = client.start(id, script)
    assert started["type"] == "task_started" and started["task"]["status"] == "pending"
    seen, progress, logged = [], [], []
    while not seen or seen[-1][1] != "completed":
        message = client.passed.pop(0) if client.passed else client.receive()
        if message["type"] == "task_status_update":
            seen.append((message["old_status"], message["new_status"]))
        elif message["type"] == "task_progress_update":
            progress.append(message)
        elif message["type"] == "log_entry":
            logged.append(message["log"]["message"])
    assert seen == [("pending", "queued"), ("queued", "running"), ("running", "completed")]
    assert progress[0]["new_progress"] == 50 and progress[0]["progress_details"]["current_step"] == "Half"
    assert "two" in logged and "one" not in logged
    task = client.ask("get_task_status", task_id=id)["task"]
    assert task["progress"] == 100 and task["runtime_status"] == "completed" and task["started_at"]


def test_cancel_and_retry(client):
    """OC-REQ-10, OC-REQ-11: the answer comes when the process is gone."""
    id = name()
    client.start(id, ["sleep", "60"])
    client.wait(id, "running")
    assert client.ask("cancel_task", task_id=id)["status"] == "cancelled"
    assert client.ask("get_task_status", task_id=id)["task"]["status"] == "cancelled"
    assert client.ask("cancel_task", task_id=id)["type"] == "task_cancelled"
    assert client.ask("retry_task", task_id=id)["retry_count"] == 1
    client.wait(id, "running")
    assert client.refusal("retry_task", task_id=id) == "INVALID_FIELD_VALUE"
    client.ask("cancel_task", task_id=id)


def test_timeout(client):
    """OC-REQ-09, OC-ERR-13"""
    id = name()
    client.start(id, ["sleep", "60"], timeout=1000)
    assert client.wait(id, "failed")["error"].startswith("TASK_TIMEOUT_EXCEEDED")


def test_a_pipeline_of_requests_is_answered_in_order(client):
    """OC-CONN-03"""
    id = name()
    task = {"id": id, "type": "testing", "priority": "low", "description": "d", "metadata": {"command": "true"}}
    client.send({"type": "start_task", "task": task, "request_id": 1})
    for number, type in enumerate(["get_task_status", "list_tasks", "request_status", "ping"], start=2):
        client.send({"type": type, "task_id": id, "request_id": number})
    replies = [client.receive() for _ in range(5)]
    assert [reply["request_id"] for reply in replies] == [1, 2, 3, 4, 5]
    assert replies[1]["task"]["id"] == id


def test_a_task_of_rest_is_seen_here_and_back(opencode, client):
    """X-01"""
    with opencode.client() as rest:
        body = {"type": "code", "description": "from REST", "requirements": [], "priority": "high",
                "context": {"command": ["true"]}}
        made = rest.post("/api/v1/tasks", json=body).json()["data"]["taskId"]
        task = client.ask("get_task_status", task_id=made)["task"]
        assert task["type"] == "feature" and task["metadata"]["core_type"] == "code" and task["priority"] == "high"
        id = name()
        client.start(id, ["true"])
        assert rest.get(f"/api/v1/tasks/{id}").json()["data"]["id"] == id


def test_lists(client):
    """OC-REQ-14, OC-REQ-23, OC-REQ-24, OC-REQ-26: filters, order and pages over what is stored."""
    owner = uuid.uuid4().hex
    ids = [name() for _ in range(5)]
    for index, id in enumerate(ids):
        client.start(id, ["true"], description=f"List {owner} {index}", priority=["low", "high"][index % 2])
    filter = {"description_contains": owner.upper()}
    listed = client.ask("list_tasks", filter=filter, limit=2)
    assert [task["id"] for task in listed["tasks"]] == ids[:2:-1]
    assert listed["filtered_count"] == 5 and listed["total_count"] >= 5
    assert listed["pagination"] == {"limit": 2, "offset": 0, "has_more": True, "next_offset": 2}
    rest = client.ask("list_tasks", filter=filter, limit=10, offset=2)
    assert [task["id"] for task in rest["tasks"]] == ids[2::-1]
    ordered = client.ask(
        "list_tasks", filter={**filter, "priority": "high"}, sort={"field": "created_at", "order": "asc"})
    assert [task["id"] for task in ordered["tasks"]] == ids[1::2]


def test_schedules(client):
    """OC-REQ-28, OC-REQ-30"""
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    id = name()
    task = {"id": id, "type": "maintenance", "priority": "low", "description": "d", "scheduled_time": soon,
            "recurring": {"interval": "daily", "timezone": "Europe/Berlin", "max_runs": 3}}
    reply = client.ask("schedule_task", task=task)
    assert reply["type"] == "task_scheduled" and reply["recurring"] == task["recurring"]
    assert client.ask("get_task_status", task_id=id)["task"]["core_status"] == "scheduled"
    assert client.ask("cancel_task", task_id=id)["type"] == "task_cancelled"
    past = client.ask("schedule_task", task={**task, "id": name(), "scheduled_time": "2024-01-14T10:00:00Z"})
    assert past["code"] == "INVALID_SCHEDULE_TIME"
    assert set(past["details"]) >= {"field", "value", "current_time", "minimum_delay_seconds"}


def test_logs(client):
    """OC-REQ-37, OC-REQ-38, OC-REQ-40, OC-REQ-43: what a process printed, page by page, and as it comes."""
    id = name()
    client.start(id, "for i in $(seq 1 50); do echo line $i; done; echo oops >&2")
    client.wait(id, "completed")
    found, cursor = [], {}
    while True:
        data = client.ask("request_log_entries", limit=20, filter={"agent": [id], "source_file": "stdout"}, **cursor)["data"]
        found += [entry["message"] for entry in data["entries"]]
        if not data["pagination"]["has_more"]:
            break
        cursor = {"cursor": data["pagination"]["next_cursor"]}
    assert found == [f"line {i}" for i in range(50, 0, -1)]
    errors = client.ask("request_log_entries", filter={"agent": id, "level": "warn"})["data"]
    assert [entry["message"] for entry in errors["entries"]] == ["oops"]
    client.ask("request_log_entries", limit=1, filter={"message_contains": "shout", "follow": True})
    client.start(name(), "echo whisper; echo shout")
    assert client.until("log_entry")["log"]["message"] == "shout"


def test_a_stalled_follower_gets_everything_later(opencode, client):
    """OC-REQ-40, OC-PUSH-06: nobody waits for it, little is kept for it, and it is not sent away."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.connect(("127.0.0.1", opencode.ports["opencode"]))
    lines, id = 12_000, name()
    follow = {"limit": 1, "filter": {"agent": id, "follow": True}}
    with OpenCode(opencode.opencode_url, sock=narrow, max_queue=1) as stalled, OpenCode(opencode.opencode_url) as quick:
        for follower in (stalled, quick):
            assert follower.ask("request_log_entries", **follow)["type"] == "log_entries"
        memory = opencode.status("VmRSS")
        client.start(id, f"seq -f '%06g {'x' * 990}' {lines}")
        client.wait(id, "completed")
        for follower in (quick, stalled):
            said = []
            while said[-1:] != ["Task completed successfully"]:
                said.append(follower.until("log_entry")["log"]["message"])
            # A line whose end takes its time may come in two.
            printed = "".join(message for message in said[:-1] if message != "Task started")
            assert printed == "".join(f"{number:06} {'x' * 990}" for number in range(1, lines + 1))
            assert said.count("Task started") == 1
            used = opencode.status("VmRSS") - memory
            assert used < 40 * 1024, f"{used} KB"
            assert follower.ask("ping")["type"] == "pong"


def test_the_machine(client):
    """OC-REQ-31, OC-REQ-44, OC-REQ-46"""
    resources = client.ask("request_system_resources")["data"]
    assert all(member in resources for member in RESOURCES)
    health = client.ask("request_system_health")["data"]
    assert health["overall_status"] == "healthy" and health["issues"] == []
    metrics = client.ask("request_metrics", time_range="1h")["data"]
    assert metrics["endpoint_usage"]["request_system_health"] >= 1 and metrics["client_connections"]["current"] >= 1


def test_processes(client):
    """OC-REQ-32, OC-REQ-47, OC-REQ-48, OC-REQ-49: a supervised process is seen with its task, and can be killed."""
    id = name()
    client.start(id, ["sleep", "61"])
    client.wait(id, "running")
    deadline = time.time() + 15
    while True:
        listed = client.ask("request_process_list", filter={"cmdline_contains": "sleep 61"})["data"]["processes"]
        if listed or time.time() > deadline:
            break
        time.sleep(0.2)
    process = listed[0]
    assert process["task_id"] == id and process["activity"] == "executing_task"
    assert client.refusal("kill_process", pid=1) == "PROCESS_PERMISSION_DENIED"
    assert client.refusal("kill_process", pid=os.getpid()) == "PROCESS_PERMISSION_DENIED"
    assert client.refusal("kill_process", pid=2**31 - 1) == "PROCESS_NOT_FOUND"
    killed = client.ask("kill_process", pid=process["pid"], signal="SIGKILL")
    assert killed["type"] == "process_killed" and killed["data"]["success"] is True
    assert client.wait(id, "failed")


@pytest.mark.parametrize(
    "frame", ["{", "", "[]", "null", '"x"', "{}", '{"type":1}', '{"type":"nope"}', '{"type":"' + "x" * 10000 + '"}',
              "[" * 10000, '{"type":"start_task","task":' + "[" * 100 + "]" * 100 + "}", b"\x00\x01"])
def test_bad_input(client, frame):
    """OC-CONN-06, OC-CONN-07, OC-CONN-08: an error, and the connection goes on."""
    client.send(frame)
    reply = client.receive()
    assert reply["type"] == "error" and reply["message"] and reply["timestamp"]
    assert client.ask("ping")["type"] == "pong"


def test_a_message_that_is_too_large_closes(opencode):
    with OpenCode(opencode.opencode_url) as client:
        client.send("x" * 1_100_000)
        with pytest.raises(ConnectionClosed) as closed:
            client.receive()
        assert closed.value.rcvd.code == 1009


def test_the_path_beside_the_others(server_class):
    """On a listener of everything the surface has a path of its own; pages of strangers are refused (C-83)."""
    server = server_class("--listen", "127.0.0.1:0=all")
    try:
        url = f"ws://127.0.0.1:{server.ports['all']}/opencode/ws"
        with OpenCode(url) as client:
            assert client.ask("ping")["type"] == "pong"
        with OpenCode(url, additional_headers={"Origin": "http://localhost:3000"}) as client:
            assert client.ask("ping")["type"] == "pong"
        with pytest.raises(InvalidStatus) as refused:
            connect(url, additional_headers={"Origin": "https://evil.example"})
        assert refused.value.response.status_code == 403
    finally:
        server.stop()


def cli(server, *arguments):
    return subprocess.run(
        [BIN / "maos-cli", *arguments, "--data", server.data], capture_output=True, text=True, timeout=60)


def test_keys(server_class):
    """OC-SEC-01, OC-SEC-02, OC-SEC-04, OC-REQ-58, OC-ERR-26, OC-ERR-27, OC-ERR-28: made, used, scoped and revoked."""
    server = server_class(
        "--listen", "127.0.0.1:0=opencode", "--limits", "off", configuration={"opencode": {"auth": "required"}})
    try:
        url = f"ws://127.0.0.1:{server.ports['opencode']}/ws"
        made = cli(server, "key", "create", "--name", "display", "--scope", "read")
        assert made.returncode == 0, made.stderr
        key = made.stdout.strip()
        assert key.startswith("sk-")
        file = os.path.join(server.data, "api-keys.json")
        assert os.stat(file).st_mode & 0o777 == 0o600
        assert key.split("-", 2)[2] not in open(file).read()
        with OpenCode(url, greeted=False) as client:
            assert client.refusal("request_status") == "AUTHENTICATION_REQUIRED"
            assert client.refusal("authenticate", api_key=key + "x") == "INVALID_AUTH_TOKEN"
            reply = client.ask("authenticate", api_key=key, client_info={"name": "test", "version": "1"})
            assert reply["type"] == "authentication_success" and reply["permissions"] == ["read"]
            assert client.ask("request_status")["type"] == "full_status"
            assert client.start(name(), "true")["code"] == "PERMISSION_DENIED"
        with OpenCode(url, additional_headers={"Authorization": f"Bearer {key}"}) as client:
            assert client.ask("list_tasks")["type"] == "task_list"
        with OpenCode(url, additional_headers={"Authorization": f"Bearer {server.token}"}) as client:
            assert client.start(name(), "true")["type"] == "task_started"
        listed = cli(server, "key", "list").stdout
        assert "display" in listed and key not in listed
        id = key.split("-")[1]
        assert cli(server, "key", "revoke", id).stdout.strip() == id
        time.sleep(1.1)
        with pytest.raises(InvalidStatus) as refused:
            connect(url, additional_headers={"Authorization": f"Bearer {key}"})
        assert refused.value.response.status_code == 401
        assert cli(server, "key", "revoke", "none").returncode == 1
        assert "revoked" in cli(server, "key", "list").stdout
    finally:
        server.stop()


def test_documented_limits(server_class):
    """OC-RL-01, OC-RL-05, OC-RL-06, OC-ERR-29, OC-CLI-03: over a limit there is an error that says when to come back."""
    server = server_class("--listen", "127.0.0.1:0=opencode")
    try:
        with OpenCode(f"ws://127.0.0.1:{server.ports['opencode']}/ws") as client:
            for _ in range(21):
                client.send({"type": "ping"})
            replies = [client.receive() for _ in range(21)]
            assert [reply["type"] for reply in replies].count("pong") == 20
            error = replies[-1]
            assert error["code"] == "RATE_LIMIT_EXCEEDED"
            time.sleep(error["details"]["retry_after_seconds"] + 0.1)
            assert client.ask("ping")["type"] == "pong"
    finally:
        server.stop()


def test_limits_are_this_surface_s_own(server_class):
    """X-05, X-13: a surface at its limit costs the others nothing, and one that is not listened for is not there."""
    server = server_class("--listen", "127.0.0.1:0=opencode", configuration={
        "limits": {"opencode": {"messagesPerSecond": 2, "clients": {"key:none": "off"}}}})
    try:
        with OpenCode(f"ws://127.0.0.1:{server.ports['opencode']}/ws") as client, server.client() as rest:
            for _ in range(10):
                client.send({"type": "ping"})
            assert [client.receive()["type"] for _ in range(10)].count("error") >= 6
            assert rest.get("/api/v1/tasks").status_code == 200
            refused = [line for line in rest.get("/metrics").text.splitlines()
                       if "RATE_LIMIT_EXCEEDED" in line and 'dialect="opencode"' in line]
            assert refused and float(refused[0].split()[-1]) >= 6
            log = client.ask("request_log_entries", filter={"message_contains": "rate_limit_exceeded"})
            assert log["type"] in ("log_entries", "error")
        with pytest.raises(InvalidStatus) as refused:
            connect(f"ws://127.0.0.1:{server.port}/opencode/ws")
        assert refused.value.response.status_code in (401, 404)
    finally:
        server.stop()


def test_address_lists(server_class):
    """OC-SEC-05, OC-SEC-06: whoever is not on the list, or on the other one, does not get in."""
    for lists in ({"allow": ["10.0.0.0/8"]}, {"deny": ["127.0.0.0/8"], "allow": ["127.0.0.1"]}):
        server = server_class("--listen", "127.0.0.1:0=opencode", configuration=lists)
        try:
            with pytest.raises(Exception):
                connect(f"ws://127.0.0.1:{server.ports['opencode']}/ws", open_timeout=5)
        finally:
            server.stop()


def test_tasks_survive_a_restart(server_class):
    """OC-CONN-09: a client that comes back finds its tasks as they were."""
    server = server_class("--listen", "127.0.0.1:0=opencode", "--limits", "off")
    try:
        id = name()
        with OpenCode(f"ws://127.0.0.1:{server.ports['opencode']}/ws") as client:
            client.start(id, "echo before the restart", files_pattern="**/*.md")
            client.wait(id, "completed")
        assert Program.stop(server) == 0
        Program.__init__(
            server, BIN / "maos-server", "--data", server.data, "--listen", "127.0.0.1:0=opencode", errors=server.log)
        with OpenCode(f"ws://127.0.0.1:{server.ports['opencode']}/ws") as client:
            task = client.ask("get_task_status", task_id=id)["task"]
            assert task["status"] == "completed" and task["files_pattern"] == "**/*.md"
            log = client.ask("request_log_entries", filter={"agent": [id], "source_file": "stdout"})["data"]["entries"]
            assert [entry["message"] for entry in log] == ["before the restart"]
    finally:
        server.stop()
