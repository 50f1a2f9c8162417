"""Workflows, executions and approvals: the REST interface through httpx, events over the WebSocket."""

import time

import pytest

from conftest import check_envelope

ENDED = ("completed", "failed", "cancelled")


def task(step, command="true", **members):
    return {"id": step, "type": "task", "configuration": {"context": {"command": command}} | members}


def create(http, steps, **members):
    reply = http.post("/api/v1/workflows", json={"name": "a test", "steps": steps} | members)
    assert reply.status_code == 201, reply.text
    return check_envelope(reply, True)["data"]


def execute(http, workflow, **body):
    reply = http.post(f"/api/v1/workflows/{workflow}/execute", json=body)
    assert reply.status_code == 201, reply.text
    return check_envelope(reply, True)["data"]


def ended(http, execution, seconds=30):
    end = time.monotonic() + seconds
    while (shown := http.get(f"/api/v1/executions/{execution}").json()["data"])["status"] not in ENDED:
        assert time.monotonic() < end, shown
        time.sleep(0.02)
    return shown


def test_creating_a_workflow(http):
    """GW-REST-07"""
    made = create(http, [task("a"), task("b")], description="for people", parameters={"x": 1})
    assert made["workflowId"] and made["name"] == "a test" and made["status"] == "active" and made["createdAt"]
    shown = check_envelope(http.get(f"/api/v1/workflows/{made['workflowId']}"), True)["data"]
    assert [s["id"] for s in shown["steps"]] == ["a", "b"]
    assert shown["parameters"] == {"x": 1} and shown["description"] == "for people" and shown["version"] == 1
    listed = http.get("/api/v1/workflows", params={"limit": 1000}).json()["data"]["workflows"]
    assert made["workflowId"] in [w["id"] for w in listed]


@pytest.mark.parametrize(
    "body, field",
    [
        ({}, "name"),
        ({"name": "x"}, "steps"),
        ({"name": "x", "steps": []}, "steps"),
        ({"name": 1, "steps": [task("a")]}, "name"),
        ({"name": "x", "steps": [{"id": "a", "type": "job", "configuration": {}}]}, "steps.0.type"),
        ({"name": "x", "steps": [{"id": "a", "type": "task"}]}, "steps.0.configuration"),
        ({"name": "x", "steps": [task("a"), task("a")]}, "steps.1.id"),
        ({"name": "x", "steps": [task("a") | {"onSuccess": "z"}]}, "steps.0.onSuccess"),
        ({"name": "x", "steps": [task("a") | {"onFailure": "z"}]}, "steps.0.onFailure"),
        ({"name": "x", "steps": [task("a", priority="urgent")]}, "steps.0.configuration.priority"),
        (
            {"name": "x", "steps": [{"id": "d", "type": "decision", "configuration": {"condition": "1 +"}}]},
            "steps.0.configuration.condition",
        ),
        (
            {
                "name": "x", "steps": [task("a"), task("b")],
                "dependencies": [{"stepId": "a", "dependsOn": ["b"]}, {"stepId": "b", "dependsOn": ["a"]}],
            },
            "dependencies",
        ),
        ({"name": "x", "steps": [task("a")], "dependencies": [{"stepId": "z", "dependsOn": ["a"]}]}, "dependencies.0.stepId"),
        ({"name": "x", "steps": [task("a")], "configuration": {"onError": "explode"}}, "configuration.onError"),
    ],
)
def test_a_bad_workflow_is_refused_with_its_field(http, body, field):
    """GW-REST-08"""
    reply = http.post("/api/v1/workflows", json=body)
    assert reply.status_code == 400, reply.text
    details = check_envelope(reply, False)["error"]["details"]
    assert field in [d["field"] for d in details], details


def test_an_execution_and_its_shape(http):
    """GW-REST-09, GW-REST-10, GW-REST-11"""
    made = create(
        http,
        [
            {"id": "d", "type": "decision", "configuration": {"condition": "parameters.n > 3"}, "onSuccess": "big", "onFailure": "small"},
            task("big", ["echo", "${parameters.n}"]) | {"onSuccess": "end"},
            task("small"),
            task("end"),
        ],
    )
    started = execute(http, made["workflowId"], parameters={"n": 5})
    for member in ("id", "workflowId", "status", "currentStep", "progress", "steps", "startTime"):
        assert member in started, started
    shown = ended(http, started["id"])
    assert shown["status"] == "completed" and shown["progress"] == 1 and shown["endTime"]
    statuses = {s["stepId"]: s["status"] for s in shown["steps"]}
    assert statuses == {"d": "completed", "big": "completed", "small": "skipped", "end": "completed"}
    path = f"/api/v1/workflows/{made['workflowId']}/executions"
    assert http.get(f"{path}/{started['id']}").json()["data"]["id"] == started["id"]
    assert [e["id"] for e in http.get(path).json()["data"]["executions"]] == [started["id"]]
    other = create(http, [task("a")])
    assert http.get(f"/api/v1/workflows/{other['workflowId']}/executions/{started['id']}").status_code == 404
    assert http.get(f"{path}/unknown").status_code == 404
    assert http.post("/api/v1/workflows/unknown/execute", json={}).status_code == 404
    assert http.post(f"/api/v1/workflows/{made['workflowId']}/execute", json={"parameters": []}).status_code == 400


