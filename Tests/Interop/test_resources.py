"""Resources, allocations and quotas through httpx."""

import json
import subprocess
import time
from datetime import datetime

import pytest

from conftest import BIN, check_envelope


@pytest.fixture(scope="module")
def small():
    """A server whose capacity the configuration fixes."""
    from conftest import Server
    server = Server("--limits", "off", configuration={
        "capacity": {"cpu": 4, "memory": 8000, "gpu": 2, "storage": 1000}, "pools": {"default": {"max": 1}}})
    yield server
    assert server.stop() == 0


@pytest.fixture
def api(small):
    with small.client() as client:
        client.put("/api/v1/resources/quotas", json={"user": {}, "team": {}, "project": {}})
        for one in client.get("/api/v1/resources/allocations").json()["data"]["allocations"]:
            client.delete(f"/api/v1/resources/allocations/{one['allocationId']}")
        yield client


def allocate(client, request, status=201, **members):
    body = {"requestId": request, "requirements": {"cpu": 1, "memory": 100}, "priority": "medium"} | members
    reply = client.post("/api/v1/resources/allocate", json=body)
    assert reply.status_code == status, reply.text
    body = check_envelope(reply, status < 400)
    return body["data"] if status < 400 else body["error"]


def usage(client):
    return check_envelope(client.get("/api/v1/resources/usage"), True)["data"]


def test_usage_adds_up(api):
    """GW-REST-22, GW-REST-24, GW-REST-25"""
    before = usage(api)
    assert before["total"] == {"cpu": 4, "memory": 8000, "gpu": 2, "storage": 1000}
    assert before["allocated"] == {"cpu": 0, "memory": 0, "gpu": 0, "storage": 0} and before["allocations"] == []
    made = allocate(api, "a", requirements={"cpu": 1.5, "memory": 2000, "gpu": 1, "storage": 250}, duration=3600)
    assert made["resources"]["cpu"] == 1.5 and made["resources"]["allocationId"] == made["allocationId"]
    lasts = datetime.fromisoformat(made["expiresAt"]) - datetime.fromisoformat(made["resources"]["allocatedAt"])
    assert lasts.total_seconds() == 3600
    after = usage(api)
    for name, total in after["total"].items():
        assert total == after["allocated"][name] + after["available"][name]
        assert 0 <= after["utilization"][name] <= 1
    assert after["utilization"] == {"cpu": 0.375, "memory": 0.25, "gpu": 0.5, "storage": 0.25}
    assert [one["allocationId"] for one in after["allocations"]] == [made["allocationId"]]
    assert after["allocations"][0]["requestId"] == "a" and after["allocations"][0]["priority"] == "medium"
    path = f"/api/v1/resources/allocations/{made['allocationId']}"
    assert api.get(path).json()["data"]["status"] == "active"
    assert api.delete(path).json()["data"] == {"allocationId": made["allocationId"], "released": True}
    assert api.delete(path).status_code == 404
    assert api.get(path).json()["data"]["status"] == "released"
    assert usage(api)["allocated"]["cpu"] == 0


def test_capacity_and_repetition(api):
    """GW-REST-22"""
    first = allocate(api, "a", requirements={"cpu": 3, "memory": 1})
    assert allocate(api, "a", requirements={"cpu": 3, "memory": 1})["allocationId"] == first["allocationId"]
    error = allocate(api, "b", status=409, requirements={"cpu": 2, "memory": 1})
    assert error["code"] == "RESOURCE_CONFLICT"
    assert error["details"] == {"reason": "capacity", "resource": "cpu", "limit": 4, "inUse": 3, "requested": 2}
    assert allocate(api, "a", status=409)["details"]["reason"] == "request_id_reused"
    assert "expiresAt" not in first


