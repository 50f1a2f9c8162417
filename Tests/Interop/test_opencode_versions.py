"""Document 003 promises clients of 1.3 that 1.4 needs no change of theirs: scripts that know one version only.

A script takes no message whose type its version does not have, and needs every member that the document prints for those it
has; members that it does not know it passes over.
"""

import time

import pytest

from opencode import OpenCode

TEXT, NUMBER, FLAG, LIST = str, (int, float), bool, list
TASK = {
    "id": TEXT, "type": TEXT, "priority": TEXT, "description": TEXT, "status": TEXT, "progress": int, "created_at": TEXT,
}
RESOURCES = {
    "cpu_usage": NUMBER, "memory_usage": NUMBER, "memory_used": int, "memory_total": int, "disk_usage": NUMBER,
    "disk_used": int, "disk_total": int, "active_processes": int, "claude_processes": int, "timestamp": TEXT,
}
AGENT = {"id": TEXT, "status": TEXT, "type": TEXT, "progress": int, "memory_usage": int, "cpu_percent": NUMBER}
KNOWN_PROCESS = {
    "pid": int, "type": TEXT, "status": TEXT, "cmdline": TEXT, "name": TEXT, "start_time": TEXT, "memory_usage": int,
    "memory_percent": NUMBER, "cpu_percent": NUMBER, "is_opencode": FLAG, "is_claude_desktop": FLAG, "discovered_at": TEXT,
}
PROCESS = {
    "pid": int, "name": TEXT, "cmdline": TEXT, "status": TEXT, "cpu_percent": NUMBER, "memory_percent": NUMBER,
    "memory_rss": int, "create_time": NUMBER, "is_opencode": FLAG, "is_claude_desktop": FLAG,
}
LOAD = {"load1": NUMBER, "load5": NUMBER, "load15": NUMBER}
LOG = {"time": TEXT, "level": TEXT, "message": TEXT, "agent": TEXT, "source": TEXT, "details": dict}
CONFIRMED = {"channels": LIST, "subscription_id": TEXT, "timestamp": TEXT}

# What a client of 1.3 may be sent; where a list has one element, that is what all of them are like.
VERSION_1_3 = {
    "connection_established": {"server_version": TEXT, "timestamp": TEXT},
    "pong": {"timestamp": int, "server_time": TEXT},
    "full_status": {"data": {
        "agents": [AGENT], "tasks": [TASK], "system_resources": RESOURCES, "claude_processes": [KNOWN_PROCESS],
    }},
    "task_started": {"task_id": TEXT, "task": TASK},
    "task_cancelled": {"task_id": TEXT, "timestamp": TEXT},
    "task_retried": {"task_id": TEXT, "retry_count": int, "timestamp": TEXT},
    "task_status": {"task": {**TASK, "dependencies": LIST}},
    "task_list": {
        "tasks": [TASK], "total_count": int, "filtered_count": int,
        "pagination": {"limit": int, "offset": int, "has_more": FLAG},
    },
    "system_resources": {"data": {**RESOURCES, "network_stats": dict}},
    "process_list": {"data": {
        "processes": [PROCESS], "total_count": int, "filtered_count": int, "system_load": LOAD,
        "resource_summary": {
            "total_cpu_percent": NUMBER, "total_memory_percent": NUMBER, "claude_cpu_percent": NUMBER,
            "claude_memory_percent": NUMBER,
        },
        "timestamp": TEXT,
    }},
    "claude_processes": {"processes": [KNOWN_PROCESS], "timestamp": TEXT},
    "log_entries": {"data": {
        "entries": [LOG], "total_count": int, "filtered_count": int, "pagination": {"has_more": FLAG},
        "summary": {"error_count": int, "warn_count": int, "info_count": int}, "timestamp": TEXT,
    }},
    "process_killed": {"data": {"pid": int, "signal": TEXT, "success": FLAG, "termination_time": TEXT}},
    "subscription_confirmed": CONFIRMED,
    "unsubscription_confirmed": CONFIRMED,
    "error": {"code": TEXT, "message": TEXT, "timestamp": TEXT},
    "resource_update": {"resources": RESOURCES},
    "task_status_update": {"task_id": TEXT, "old_status": TEXT, "new_status": TEXT, "progress": int, "timestamp": TEXT},
    "task_progress_update": {
        "task_id": TEXT, "old_progress": int, "new_progress": int, "progress_details": dict, "timestamp": TEXT,
    },
    "agent_update": {"agent": {**AGENT, "timestamp": TEXT}},
    "log_entry": {"log": LOG},
    "task_manager_status": {"summary": {
        "total": int, "pending": int, "running": int, "completed": int, "failed": int, "cancelled": int, "queued": int,
        "active_workers": int, "queue_depth": int, "average_completion_time": NUMBER, "success_rate_percent": NUMBER,
    }, "timestamp": TEXT},
    "claude_processes_update": {
        "processes": [KNOWN_PROCESS], "process_count": int, "opencode_processes": int, "claude_desktop_processes": int,
        "timestamp": TEXT,
    },
    "connection_status": {
        "status": TEXT, "client_count": int, "uptime_seconds": int, "message_queue_size": int, "timestamp": TEXT,
    },
    "rate_limit_info": {"limits": dict, "timestamp": TEXT},
}
VERSION_1_4 = {
    **VERSION_1_3,
    "system_health": {"data": {
        "overall_status": TEXT, "components": dict, "uptime_seconds": int, "last_health_check": TEXT, "issues": LIST,
    }},
    "api_metrics": {"data": {
        "requests_total": int, "requests_per_second": NUMBER, "average_response_time_ms": NUMBER,
        "error_rate_percent": NUMBER, "endpoint_usage": dict,
        "client_connections": {"current": int, "peak_today": int, "total_today": int}, "time_range": TEXT,
        "timestamp": TEXT,
    }},
    "task_scheduled": {"task_id": TEXT, "scheduled_time": TEXT, "next_run": TEXT, "recurring": dict, "timestamp": TEXT},
    "detailed_process_scan": {
        "processes": [PROCESS], "system_load": LOAD, "scan_duration_ms": NUMBER, "timestamp": TEXT,
    },
}
CHANNELS_1_3 = [
    "system_resources", "task_status", "log_entries", "agents", "task_manager", "claude_processes", "connection",
]