def test_a_failure_without_a_handler_fails_the_execution(http):
    """GW-REST-09"""
    made = create(http, [task("a", "exit 4", retryPolicy={"maxAttempts": 1}), task("b")])
    shown = ended(http, execute(http, made["workflowId"])["id"])
    assert shown["status"] == "failed" and "exited with code 4" in shown["error"]
    assert {s["stepId"]: s["status"] for s in shown["steps"]} == {"a": "failed", "b": "skipped"}


def test_control_of_an_execution(http):
    made = create(http, [task("a", ["sleep", "0.5"]), task("b")])
    started = execute(http, made["workflowId"])["id"]
    path = f"/api/v1/workflows/{made['workflowId']}/executions/{started}"
    assert http.post(f"{path}/pause").json()["data"]["status"] == "paused"
    time.sleep(1)
    shown = http.get(path).json()["data"]
    assert shown["status"] == "paused" and shown["steps"][1]["status"] == "pending"
    assert http.post(f"{path}/resume").status_code == 200
    assert ended(http, started)["status"] == "completed"
    assert http.post(f"{path}/resume").status_code == 409
    assert http.post(f"{path}/retry").status_code == 409
    assert http.post(f"{path}/cancel").status_code == 409
    assert http.post(f"{path}/explode").status_code == 404


def test_a_retry_goes_on_from_the_step_that_failed(http, tmp_path):
    flag = tmp_path / "ready"
    made = create(
        http, [task("a", "echo once"), task("b", f"test -e {flag}", retryPolicy={"maxAttempts": 1})]
    )
    started = execute(http, made["workflowId"])["id"]
    assert ended(http, started)["status"] == "failed"
    flag.touch()
    assert http.post(f"/api/v1/executions/{started}/retry").json()["data"]["status"] == "running"
    shown = ended(http, started)
    assert shown["status"] == "completed" and [s["attempt"] for s in shown["steps"]] == [1, 2]


def test_a_new_version_leaves_executions_alone(http):
    made = create(http, [task("a", ["sleep", "0.3"]), task("old")])
    path = f"/api/v1/workflows/{made['workflowId']}"
    started = execute(http, made["workflowId"])["id"]
    body = {"name": "changed", "steps": [task("new")]}
    assert http.put(path, json=body).json()["data"]["version"] == 2
    assert http.put(path, json=body).json()["data"]["version"] == 2
    shown = ended(http, started)
    assert shown["version"] == 1 and [s["stepId"] for s in shown["steps"]] == ["a", "old"]
    assert http.delete(path).status_code == 200
    assert http.post(f"{path}/execute", json={}).status_code == 404


def test_an_approval(http, server):
    """C-27"""
    gate = {"id": "gate", "type": "task", "configuration": {"approval": {"reason": "Ship ${parameters.what}?", "timeout": 60000}}}
    made = create(http, [gate, task("ship", ["echo", "${steps.gate.result.by}"])])
    started = execute(http, made["workflowId"], parameters={"what": "it"})["id"]
    waiting = http.get("/api/v1/approvals", params={"status": "pending", "limit": 1000}).json()["data"]["approvals"]
    approval = next(a for a in waiting if a["executionId"] == started)
    assert approval["reason"] == "Ship it?" and approval["retryCount"] == 0 and approval["timeoutAt"] > approval["createdAt"]
    path = f"/api/v1/approvals/{approval['id']}"
    assert http.post(path, json={}).status_code == 400
    assert http.post(path, json={"approved": "yes"}).status_code == 400
    assert http.post("/api/v1/approvals/unknown", json={"approved": True}).status_code == 404
    with server.client(server.sign("workflows:read")) as reader:
        assert reader.get(path).status_code == 200
        assert reader.post(path, json={"approved": True}).status_code == 403
    answered = http.post(path, json={"approved": True, "comment": "fine"}).json()["data"]
    assert answered["status"] == "approved" and answered["comment"] == "fine" and answered["resolvedBy"]
    assert http.post(path, json={"approved": True}).status_code == 200
    assert http.post(path, json={"approved": False}).status_code == 409
    assert ended(http, started)["status"] == "completed"


def test_permissions(http, server):
    """GW-SEC-05"""
    made = create(http, [task("a")])["workflowId"]
    with server.client(server.sign("tasks:read")) as nobody:
        for method, path in [
            ("GET", "/api/v1/workflows"), ("GET", f"/api/v1/workflows/{made}"), ("POST", "/api/v1/workflows"),
            ("POST", f"/api/v1/workflows/{made}/execute"), ("GET", "/api/v1/executions"), ("GET", "/api/v1/approvals"),
            ("DELETE", f"/api/v1/workflows/{made}"), ("POST", "/api/v1/executions/x/cancel"),
        ]:
            assert nobody.request(method, path, json={}).status_code == 403, (method, path)
    with server.client(server.sign("workflows:execute")) as limited:
        shown = ended(http, limited.post(f"/api/v1/workflows/{made}/execute", json={}).json()["data"]["id"])
        assert shown["status"] == "failed" and "tasks:create" in shown["error"]


def test_events_of_an_execution(http):
    made = create(http, [task("a")])["workflowId"]
    started = execute(http, made)["id"]
    ended(http, started)
    types = "workflow_started,workflow_step_started,workflow_step_completed,workflow_completed"
    since, seen = 1, []
    while True:
        page = http.get("/api/v1/events", params={"types": types, "limit": 1000, "since": since}).json()["data"]
        seen += [e["type"] for e in page["events"] if e["executionId"] == started]
        if page["nextSequence"] == since:
            break
        since = page["nextSequence"]
    assert seen == ["workflow_started", "workflow_step_started", "workflow_step_completed", "workflow_completed"]