def test_an_allocation_expires(api):
    made = allocate(api, "short", duration=1)
    deadline = time.monotonic() + 20
    while usage(api)["allocations"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    shown = api.get(f"/api/v1/resources/allocations/{made['allocationId']}").json()["data"]
    assert shown["status"] == "expired" and shown["endedAt"] >= made["expiresAt"]


def test_an_exclusive_allocation(api):
    allocate(api, "a", constraints=[{"type": "exclusive", "value": True}, {"type": "zone", "value": "here"}])
    assert allocate(api, "b", status=409)["details"]["reason"] == "exclusive"


@pytest.mark.parametrize(
    "change, field",
    [
        ({"requestId": ""}, "requestId"),
        ({"requestId": None}, "requestId"),
        ({"requirements": {"memory": 1}}, "requirements.cpu"),
        ({"requirements": {"cpu": -1, "memory": 1}}, "requirements.cpu"),
        ({"requirements": {"cpu": "1", "memory": 1}}, "requirements.cpu"),
        ({"requirements": {"cpu": 1, "memory": 1e300}}, "requirements.memory"),
        ({"requirements": {"cpu": 1, "memory": 1, "network": {"ports": [0]}}}, "requirements.network.ports.0"),
        ({"priority": "urgent"}, "priority"),
        ({"duration": 0}, "duration"),
        ({"duration": "1h"}, "duration"),
        ({"constraints": [{"value": 1}]}, "constraints.0.type"),
        ({"constraints": {}}, "constraints"),
    ],
)
def test_bad_allocations_are_named(api, change, field):
    """GW-REST-23"""
    error = allocate(api, "a", status=400, **change)
    assert error["code"] == "VALIDATION_ERROR" and error["details"][0]["field"] == field


def test_quotas(small, api):
    """GW-REST-26"""
    quotas = {"user": {"ann": {"cpu": 2, "maxAgents": 1}}, "team": {"blue": {"memory": 500}}, "project": {}}
    reply = check_envelope(api.put("/api/v1/resources/quotas", json=quotas), True)["data"]
    assert {scope: reply[scope] for scope in quotas} == quotas and reply["exceeded"] == []
    with small.client(small.sign("resources:*", "agents:*", team="blue")) as ann:
        made = allocate(ann, "a", requirements={"cpu": 1.5, "memory": 400})
        error = allocate(ann, "b", status=409, requirements={"cpu": 0.6, "memory": 0})
        assert error["details"] == {
            "reason": "quota", "scope": "user", "id": "ann", "resource": "cpu", "limit": 2, "inUse": 1.5, "requested": 0.6}
        assert allocate(ann, "b", status=409, requirements={"cpu": 0, "memory": 101})["details"]["scope"] == "team"
        agent = ann.post("/api/v1/agents", json={"type": "coder"})
        assert agent.status_code == 201
        second = ann.post("/api/v1/agents", json={"type": "coder"})
        assert second.status_code == 409 and second.json()["error"]["details"]["resource"] == "agents"
        assert ann.put("/api/v1/resources/quotas", json=quotas).status_code == 200
        ann.delete(f"/api/v1/agents/{agent.json()['data']['agentId']}")
        lower = quotas | {"user": {"ann": {"cpu": 1}}}
        reply = api.put("/api/v1/resources/quotas", json=lower).json()["data"]
        assert reply["exceeded"][0] | {"message": ""} == {
            "scope": "user", "id": "ann", "resource": "cpu", "limit": 1, "inUse": 1.5, "message": ""}
        assert allocate(ann, "c", status=409, requirements={"cpu": 0.1, "memory": 0})["details"]["limit"] == 1
        assert ann.delete(f"/api/v1/resources/allocations/{made['allocationId']}").status_code == 200
        allocate(ann, "c", requirements={"cpu": 1, "memory": 0})
    shown = api.get("/api/v1/resources/quotas").json()["data"]
    assert shown["usage"]["user"]["ann"]["cpu"] == 1 and shown["exceeded"] == []


@pytest.mark.parametrize(
    "body, field",
    [
        ({}, "user"),
        ({"user": [], "team": {}, "project": {}}, "user"),
        ({"user": {"ann": {"cpu": -1}}, "team": {}, "project": {}}, "user.ann.cpu"),
        ({"user": {"ann": {"maxTasks": 1.5}}, "team": {}, "project": {}}, "user.ann.maxTasks"),
        ({"user": {}, "team": {"": {}}, "project": {}}, "team."),
    ],
)
def test_bad_quotas_are_named(api, body, field):
    reply = api.put("/api/v1/resources/quotas", json=body)
    assert reply.status_code == 400
    assert check_envelope(reply, False)["error"]["details"][0]["field"] == field


def test_permissions(small):
    with small.client(small.sign("resources:read")) as reader:
        assert reader.get("/api/v1/resources/usage").status_code == 200
        assert allocate(reader, "a", status=403)["code"] == "AUTHORIZATION_ERROR"
        assert reader.put("/api/v1/resources/quotas", json={}).status_code == 403
        assert reader.delete("/api/v1/resources/allocations/x").status_code == 403
    with small.client(small.sign("agents:read")) as other:
        assert other.get("/api/v1/resources/usage").status_code == 403


def test_the_command_line(small, api):
    def cli(*arguments, code=0):
        done = subprocess.run(
            [BIN / "maos-cli", "--url", small.url, "--token", small.token, *arguments], capture_output=True, text=True,
            timeout=60)
        assert done.returncode == code, done.stderr
        return done.stdout

    made = cli("resource", "allocate", "nightly", "--cpu", "2", "--memory", "512", "--for", "1h").strip()
    assert made in cli("resource", "list") and "nightly" in cli("resource", "usage")
    cli("resource", "allocate", "more", "--cpu", "3", code=1)
    cli("resource", "allocate", "more", "--cpu", "many", code=2)
    cli("quota", "set", "team", "blue", "--cpu", "1", "--tasks", "5")
    cli("quota", "set", "user", "ann", "--agents", "2")
    table = cli("quota", "list").split()
    assert table.count("blue") == 2 and table.count("ann") == 1
    cli("quota", "remove", "team", "blue")
    assert json.loads(cli("quota", "list", "--json"))["team"] == {}
    assert cli("resource", "release", made).split() == [made, "released"]
