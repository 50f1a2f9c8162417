"""Pools and quotas of tasks through httpx."""

import subprocess

import pytest

from conftest import BIN, check_envelope, new_task, wait_for_end, wait_until


@pytest.fixture(scope="module")
def own():
    from conftest import Server
    server = Server("--limits", "off", configuration={"pools": {"default": {"max": 3}}})
    yield server
    assert server.stop() == 0


@pytest.fixture
def api(own):
    with own.client() as client:
        yield client


def create(client, status=201, **members):
    body = {"name": "builders", "type": "fixed", "minSize": 0, "maxSize": 4} | members
    reply = client.post("/api/v1/agent-pools", json=body)
    assert reply.status_code == status, reply.text
    body = check_envelope(reply, status < 400)
    return body["data"] if status < 400 else body["error"]


def get(client, pool):
    return check_envelope(client.get(f"/api/v1/agent-pools/{pool}"), True)["data"]


def test_a_pool_converges_on_its_target(api):
    """GW-REST-18, GW-REST-19"""
    made = create(api, targetSize=1, agentType="tester", capabilities=["swift"])
    path = f"/api/v1/agent-pools/{made['id']}"
    assert made["type"] == "fixed" and made["capacity"]["min"] == 0 and made["capacity"]["max"] == 4
    wait_until(lambda: [a["status"] for a in get(api, made["id"])["agents"]] == ["ready"], "an agent")
    shown = get(api, made["id"])
    assert shown["agents"][0]["capabilities"] == ["swift"] and shown["utilization"] == 0
    assert shown["health"]["status"] == "healthy" and shown["health"]["healthyAgents"] == 1
    scaled = api.post(f"{path}/scale", json={"targetSize": 3, "reason": "more work"})
    assert scaled.status_code == 200 and scaled.json()["data"]["capacity"]["target"] == 3
    wait_until(lambda: get(api, made["id"])["capacity"]["current"] == 3, "three agents")
    assert api.post(f"{path}/scale", json={"targetSize": 0, "graceful": False}).status_code == 200
    wait_until(lambda: get(api, made["id"])["capacity"]["current"] == 0, "no agents")
    for size in (5, -1, 1.5, "2", None):
        reply = api.post(f"{path}/scale", json={"targetSize": size})
        assert reply.status_code == 400 and reply.json()["error"]["details"][0]["field"] == "targetSize"
    assert api.post("/api/v1/agent-pools/no-such/scale", json={"targetSize": 1}).status_code == 404
    assert api.post("/api/v1/agent-pools/no-such/scale", json={}).status_code == 404
    events = api.get("/api/v1/events", params={"types": "pool_scaled", "limit": 1000}).json()["data"]["events"]
    assert any("more work" in str(event) for event in events)
    assert api.delete(path).json()["data"] == {"poolId": made["id"], "deleted": True}
    assert api.get(path).status_code == 404 and api.delete(path).status_code == 404


CONFIG = {
    "enabled": True, "minSize": 1, "maxSize": 3, "targetUtilization": 0.6, "scaleUpThreshold": 0.8,
    "scaleDownThreshold": 0.2, "cooldownPeriod": 30,
}


def test_autoscaling_is_echoed(api):
    """GW-REST-20"""
    made = create(api)
    path = f"/api/v1/agent-pools/{made['id']}/autoscaling"
    assert check_envelope(api.put(path, json=CONFIG), True)["data"] == CONFIG
    shown = get(api, made["id"])
    assert shown["type"] == "autoscaling" and shown["capacity"]["target"] == 1 and shown["autoscaling"] == CONFIG
    for change, field in [
        ({"minSize": 4}, "minSize"), ({"scaleDownThreshold": 0.8}, "scaleDownThreshold"), ({"enabled": 1}, "enabled"),
        ({"targetUtilization": 1.5}, "targetUtilization"), ({"cooldownPeriod": -1}, "cooldownPeriod"),
    ]:
        reply = api.put(path, json=CONFIG | change)
        assert reply.status_code == 400 and reply.json()["error"]["details"][0]["field"] == field, change
    missing = {name: value for name, value in CONFIG.items() if name != "maxSize"}
    assert api.put(path, json=missing).json()["error"]["details"][0]["field"] == "maxSize"
    assert api.put("/api/v1/agent-pools/no-such/autoscaling", json=CONFIG).status_code == 404
    api.delete(f"/api/v1/agent-pools/{made['id']}")