def check(shape, value, where):
    if isinstance(shape, dict):
        assert isinstance(value, dict), f"{where} is {value}"
        for name, member in shape.items():
            assert name in value, f"{where} has no {name}: {value}"
            check(member, value[name], f"{where}.{name}")
    elif isinstance(shape, list):
        assert isinstance(value, list), f"{where} is {value}"
        for number, element in enumerate(value):
            check(shape[0], element, f"{where}[{number}]")
    else:
        assert isinstance(value, shape) and (shape is bool or not isinstance(value, bool)), f"{where} is {value}"


class Client(OpenCode):
    """A client of one version."""

    def __init__(self, url, messages):
        self.messages = messages
        super().__init__(url)

    def receive(self, seconds=20):
        message = super().receive(seconds)
        check({"type": TEXT}, message, "message")
        assert message["type"] in self.messages, f"this version has no {message}"
        check(self.messages[message["type"]], message, message["type"])
        return message

    def ask(self, type, **members):
        return self.patiently(lambda: super(Client, self).ask(type, **members))

    def patiently(self, attempt):
        """Comes back when a limit says so, as clients do since 1.2."""
        while True:
            answer = attempt()
            if answer.get("code") != "RATE_LIMIT_EXCEEDED":
                return answer
            time.sleep(answer["details"]["retry_after_seconds"])

    def until(self, type, condition=lambda message: True, seconds=20):
        """The first message of a type that fulfils a condition; what else comes is kept."""
        while True:
            for place, message in enumerate(self.passed):
                if message["type"] == type and condition(message):
                    return self.passed.pop(place)
            self.passed.append(self.receive(seconds))

    def told(self, id, status):
        """Waits until it is told that a task has a status."""
        return self.until("task_status_update", lambda m: m["task_id"] == id and m["new_status"] == status)


@pytest.fixture
def url(make_server):
    """A server with the document's limits, whose tasks run what their descriptions say: 1.3 has no place for a command."""
    server = make_server(
        "--listen", "127.0.0.1:0=opencode",
        configuration={"runners": {"*": {"command": ["/bin/sh", "-c", "{description}"]}}},
    )
    return f"ws://127.0.0.1:{server.ports['opencode']}/ws"


def start(client, id, description, **more):
    task = {"id": id, "type": "testing", "priority": "high", "description": description, **more}
    return client.ask("start_task", task=task)


