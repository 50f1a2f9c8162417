"""Metrics through httpx, and as Prometheus reads them."""

import re
import time

import httpx
import pytest

from conftest import check_envelope, new_task, wait_for_end

COMPONENTS = ["orchestration", "execution", "communication", "storage", "agents", "transport", "journal"]


def test_metrics_are_what_happened(http):
    """GW-REST-27, GW-REST-28"""
    wait_for_end(http, http.post("/api/v1/tasks", json=new_task()).json()["data"]["taskId"])
    data = check_envelope(http.get("/api/v1/metrics", params={"timeRange": "5m"}), True)["data"]
    assert data["timeRange"]["label"] == "5m" and data["timeRange"]["start"] < data["timeRange"]["end"]
    found = set()
    for metric in data["metrics"]:
        assert metric["name"].startswith("maos_") and metric["type"] in ("counter", "gauge", "histogram")
        assert isinstance(metric["value"], (int, float)) and metric["timestamp"].endswith("Z")
        assert all(isinstance(value, str) for value in metric["labels"].values())
        found.add(metric["labels"]["component"])
    assert found == set(COMPONENTS)
    for name, summary in data["summary"].items():
        assert set(summary) == {"count", "min", "max", "avg", "last"}, name
        assert summary["min"] <= summary["avg"] <= summary["max"] and summary["count"] >= 1, name
    ended = [m["value"] for m in data["metrics"]
             if m["name"] == "maos_tasks_ended_total" and m["labels"]["status"] == "completed"]
    assert len(ended) == 1 and ended[0] >= 1


@pytest.mark.parametrize("component", COMPONENTS)
def test_each_component_has_its_own(http, component):
    """GW-REST-27, GW-REST-29"""
    data = check_envelope(http.get("/api/v1/metrics", params={"component": component}), True)["data"]
    assert {metric["labels"]["component"] for metric in data["metrics"]} == {component}
    data = check_envelope(http.get(f"/api/v1/metrics/performance/{component}"), True)["data"]
    assert data["componentId"] == component
    assert set(data["metrics"]) == {"responseTime", "throughput", "errorRate", "availability"}
    for series in data["metrics"].values():
        assert isinstance(series["unit"], str)
        for point in series["points"]:
            assert point["timestamp"].endswith("Z") and point["value"] >= 0


def test_performance_shows_requests(http):
    """GW-REST-29"""
    for _ in range(30):
        http.get("/api/v1/health")
        time.sleep(0.1)
    metrics = http.get("/api/v1/metrics/performance/communication", params={"timeRange": "1m"}).json()["data"]["metrics"]
    assert max(point["value"] for point in metrics["throughput"]["points"]) > 1
    assert all(0 <= point["value"] <= 1 for point in metrics["errorRate"]["points"])
    assert metrics["availability"]["points"][-1]["value"] == 1
    assert 0 < max(point["value"] for point in metrics["responseTime"]["points"]) < 10_000


@pytest.mark.parametrize("time_range", ["0s", "1", "1w", "01h", "-1h", "1.5h", ""])
def test_bad_time_ranges_are_refused(http, time_range):
    """GW-REST-27"""
    reply = http.get("/api/v1/metrics", params={"timeRange": time_range})
    assert reply.status_code == 400
    assert [issue["field"] for issue in check_envelope(reply, False)["error"]["details"]] == ["timeRange"]


def test_unknown_components_are_not_found(http):
    """GW-REST-27, GW-REST-29"""
    assert http.get("/api/v1/metrics", params={"component": "engine"}).status_code == 404
    assert http.get("/api/v1/metrics/performance/engine").status_code == 404


def test_permission(server):
    with server.client(server.sign("tasks:read")) as client:
        assert client.get("/api/v1/metrics").status_code == 403
    with server.client(server.sign("metrics:read")) as client:
        assert client.get("/api/v1/metrics").status_code == 200


def test_prometheus_reads_it(server):
    """Every line is a comment, or a sample of a series that was declared, and counters only grow."""
    first = httpx.get(f"{server.url}/metrics")
    assert first.status_code == 200 and first.headers["content-type"].startswith("text/plain; version=0.0.4")
    types, samples = {}, {}
    for line in first.text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types, "a name is declared once"
            types[name] = kind
        elif not line.startswith("#"):
            match = re.fullmatch(r'(maos_[a-z_]+)(\{(?:[a-z_]+="(?:[^"\\]|\\.)*",?)*\})? (\S+)', line)
            assert match, line
            name = match[1]
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            assert name in types or types[base] == "histogram", line
            float(match[3])
            assert (name, match[2]) not in samples
            samples[(name, match[2])] = float(match[3])
    for expected in ["maos_tasks", "maos_http_requests_total", "maos_journal_commit_seconds", "maos_ws_connections",
                     "maos_ws_messages_total", "maos_errors_total", "maos_ws_queue_bytes"]:
        assert expected in types
    second = httpx.get(f"{server.url}/metrics").text
    for line in second.splitlines():
        if not line.startswith("#"):
            match = re.fullmatch(r"(\S+?)(\{.*\})? (\S+)", line)
            if types.get(match[1]) == "counter":
                assert float(match[3]) >= samples[(match[1], match[2])]