def test_a_busy_pool_grows(api):
    """GW-REST-21"""
    made = create(
        api, type="autoscaling", agentType="tester", capabilities=["grow"], minSize=1, maxSize=3,
        autoscaling={"cooldownPeriod": 0})
    needs = [{"type": "capability", "name": "grow"}]
    tasks = [
        api.post("/api/v1/tasks", json=new_task(type="test", requirements=needs, context={"command": "sleep 12"})).json()
        ["data"]["taskId"] for _ in range(3)
    ]
    wait_until(lambda: get(api, made["id"])["capacity"]["current"] > 1, "growth", seconds=30)
    assert get(api, made["id"])["capacity"]["current"] <= 3
    for task in tasks:
        api.delete(f"/api/v1/tasks/{task}")
    wait_until(lambda: get(api, made["id"])["capacity"]["current"] == 1, "shrinking", seconds=40)
    api.delete(f"/api/v1/agent-pools/{made['id']}")


def test_the_default_pool(api):
    shown = get(api, "default")
    assert shown["capacity"]["min"] == 0 and shown["capacity"]["max"] == 3
    assert "default" in [pool["id"] for pool in api.get("/api/v1/agent-pools").json()["data"]["pools"]]
    assert api.post("/api/v1/agent-pools/default/scale", json={"targetSize": 2}).json()["data"]["type"] == "fixed"
    wait_until(lambda: get(api, "default")["capacity"]["current"] == 2, "two agents")
    assert api.post("/api/v1/agent-pools/default/scale", json={"targetSize": 4}).status_code == 400
    assert api.delete("/api/v1/agent-pools/default").status_code == 409
    back = CONFIG | {"enabled": False, "minSize": 0}
    assert api.put("/api/v1/agent-pools/default/autoscaling", json=back).json()["data"]["enabled"] is False
    assert get(api, "default")["mode"] == "on_demand"
    assert wait_for_end(api, api.post("/api/v1/tasks", json=new_task()).json()["data"]["taskId"])["status"] == "completed"


@pytest.mark.parametrize(
    "change, field",
    [
        ({"name": ""}, "name"), ({"type": "elastic"}, "type"), ({"minSize": 5}, "minSize"), ({"maxSize": None}, "maxSize"),
        ({"targetSize": 9}, "targetSize"), ({"agentType": "cook"}, "agentType"),
        ({"type": "autoscaling", "autoscaling": {"scaleUpThreshold": 2}}, "autoscaling.scaleUpThreshold"),
    ],
)
def test_bad_pools_are_named(api, change, field):
    assert create(api, status=400, **change)["details"][0]["field"] == field


def test_permissions(own):
    with own.client(own.sign("pools:read")) as reader:
        assert reader.get("/api/v1/agent-pools/default").status_code == 200
        assert create(reader, status=403)["code"] == "AUTHORIZATION_ERROR"
    with own.client(own.sign("tasks:read")) as other:
        assert other.get("/api/v1/agent-pools").status_code == 403


def test_a_task_over_a_quota_waits_and_says_so(own, api):
    quotas = {"user": {"ann": {"maxTasks": 1}}, "team": {}, "project": {}}
    assert api.put("/api/v1/resources/quotas", json=quotas).status_code == 200
    with own.client(own.sign("tasks:*")) as ann:
        first, second = (
            ann.post("/api/v1/tasks", json=new_task(context={"command": "sleep 30"})).json()["data"]["taskId"]
            for _ in range(2))
        wait_until(lambda: ann.get(f"/api/v1/tasks/{first}").json()["data"]["status"] == "running", "a running task")
        reasons = ann.get(f"/api/v1/tasks/{second}/waiting").json()["data"]["reasons"]
        quota = next(reason for reason in reasons if reason["kind"] == "quota")
        assert (quota["scope"], quota["id"], quota["limit"], quota["inUse"]) == ("user", "ann", 1, 1)
        shown = api.get("/api/v1/resources/quotas").json()["data"]["usage"]["user"]["ann"]
        assert shown["tasks"] == 1
        ann.delete(f"/api/v1/tasks/{first}")
        wait_until(lambda: ann.get(f"/api/v1/tasks/{second}").json()["data"]["status"] == "running", "the next task")
        ann.delete(f"/api/v1/tasks/{second}")
    api.put("/api/v1/resources/quotas", json={"user": {}, "team": {}, "project": {}})


def test_the_command_line(own):
    def cli(*arguments, code=0):
        done = subprocess.run(
            [BIN / "maos-cli", "--url", own.url, "--token", own.token, *arguments], capture_output=True, text=True,
            timeout=60)
        assert done.returncode == code, done.stderr
        return done.stdout

    made = cli("pool", "create", "helpers", "--max", "2", "--type", "reviewer").strip()
    assert made in cli("pool", "list") and "reviewer" in cli("pool", "get", made)
    assert "1 agents" in cli("pool", "scale", made, "1", "--reason", "work")
    assert "scales by itself" in cli("pool", "autoscale", made, "--max", "2", "--cooldown", "10s")
    cli("pool", "scale", made, "3", code=1)
    cli("pool", "autoscale", made, "--max", "2", "--up", "2", code=2)
    assert cli("pool", "delete", made).split() == [made, "deleted"]