def work_as_in_1_3(client, folder):
    """What a client of 1.3 does, with the requests and members that there were then."""
    assert client.hello["type"] == "connection_established" and client.status["type"] == "full_status"
    assert client.ask("ping", timestamp=1642152600000)["timestamp"] == 1642152600000
    assert client.ask("request_status")["type"] == "full_status"
    channels = client.ask(
        "subscribe_to_updates", channels=CHANNELS_1_3,
        filters={"task_status": {"task_ids": ["one", "two"]}, "log_entries": {"levels": ["info", "warn"]}},
    )
    assert channels["channels"] == CHANNELS_1_3

    go = folder / "go"
    started = start(
        client, "one",
        f"echo ::maos progress=0.5; until [ -e {go} ]; do sleep 0.05; done; echo said; echo oops >&2",
        files_pattern="**/*.md", timeout=60000)
    assert started["task_id"] == "one" and started["task"]["status"] in ("pending", "queued", "running")
    progress = client.until("task_progress_update", lambda m: m["new_progress"] == 50)
    assert progress["task_id"] == "one" and progress["old_progress"] == 0
    go.touch()
    for text, level in (("said", "info"), ("oops", "warn")):
        assert client.until("log_entry", lambda m: m["log"]["message"] == text)["log"]["level"] == level
    assert client.told("one", "completed")["progress"] == 100
    task = client.ask("get_task_status", task_id="one")["task"]
    assert task["status"] == "completed" and task["files_pattern"] == "**/*.md" and task["started_at"]
    assert [t["id"] for t in client.ask("list_tasks")["tasks"]] == ["one"]
    logs = client.ask("request_log_entries", limit=50, filter={"agent": ["one"], "level": ["warn"]})
    assert [e["message"] for e in logs["data"]["entries"]] == ["oops"]

    start(client, "two", "exec sleep 61")
    client.told("two", "running")
    deadline = time.monotonic() + 20
    processes = []
    while not processes and time.monotonic() < deadline:
        time.sleep(0.5)
        processes = client.ask(
            "request_process_list", filter={"cmdline_contains": "sleep 61", "cpu_percent_min": 0},
            sort={"field": "cpu_percent", "order": "desc"}, limit=100,
        )["data"]["processes"]
    killed = client.ask("kill_process", pid=processes[0]["pid"], signal="SIGTERM")["data"]
    assert killed["success"] is True and killed["signal"] == "SIGTERM"
    client.told("two", "failed")
    assert client.ask("retry_task", task_id="two")["retry_count"] == 1
    client.told("two", "running")
    assert client.ask("cancel_task", task_id="two")["task_id"] == "two"
    client.told("two", "cancelled")

    assert client.ask("request_system_resources")["type"] == "system_resources"
    assert client.ask("request_claude_processes")["type"] == "claude_processes"
    client.until("resource_update")

    assert client.refusal("nonsense") == "UNKNOWN_MESSAGE_TYPE"
    assert client.refusal("get_task_status", task_id="nobody") == "TASK_NOT_FOUND"
    assert start(client, "one", "true")["code"] == "TASK_ALREADY_EXISTS"
    urgent = client.ask("start_task", task={"id": "x", "type": "testing", "priority": "urgent", "description": "d"})
    assert urgent["code"] == "INVALID_FIELD_VALUE" and urgent["details"]["field"] == "priority"

    def send_half():
        client.send("{")
        return client.until("error")

    assert client.patiently(send_half)["code"] == "INVALID_JSON"
    ended = client.ask(
        "unsubscribe_from_updates", channels=CHANNELS_1_3, subscription_id=channels["subscription_id"])
    assert ended["type"] == "unsubscription_confirmed"


def work_as_in_1_4(client):
    """What 1.4 has added."""
    assert client.hello["api_version"] == "1.4.0"
    assert client.ask("request_system_health")["data"]["overall_status"] == "healthy"
    assert client.ask("request_metrics", time_range="1h")["data"]["time_range"] == "1h"
    tomorrow = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86400))
    recurring = {"interval": "daily"}
    scheduled = client.ask("schedule_task", task={
        "id": "later", "type": "maintenance", "priority": "low", "description": "true", "scheduled_time": tomorrow,
        "recurring": recurring,
    })
    assert scheduled["scheduled_time"][:19] == tomorrow[:19] and scheduled["recurring"] == recurring
    listed = client.ask(
        "list_tasks", filter={"type": ["maintenance"], "priority": "low"}, sort={"field": "created_at", "order": "desc"})
    assert [t["id"] for t in listed["tasks"]] == ["later"]
    assert client.ask("cancel_task", task_id="later")["type"] == "task_cancelled"
    missing = start(client, "three", "true", dependencies=["nobody"])
    assert missing["code"] == "TASK_DEPENDENCY_ERROR" and missing["details"]["dependency_id"] == "nobody"


def test_a_client_of_1_3(url, tmp_path):
    """OC-VER-08: it passes unchanged"""
    with Client(url, VERSION_1_3) as client:
        work_as_in_1_3(client, tmp_path)
        # Over the limit of tasks it is told when to come back.
        tasks = [{"id": f"t{number}", "type": "testing", "priority": "low", "description": "true"} for number in range(11)]
        answers = [OpenCode.ask(client, "start_task", task=task) for task in tasks]
        refused = [a for a in answers if a["type"] == "error"]
        assert refused and all(a["code"] == "RATE_LIMIT_EXCEEDED" for a in refused)
        assert all(a["details"]["retry_after_seconds"] > 0 for a in refused)


def test_a_minor_version_adds(url, tmp_path):
    """OC-VER-06: whoever knows 1.4 has all of 1.3, too"""
    with Client(url, VERSION_1_4) as client:
        work_as_in_1_3(client, tmp_path)
        work_as_in_1_4(client)
